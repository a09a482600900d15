#include "pool/evidence/auditing/pace.h"

#include <algorithm>

namespace storagepool::evidence {
namespace {

using std::chrono::duration_cast;
using std::chrono::milliseconds;
using Next = AuditTurn::Next;

constexpr milliseconds kLongestWait{60'000};
constexpr milliseconds kShortestPause{20};
constexpr int kRest = 3;  // times as long as a step takes

}  // namespace

AuditTurn next_turn(const std::optional<AuditProgress>& progress, runtime::Timestamp now, std::int64_t pod,
                    std::int64_t size, const AuditPace& pace) {
  if (!progress) return {.next = Next::kBegin};
  if (progress->phase == AuditProgress::Phase::kEnded) {
    const auto due = progress->began + pace.interval;
    // A clock that was set back keeps nobody from beginning.
    if (now >= due || progress->began > now + pace.interval) return {.next = Next::kBegin};
    return {.wait = std::min(duration_cast<milliseconds>(due - now) + milliseconds{1}, kLongestWait)};
  }
  const auto since = now >= progress->stepped ? now - progress->stepped : progress->stepped - now;
  if (progress->pod != pod && since < kTakeOver) return {.wait = kTakeOver / 2};
  if (progress->size > size) return {.next = Next::kBegin};  // the log was rolled back
  return {.next = Next::kStep};
}

milliseconds pause_after(const AuditProgress& progress, runtime::Timestamp now, milliseconds took,
                         const AuditPace& pace) {
  const std::int64_t entries = std::max<std::int64_t>(0, progress.size - progress.at);
  const std::int64_t blocks = std::max<std::int64_t>(0, progress.blocks - progress.blocks_read);
  const std::int64_t steps = entries / kStepEntries + blocks / kStepBlocks + 1;
  // A tenth is left for what comes between.
  const auto left = duration_cast<milliseconds>(progress.began + pace.interval - pace.interval / 10 - now);
  return std::max({std::min(left / steps, pace.pause), kRest * took, kShortestPause});
}

}  // namespace storagepool::evidence
