#include "operator/manager/faulty_api/fates.h"

#include <random>
#include <utility>
#include <vector>

namespace storagepool::manager::faulty_api {
namespace {

using namespace std::chrono_literals;
using std::chrono::milliseconds;
using Random = std::mt19937_64;

// Of one run: each holds up a worker of the operator, or one of its caches, for many seconds.
constexpr int kMostSilent = 3;
constexpr milliseconds kSilentUntil = 4s;
constexpr int kMostKills = 8;

template <typename T>
struct Chance {
  int percent;
  T what;
};

// The rest of a hundred has the default.
template <typename T>
T draw(Random& random, const std::vector<Chance<T>>& chances) {
  int at = static_cast<int>(random() % 100);
  for (const auto& [percent, what] : chances) {
    if (at < percent) return what;
    at -= percent;
  }
  return {};
}

int status_of(Random& random, Kind kind) {
  constexpr int kOfReads[] = {410, 429, 500, 503};
  constexpr int kOfWrites[] = {409, 409, 410, 429, 500, 503};
  return kind == Kind::kWrite ? kOfWrites[random() % 6] : kOfReads[random() % 4];
}

Fate fate_of(Random& random, Kind kind) {
  switch (kind) {
    case Kind::kRead:
      return draw<Fate>(random, {{5, Fate::kCut},
                                 {5, Fate::kLost},
                                 {5, Fate::kTruncated},
                                 {8, Fate::kDelayed},
                                 {12, Fate::kRefused},
                                 {1, Fate::kSilent}});
    case Kind::kWrite:
      return draw<Fate>(random, {{5, Fate::kCut},
                                 {8, Fate::kLost},
                                 {3, Fate::kLate},
                                 {6, Fate::kOvertaken},
                                 {5, Fate::kTruncated},
                                 {4, Fate::kDelayed},
                                 {14, Fate::kRefused},
                                 {5, Fate::kSeemsFailed},
                                 {1, Fate::kSilent}});
    case Kind::kWatch:
      return draw<Fate>(random, {{5, Fate::kCut}, {15, Fate::kRefused}});
    case Kind::kLease:
      return draw<Fate>(random,
                        {{3, Fate::kCut}, {4, Fate::kLost}, {4, Fate::kDelayed}, {6, Fate::kRefused}});
  }
  return Fate::kServed;
}

End end_of(Random& random) {
  return draw<End>(random, {{10, End::kClean},
                            {12, End::kCut},
                            {12, End::kMidLine},
                            {12, End::kError},
                            {12, End::kHalfOpen},
                            {20, End::kLagging}});
}

std::string_view name(Fate fate) {
  constexpr std::string_view kNames[] = {"served",
                                         "delayed",
                                         "cut",
                                         "answer lost",
                                         "carried out late",
                                         "overtaken",
                                         "answer truncated",
                                         "refused",
                                         "done, answered 504",
                                         "silent",
                                         "operator killed before it",
                                         "operator killed after it"};
  return kNames[static_cast<int>(fate)];
}

std::string_view name(End end) {
  constexpr std::string_view kNames[] = {"",          "ended",     "cut",    "cut in a line",
                                         "ERROR 410", "half-open", "lagging"};
  return kNames[static_cast<int>(end)];
}

}  // namespace

std::string to_string(const Plan& plan) {
  std::string text(plan.end == End::kNone ? name(plan.fate) : name(plan.end));
  if (plan.fate == Fate::kRefused) text += " " + std::to_string(plan.status);
  if (plan.wait > 0ms) text += " after " + std::to_string(plan.wait.count()) + " ms";
  return text;
}

Plan Fates::of(const Asked& asked, milliseconds elapsed, bool healed) {
  const int count = ++counts_[asked.what];
  const auto first = faults_.first.find(asked.what);
  if (count == 1 && first != faults_.first.end()) return first->second;
  if (healed) return {};
  const std::string text = asked.what + "#" + std::to_string(count);
  std::seed_seq sequence(text.begin(), text.end());
  std::uint32_t mixed[2];
  sequence.generate(mixed, mixed + 2);
  Random random(seed_ * 0x9e3779b97f4a7c15u + (std::uint64_t{mixed[0]} << 32 | mixed[1]));
  Plan plan;
  plan.abrupt = random() % 2 == 0;
  if (faults_.kills && asked.kind == Kind::kWrite && random() % 100 < 12 && kills_ < kMostKills) {
    ++kills_;
    plan.fate = random() % 2 == 0 ? Fate::kKilled : Fate::kKilledAfter;
    return plan;
  }
  if (!faults_.network) return plan;
  plan.fate = fate_of(random, asked.kind);
  if (plan.fate == Fate::kRefused) plan.status = status_of(random, asked.kind);
  if (plan.fate == Fate::kDelayed) plan.wait = milliseconds(20 + random() % 400);
  if (plan.fate == Fate::kLate) plan.wait = milliseconds(50 + random() % 1500);
  if (asked.kind == Kind::kWatch && plan.fate == Fate::kServed) {
    plan.end = end_of(random);
    if (plan.end == End::kLagging)
      plan.wait = milliseconds(50 + random() % 700);
    else if (plan.end != End::kNone)
      plan.wait = milliseconds(random() % 4000);
  }
  const bool silent = plan.fate == Fate::kSilent || plan.end == End::kHalfOpen;
  if (silent && (elapsed > kSilentUntil || silent_ >= kMostSilent)) return {};
  silent_ += silent;
  return plan;
}

}  // namespace storagepool::manager::faulty_api
