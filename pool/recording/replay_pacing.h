// When the replay of the journal takes its next batch and how large that is. Pure: told what happened and
// when, it says what to do. Batches begin with one event after an outage and double while they are stored, so
// that a server that is coming back is not met by all at once; a batch that could not be stored halves them.
// While live requests wait for PostgreSQL, replay pauses after each batch for as long as it took, so that it
// has at most half of the time.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <random>
#include <variant>

namespace storagepool::recording {

struct ReplayLimits {
  std::size_t max_events = 500;                          // in one batch
  std::size_t max_bytes = std::size_t{4} * 1024 * 1024;  // of records in one batch
  std::chrono::milliseconds shortest_backoff{100};
  std::chrono::milliseconds longest_backoff{5000};
};

class ReplayPacing {
 public:
  using TimePoint = std::chrono::steady_clock::time_point;

  struct Wait {
    std::optional<TimePoint> until;  // no value: until something is appended
  };
  struct Take {
    std::size_t max_events = 0;
    std::size_t max_bytes = 0;
  };
  using Action = std::variant<Wait, Take>;

  explicit ReplayPacing(const ReplayLimits& limits);

  Action next(TimePoint now, std::int64_t waiting_units) const;

  // A batch is in PostgreSQL and out of the journal.
  void stored(TimePoint now, std::chrono::nanoseconds took, bool live_requests_wait);
  // PostgreSQL or the journal cannot take part now.
  void failed(TimePoint now, std::mt19937_64& random);

  bool backing_off() const { return failures_ > 0; }

 private:
  ReplayLimits limits_;
  std::size_t events_ = 1;
  int failures_ = 0;  // in a row
  TimePoint not_before_ = TimePoint::min();
};

}  // namespace storagepool::recording
