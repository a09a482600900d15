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

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <tl/expected.hpp>

#include "pool/common/settings/settings.h"
#include "pool/engine/core/types.h"
#include "pool/postgres/connection.h"

namespace storagepool::engine {

class Driver;

// A connection that is its holder's until the lease is destroyed. It outlives neither its io_context nor the
// engine's.
class Lease {
 public:
  Lease(Lease&& other) noexcept = default;
  Lease& operator=(Lease&& other) noexcept {
    Lease moved(std::move(other));
    std::swap(driver_, moved.driver_);
    std::swap(session_, moved.session_);
    std::swap(id_, moved.id_);
    return *this;
  }
  Lease(const Lease&) = delete;
  Lease& operator=(const Lease&) = delete;
  ~Lease() {
    if (driver_) give_back();
  }

  postgres::Connection* operator->() const { return session_; }
  postgres::Connection& operator*() const { return *session_; }

 private:
  friend class Driver;
  Lease(std::shared_ptr<Driver> driver, postgres::Connection* session, std::uint64_t id)
      : driver_(std::move(driver)), session_(session), id_(id) {}
  void give_back() noexcept;
  std::shared_ptr<Driver> driver_;  // null after a move
  postgres::Connection* session_;
  std::uint64_t id_;
};

// A database that takes no acquires while this lives, see Engine::close_database.
class ClosedDatabase {
 public:
  ClosedDatabase(ClosedDatabase&& other) noexcept = default;
  ClosedDatabase& operator=(ClosedDatabase&& other) noexcept {
    ClosedDatabase moved(std::move(other));
    std::swap(driver_, moved.driver_);
    std::swap(database_, moved.database_);
    return *this;
  }
  ClosedDatabase(const ClosedDatabase&) = delete;
  ClosedDatabase& operator=(const ClosedDatabase&) = delete;
  ~ClosedDatabase();

 private:
  friend class Driver;
  ClosedDatabase(std::shared_ptr<Driver> driver, std::string database)
      : driver_(std::move(driver)), database_(std::move(database)) {}
  std::shared_ptr<Driver> driver_;  // null after a move
  std::string database_;
};

// What the engine tells its owner; called on the engine's executor, must not block.
struct Listener {
  std::function<void()> on_connected;  // a new session was established
  // A connect attempt to this database ended badly.
  std::function<void(std::string_view database, const postgres::Error&)> on_connect_failed;
  std::function<void()> on_connection_lost;  // an established session died under us
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

  // Waits for a connection to `database` until `deadline` or, if sooner, `acquireTimeout` from now. What is
  // returned must be awaited while what `database` views lives, at the latest when the engine is destroyed.
  boost::asio::awaitable<tl::expected<Lease, AcquireError>> acquire(std::string_view database,
                                                                    TimePoint deadline);

  // Takes effect at once: idle connections over the limit are closed now, busy ones on release (E4).
  void reconfigure(const settings::Settings& settings);
  settings::Settings in_force() const;  // read back from the core
  Statistics statistics() const;
  // Of every database with a socket or a waiter, by name. Takes time in proportion to their number, during
  // which nothing is handed out: for people and scrapers, not for every request.
  std::vector<DatabaseStatistics> database_statistics() const;

  // Until `resume` nothing is handed out or opened: idle connections are closed now, busy ones on release,
  // and waiters wait for their deadline. True when every socket was let go of by `deadline`, false when not,
  // or when resumed meanwhile; the pool stays suspended then.
  boost::asio::awaitable<bool> suspend(TimePoint deadline);
  void resume();

  // Makes one session with these options, which need not be those in force, hands it to `trial` and closes
  // it: the error says why it was not admitted, or is what `trial` says. It counts in maxOpenConns: where
  // every token is taken, one is taken from an idle connection or from the next that is given back. By
  // `deadline` without one the error is kTimeout. One trial at a time.
  using Trial =
      std::function<boost::asio::awaitable<tl::expected<void, postgres::Error>>(postgres::Connection&)>;
  boost::asio::awaitable<tl::expected<void, postgres::Error>> try_connect(postgres::ConnectOptions options,
                                                                          Trial trial, TimePoint deadline);

  // No connection made or begun before is handed out again, as after a change of credentials: idle ones are
  // closed now, busy ones on release. New ones read the options source again.
  void retire_connections();
  // How many of them the server has not let go of yet, with the one of a trial. For people and the operator,
  // not for every request.
  std::int64_t retired_connections() const;

  // For DROP DATABASE. Waiters for the database and new acquires fail (kDatabaseClosed) from now until the
  // guard is destroyed, which is given once the server has let go of every session of it. When leases are not
  // given back by `deadline` the error is kDeadlineExceeded and acquires work again.
  boost::asio::awaitable<tl::expected<ClosedDatabase, AcquireError>> close_database(std::string_view database,
                                                                                    TimePoint deadline);

  // Refuses new acquires, waits for leases to come back and closes everything; true when all sockets were let
  // go.
  boost::asio::awaitable<bool> drain(TimePoint deadline);

 private:
  std::shared_ptr<Driver> driver_;
};

}  // namespace storagepool::engine
