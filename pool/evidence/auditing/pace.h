// When the full audit takes its next step, and whose it is. Pure.
//
// A pass begins every `interval`. It takes a step a second, of so many entries or blocks, which is hardly
// noticed; where that would not end it in time, as many as are needed, but never more than a quarter of the
// time, so that most of it is left to others.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>

#include "pool/common/runtime/timestamp.h"
#include "pool/evidence/auditing/progress.h"

namespace storagepool::evidence {

inline constexpr std::int64_t kStepEntries = 256;
inline constexpr std::int64_t kStepBlocks = 32;

struct AuditPace {
  std::chrono::milliseconds interval{std::chrono::hours{7 * 24}};
  std::chrono::milliseconds pause{1000};
};

// A pod that has not been heard of for so long has ended.
inline constexpr std::chrono::seconds kTakeOver{60};

struct AuditTurn {
  enum class Next { kBegin, kStep, kWait };
  Next next = Next::kWait;
  std::chrono::milliseconds wait{};  // until the next look
};

// `size`: of the log now.
AuditTurn next_turn(const std::optional<AuditProgress>& progress, runtime::Timestamp now, std::int64_t pod,
                    std::int64_t size, const AuditPace& pace);

// How long to leave it be after a step that took so long.
std::chrono::milliseconds pause_after(const AuditProgress& progress, runtime::Timestamp now,
                                      std::chrono::milliseconds took, const AuditPace& pace);

}  // namespace storagepool::evidence
