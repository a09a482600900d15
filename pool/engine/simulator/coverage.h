// What a schedule brought about: a run in which nothing ever happened would keep every invariant, too.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>
#include <utility>

namespace storagepool::engine::simulator {

enum class Seen : std::uint8_t {
  kEvents,
  kHanded,
  kTakenIdle,
  kGivenBackIdle,
  kExpired,
  kTooManyWaiters,
  kGaveWay,
  kRefusedByDrain,
  kRefusedByClosedDatabase,
  kToldOfFailure,
  kOpens,
  kSlowConnects,
  kConnectTimeouts,
  kServerFull,
  kLastingFailures,
  kDatabaseFailures,
  kRestarts,
  kDiedIdle,
  kDiedBusy,
  kDiedOpening,
  kFoundDead,
  kValidations,
  kDoubts,
  kFailedValidations,
  kEvictions,
  kYields,
  kIdleLimitCloses,
  kExpiredCloses,
  kShrunkCloses,
  kExpiredWaiting,
  kExpiredOpening,
  kExpiredValidating,
  kAbandoned,
  kReconfigures,
  kReconfigureStorms,
  kBursts,
  kSuspends,
  kResumes,
  kRetires,
  kRetiredCloses,
  kDatabaseCloses,
  kDatabaseReopens,
  kJustBefore,
  kJustAt,
  kJustAfter,
  kLateTicks,
  kStaleNews,
  kDrains,
  kTensOfDatabases,
  kThousandsOfDatabases,
  kCount,
};

inline constexpr std::array<std::string_view, static_cast<std::size_t>(Seen::kCount)> kSeenNames = {
    "events",
    "connections handed out",
    "idle connections taken the short way",
    "connections given back the short way",
    "waiters expired",
    "waiters refused by maxWaiters",
    "waiters refused for the newcomer of another database",
    "waiters refused by a drain",
    "waiters refused by a closed database",
    "waiters told of a failed connect",
    "connects begun",
    "connects that took over a second",
    "connects never answered",
    "connects refused by a full server (53300)",
    "connects failed until a person acts",
    "connects failed for one database",
    "server restarts",
    "idle connections lost",
    "busy connections lost",
    "connects cut off by a restart",
    "idle connections found dead on acquire",
    "validations",
    "validations because another connection was lost",
    "failed validations",
    "evictions",
    "connections given up for an older waiter",
    "closes by maxIdleConns",
    "closes by age",
    "closes over a smaller limit",
    "expired while waiting",
    "expired while connecting",
    "expired while validating",
    "handed but abandoned",
    "reconfigures",
    "reconfigure storms",
    "bursts of acquires",
    "suspends",
    "resumes",
    "retires",
    "closes of retired connections",
    "databases closed",
    "databases reopened",
    "events 1 ns before a deadline",
    "events at a deadline",
    "events 1 ns after a deadline",
    "late ticks",
    "stale news",
    "drains",
    "schedules with tens of databases",
    "schedules with thousands of databases",
};

class Coverage {
 public:
  void saw(Seen what) { ++counts_[static_cast<std::size_t>(what)]; }
  std::int64_t of(Seen what) const { return counts_[static_cast<std::size_t>(what)]; }
  void add(const Coverage& other) {
    for (std::size_t i = 0; i < counts_.size(); ++i) counts_[i] += other.counts_[i];
  }

 private:
  std::array<std::int64_t, static_cast<std::size_t>(Seen::kCount)> counts_{};
};

}  // namespace storagepool::engine::simulator
