// The pool engine of a managed pod: one budget of PostgreSQL connections over any number of databases of one
// server. This header is the whole surface; the decisions are in engine/core (pure), the I/O in
// engine/driver.
//
//   auto lease = co_await engine.acquire("audit", deadline);
//   if (!lease) co_return unavailable(lease.error());
//   auto rows = co_await (*lease)->query("SELECT ...", {}, deadline);
//
// A lease returns its connection when it is destroyed: reusable if it is clean, rolled back if a transaction
// is open, closed otherwise (E7). All members may be called from any thread.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <tl/expected.hpp>

#include "pool/postgres/connection.h"
#include "pool/settings/settings.h"

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

class Engine;

class Lease {
 public:
  Lease(Lease&&) noexcept;
  Lease& operator=(Lease&&) noexcept;
  Lease(const Lease&) = delete;
  Lease& operator=(const Lease&) = delete;
  ~Lease();

  postgres::Connection* operator->() const { return connection_; }
  postgres::Connection& operator*() const { return *connection_; }

 private:
  friend class Engine;
  struct Return;  // gives the connection back to its engine
  Lease(postgres::Connection* connection, std::unique_ptr<Return> give_back);
  postgres::Connection* connection_ = nullptr;
  std::unique_ptr<Return> return_;
};

// What the engine tells its owner; called on the engine's executor, must not block.
struct Listener {
  std::function<void()> on_connected;                             // a new session was established
  std::function<void(const postgres::Error&)> on_connect_failed;  // a connect attempt ended badly
  std::function<void()> on_connection_lost;                       // an established session died under us
};

class Engine {
 public:
  // Produces the options of a new session each time one is opened, so that rotated credentials take effect;
  // the error is kCredentialsMissing when the mounted Secret is absent or incomplete.
  using ConnectOptionsSource = std::function<tl::expected<postgres::ConnectOptions, postgres::Error>()>;

  Engine(const boost::asio::any_io_executor& executor, ConnectOptionsSource options,
         std::string system_database, const settings::Settings& settings, Listener listener);
  ~Engine();
  Engine(const Engine&) = delete;
  Engine& operator=(const Engine&) = delete;

  // Waits for a connection to `database` until `deadline` or, if sooner, `acquireTimeout` from now.
  boost::asio::awaitable<tl::expected<Lease, AcquireError>> acquire(std::string_view database,
                                                                    TimePoint deadline);

  // Takes effect at once: idle connections over the limit are closed now, busy ones on release (E4).
  void reconfigure(const settings::Settings& settings);
  settings::Settings in_force() const;  // read back from the core
  Statistics statistics() const;

  // Refuses new acquires, waits for leases to come back and closes everything; true when all sockets were let
  // go.
  boost::asio::awaitable<bool> drain(TimePoint deadline);

 private:
  struct Impl;
  std::shared_ptr<Impl> impl_;
};

}  // namespace storagepool::engine
