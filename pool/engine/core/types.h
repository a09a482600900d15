// What the engine and its core tell those who use them: times, why no connection was given, and how the pool
// fares. Values without behaviour, of the standard library alone.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>

namespace storagepool::engine {

using TimePoint = std::chrono::steady_clock::time_point;

struct AcquireError {
  enum class Reason { kDeadlineExceeded, kTooManyWaiters, kDraining, kConnectFailed, kDatabaseClosed };
  Reason reason = Reason::kDeadlineExceeded;
  std::string detail;                       // safe to show to a client
  std::chrono::milliseconds retry_after{};  // a sensible `Retry-After`, at least one second
};

// Meanings as in Go's database/sql DBStats; durations cumulative.
struct Statistics {
  std::int64_t max_open = 0;
  std::int64_t open = 0;     // in_use + idle
  std::int64_t opening = 0;  // connects under way
  std::int64_t closing = 0;  // Terminate sent, the server has not let go yet
  std::int64_t in_use = 0;
  std::int64_t idle = 0;
  std::int64_t waiting = 0;
  std::int64_t wait_count = 0;
  std::chrono::nanoseconds wait_duration{};
  std::int64_t max_idle_closed = 0;
  std::int64_t max_idle_time_closed = 0;
  std::int64_t max_lifetime_closed = 0;
  std::int64_t evicted = 0;
  std::int64_t connect_failures = 0;
  std::int64_t open_high_water = 0;  // of open + opening + closing
};

// One database's part of the pool at one moment.
struct DatabaseStatistics {
  std::string name;
  std::int64_t max_open = 0;  // maxConnsPerDatabase; of the system database maxOpenConns
  std::int64_t open = 0;      // in_use + idle
  std::int64_t in_use = 0;
  std::int64_t idle = 0;
  std::int64_t waiting = 0;
  friend bool operator==(const DatabaseStatistics&, const DatabaseStatistics&) = default;
};

}  // namespace storagepool::engine
