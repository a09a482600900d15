// Checks of what must hold, on in every build. Two kinds, by what a violation means:
//
//   STORAGEPOOL_INVARIANT(sockets <= limit, "too many sockets", {"sockets", sockets}, {"limit", limit});
//
//     Going on would break a promise: the violation is reported and the program ends with SIGABRT. A pod that
//     starts anew keeps its promises; one that goes on with a wrong count does not.
//   if (!STORAGEPOOL_EXPECT(index != kNone, "release of an unknown lease", {"connection", id})) return;
//     Going on is safe: the violation is reported and counted, and the expression is false.
//
// A report names what was violated, where, and the facts given, which are numbers so that no check can leak
// what clients sent. Of one place the 1st, 2nd, 4th, 8th … violation is reported: a check in a loop does not
// fill the log. Facts are evaluated only on a violation. Thread-safe. Depends on the standard library alone,
// so that what is pure may use it.
#pragma once

#include <atomic>
#include <cstdint>
#include <initializer_list>
#include <string_view>

namespace storagepool::check {

struct Fact {
  template <typename T>
  Fact(std::string_view n, T v) : name(n), value(static_cast<std::int64_t>(v)) {}
  std::string_view name;
  std::int64_t value;
};
using Facts = std::initializer_list<Fact>;

// One STORAGEPOOL_EXPECT in the sources.
struct Site {
  const char* file;
  int line;
  std::atomic<std::uint64_t> violations{0};
};

struct Violation {
  std::string_view what;
  const char* file;
  int line;
  Facts facts;
  bool fatal;
  std::uint64_t times;  // at this place since the start
};

// Where reports go from now on; until the first call, and with null, to standard error as JSON. Must not
// throw.
using Reporter = void (*)(const Violation&);
void report_to(Reporter reporter);

// Violations of STORAGEPOOL_EXPECT since the start, reported or not.
std::uint64_t violations();

// What the macros call.
[[noreturn]] void end(std::string_view what, const char* file, int line, Facts facts);
bool violated(Site& site, std::string_view what, Facts facts);  // false

}  // namespace storagepool::check

#define STORAGEPOOL_INVARIANT(condition, what, ...) \
  ((condition) ? void() : ::storagepool::check::end((what), __FILE__, __LINE__, {__VA_ARGS__}))

#define STORAGEPOOL_EXPECT(condition, what, ...)                        \
  ((condition) || [&] {                                                 \
    static ::storagepool::check::Site site{__FILE__, __LINE__};         \
    return ::storagepool::check::violated(site, (what), {__VA_ARGS__}); \
  }())
