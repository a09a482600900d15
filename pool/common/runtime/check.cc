#include "pool/common/runtime/check.h"

#include <bit>
#include <cstdio>
#include <cstdlib>
#include <string>

namespace storagepool::check {
namespace {

// Texts of the program's own, which need no escaping.
void to_standard_error(const Violation& violation) {
  std::string facts;
  for (const Fact& fact : violation.facts) {
    facts += ",\"" + std::string(fact.name) + "\":" + std::to_string(fact.value);
  }
  std::fprintf(stderr,
               R"({"level":"error","message":"%.*s","file":"%s","line":%d,"fatal":%s,"times":%llu%s})"
               "\n",
               static_cast<int>(violation.what.size()), violation.what.data(), violation.file, violation.line,
               violation.fatal ? "true" : "false", static_cast<unsigned long long>(violation.times),
               facts.c_str());
}

std::atomic<Reporter>& reporter() {
  static std::atomic<Reporter> instance{&to_standard_error};
  return instance;
}

std::atomic<std::uint64_t>& total() {
  static std::atomic<std::uint64_t> instance{0};
  return instance;
}

}  // namespace

void report_to(Reporter to) {
  reporter() = to ? to : &to_standard_error;
}

std::uint64_t violations() {
  return total();
}

void end(std::string_view what, const char* file, int line, Facts facts) {
  reporter().load()({what, file, line, facts, true, 1});
  std::abort();
}

bool violated(Site& site, std::string_view what, Facts facts) {
  ++total();
  const std::uint64_t times = ++site.violations;
  if (std::has_single_bit(times)) reporter().load()({what, site.file, site.line, facts, false, times});
  return false;
}

}  // namespace storagepool::check
