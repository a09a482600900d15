// Which of the states of a log that were committed may be shown: those that no failover takes back, because
// every standby has them. Pure; the clock is given.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

#include "pool/evidence/sealing/judge.h"

namespace storagepool::evidence {

// Those that stream from the server, as one look shows them.
struct Standbys {
  bool any = false;
  std::uint64_t position = 0;              // in the WAL, up to which the server itself has flushed it
  std::optional<std::uint64_t> flushed{};  // by all of them; no value: the role may not see that
  std::chrono::milliseconds age{0};        // of the newest seal, by the server's clock
};

class Publishing {
 public:
  using TimePoint = std::chrono::steady_clock::time_point;
  // Where nobody says how far standbys are, they have what is as old as this.
  static constexpr std::chrono::seconds kDelay{5};
  static constexpr std::size_t kMostWaiting = 8;  // the newest of more come once there is room

  // `committed` was seen before the look at `standbys`. The newest that may be shown, where it is another
  // than what is; one that is not `committed` only if the log is proven to begin with it still.
  std::optional<Floor> look(TimePoint now, const Floor& committed, const Standbys& standbys);
  void show(const Floor& log) { shown_ = log; }
  // What was shown is of another history, as a person has said.
  void forget() { *this = {}; }

  const std::optional<Floor>& shown() const { return shown_; }
  bool waiting() const { return !waiting_.empty(); }
  // For how long the oldest has.
  std::chrono::steady_clock::duration waited(TimePoint now) const {
    return waiting() ? now - waiting_.front().since : std::chrono::steady_clock::duration{0};
  }

 private:
  struct Waiting {
    Floor log{};
    std::uint64_t position = 0;
    TimePoint since{};
  };
  std::optional<Floor> shown_{};
  std::vector<Waiting> waiting_{};  // the oldest first
};

}  // namespace storagepool::evidence
