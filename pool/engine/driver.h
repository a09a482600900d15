// Carries out what the core decides: the I/O half of the engine. One mutex guards the core and the
// bookkeeping; it is held for computations and for calls that cannot block, never across I/O. Connects,
// checks, rollbacks and closes are coroutines on a strand of their session, and outlive whoever asked for
// them.
//
// Sessions are not reset between leases beyond ROLLBACK: all SQL is this project's own and leaves no other
// state, and the limits of a session (statement_timeout, lock_timeout) are set again when they change.
#pragma once

#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <random>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/steady_timer.hpp>
#include <tl/expected.hpp>

#include "pool/engine/core.h"
#include "pool/engine/engine.h"
#include "pool/postgres/connect.h"

namespace storagepool::engine {

class Driver : public std::enable_shared_from_this<Driver> {
 public:
  struct Handed {
    ConnectionId id;
    postgres::Connection* connection;
  };
  using Answer = tl::expected<Handed, AcquireError>;

  Driver(const boost::asio::any_io_executor& executor, Engine::ConnectOptionsSource options,
         std::string system_database, const settings::Settings& settings, Listener listener);

  boost::asio::awaitable<Answer> acquire(std::string database, TimePoint deadline);
  void give_back(ConnectionId id);
  void reconfigure(const settings::Settings& settings);
  settings::Settings in_force() const;
  Statistics statistics() const;
  boost::asio::awaitable<bool> drain(TimePoint deadline);
  // Answers every waiter and drops every idle session; leased ones end with their lease.
  void shut_down();

 private:
  using Lock = std::unique_lock<std::mutex>;
  struct Entry {
    std::shared_ptr<postgres::Session> session;
    boost::asio::any_io_executor strand;
    std::uint64_t watch = 0;  // which watch its callbacks belong to
    bool watched = false;
  };
  // Lives in the frame of the waiting coroutine.
  struct Waiting {
    explicit Waiting(const boost::asio::any_io_executor& executor)
        : signal(executor, boost::asio::steady_timer::time_point::max()) {}
    boost::asio::steady_timer signal;  // expires when there is an answer
    std::optional<Answer> answer;
  };
  class Registration;
  class DrainRegistration;

  // Ends every change of the core: carries out its actions, watches `touched` if it is idle now, sets the
  // timer.
  void settle(Lock& lock, ConnectionId touched = 0);
  void carry_out(const Action& action);
  void answer(WaiterId waiter, Answer answer);
  void watch(ConnectionId id, Entry& entry);
  void unwatch(Entry& entry);
  void on_readable(ConnectionId id, std::uint64_t watch);
  void set_timer();
  void apply_limits(postgres::Connection& session) const;
  void remove_dead_candidates(std::string_view database);

  boost::asio::awaitable<void> open(ConnectionId id, std::string database,
                                    boost::asio::any_io_executor strand);
  boost::asio::awaitable<void> validate(ConnectionId id, std::shared_ptr<postgres::Session> session);
  boost::asio::awaitable<void> roll_back(ConnectionId id, std::shared_ptr<postgres::Session> session);
  boost::asio::awaitable<void> close(ConnectionId id, std::shared_ptr<postgres::Session> session);
  tl::expected<postgres::ConnectOptions, postgres::Error> connect_options(const std::string& database) const;
  // Starts a coroutine of the engine's own on `strand`.
  void spawn(const boost::asio::any_io_executor& strand, boost::asio::awaitable<void> work);
  void tell_lost();

  const boost::asio::any_io_executor executor_;
  const Engine::ConnectOptionsSource options_;
  const Listener listener_;

  mutable std::mutex mutex_;
  Core core_;
  bool shut_ = false;
  std::unordered_map<ConnectionId, Entry> entries_;
  std::unordered_map<WaiterId, Waiting*> waiting_;
  std::vector<boost::asio::steady_timer*> drains_;
  // The waiter whose acquire is being carried out, before it is known by its id.
  std::optional<std::pair<WaiterId, Answer>> early_answer_;
  std::vector<Action> actions_;
  std::vector<Action> io_;  // opens, checks and closes to start once the mutex is free
  boost::asio::steady_timer timer_;
  TimePoint timer_at_ = TimePoint::max();
};

}  // namespace storagepool::engine
