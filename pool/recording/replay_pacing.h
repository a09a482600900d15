// Which workspace's units the replay of the journal takes next, how many, and when. Pure: told what waits,
// what happened and when, it says what to do. Workspaces take turns, each at its own pace: its batches begin
// with one event after an outage and double while they are stored, so that a server that is coming back is
// not met by all at once; a batch that could not be stored halves them, and the next one comes after a pause
// that grows. Workspaces whose last batch could not be stored have a lane of their own, so that what hangs
// there is nobody else's wait. While live requests come, batches are small, for each delays whoever comes
// meanwhile, and replay pauses after each for as long as it took, so that it has at most half of the time.
//
// Units that wait for something else, as a child for its parent, are put off: the replay goes on behind them,
// and begins anew from the oldest after a while, for which it takes at most a fifth of the time.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <random>
#include <span>
#include <string>
#include <unordered_map>
#include <variant>

#include "pool/journal/journal.h"

namespace storagepool::recording {

struct ReplayLimits {
  std::size_t max_events = 500;                          // in one batch
  std::size_t max_events_beside_live = 16;               // likewise, while live requests come
  std::size_t max_bytes = std::size_t{4} * 1024 * 1024;  // of records in one batch
  std::chrono::milliseconds shortest_backoff{100};
  std::chrono::milliseconds longest_backoff{5000};
  std::chrono::milliseconds put_off{10'000};  // at least
};

class ReplayPacing {
 public:
  using TimePoint = std::chrono::steady_clock::time_point;
  enum class Lane { kFlowing, kFailing };

  struct Wait {
    std::optional<TimePoint> until;  // no value: until something is appended or changes lanes
  };
  struct Take {
    std::string workspace;
    std::size_t max_events = 0;
    std::size_t max_bytes = 0;
    std::int64_t after = 0;  // what is put off lies up to here
  };
  using Action = std::variant<Wait, Take>;

  explicit ReplayPacing(const ReplayLimits& limits) : limits_(limits) {}

  // `waiting`: in the journal now. What is to be taken is ended by one of `done`, `failed` and
  // `journal_failed`; until then nobody else is to take of that workspace.
  Action next(Lane lane, TimePoint now, std::span<const journal::WaitingWorkspace> waiting);

  // A unit of the batch stays where it is for the time being.
  void put_off(const std::string& workspace, std::int64_t sequence, TimePoint now);
  // There was nothing behind what is put off.
  void reached_end(const std::string& workspace, TimePoint now);
  // The rest of the batch is in PostgreSQL and out of the journal.
  void done(const std::string& workspace, TimePoint now, std::chrono::nanoseconds took, bool live_requests);
  // PostgreSQL cannot take part now; true if it could at the last batch of that workspace.
  bool failed(const std::string& workspace, TimePoint now, std::mt19937_64& random);
  // The journal cannot; `workspace` if a batch of it was taken.
  void journal_failed(const std::optional<std::string>& workspace, TimePoint now, std::mt19937_64& random);
  // No pauses for live requests any more, and those that fail are tried once more, at once.
  void hurry();

  bool failing() const;  // any workspace

 private:
  struct Backoff {
    int failures = 0;  // in a row
    TimePoint until = TimePoint::min();
  };
  struct Workspace {
    std::size_t events = 1;
    Backoff backoff{};
    bool taken = false;
    std::uint64_t turn = 0;                 // of the last batch
    std::int64_t position = 0;              // units up to here that still wait are put off
    std::int64_t passed = 0;                // so many
    std::int64_t passed_before = 0;         // when the batch was taken
    std::int64_t waiting_before = 0;        // likewise
    std::chrono::nanoseconds spent{};       // on batches with such
    TimePoint again_at = TimePoint::max();  // when they are tried again
  };

  void look_again(Workspace& workspace, TimePoint now) const;
  void back_off(Backoff& backoff, TimePoint now, std::mt19937_64& random) const;
  // When a batch of it may be taken; no value: not before an append.
  std::optional<TimePoint> ready_at(const Workspace& workspace, std::int64_t waiting_units) const;
  void forget_others(std::span<const journal::WaitingWorkspace> waiting);

  ReplayLimits limits_;
  std::unordered_map<std::string, Workspace> workspaces_;  // those that something waits for
  Backoff journal_;
  TimePoint not_before_ = TimePoint::min();  // for live requests
  std::uint64_t turns_ = 0;
};

}  // namespace storagepool::recording
