// Carries out what the core decides: the I/O half of the engine. One mutex guards the core and the
// bookkeeping; it is held for computations and for calls that cannot block, never across I/O. Connects,
// checks, rollbacks and closes are coroutines on a strand of their session, and outlive whoever asked for
// them.
//
// A session is looked at, by a `poll` of its socket that costs no round trip, before it is handed out after
// kTrusted or more of being idle, and every kSweepPeriod while it is idle. So nothing that is known, or could
// have been known for longer than kTrusted, to be dead is handed out, the token of a session that died idle
// is free within a second, and the look costs at most one call per kTrusted and connection, however fast
// connections change hands.
//
// A session that is given back while others wait is handed on when the loop comes round, with all others that
// were given back until then: one turn of the loop wakes them all. Until then it is whose who asks for it
// (Core::keeps).
//
// Sessions are not reset between leases beyond ROLLBACK: all SQL is this project's own and leaves no other
// state, and the limits of a session (statement_timeout, lock_timeout) are set again when they change.
#pragma once

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <list>
#include <memory>
#include <mutex>
#include <optional>
#include <random>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/steady_timer.hpp>
#include <tl/expected.hpp>

#include "pool/common/runtime/clock.h"
#include "pool/engine/core/core.h"
#include "pool/engine/doubts.h"
#include "pool/engine/engine.h"
#include "pool/engine/spin_mutex.h"
#include "pool/postgres/connect.h"

namespace storagepool::engine {

class Driver : public std::enable_shared_from_this<Driver> {
 public:
  using Answer = tl::expected<Lease, AcquireError>;

  static constexpr std::chrono::milliseconds kTrusted{1};
  static constexpr std::chrono::milliseconds kSweepPeriod{500};

  Driver(const boost::asio::any_io_executor& executor, Engine::ConnectOptionsSource options,
         std::string system_database, const settings::Settings& settings, Listener listener);

  static boost::asio::awaitable<Answer> acquire(std::shared_ptr<Driver> self, std::string_view database,
                                                TimePoint deadline);
  void give_back(ConnectionId id, const postgres::Connection& session);

  void reconfigure(const settings::Settings& settings);
  settings::Settings in_force() const;
  Statistics statistics() const;
  std::vector<DatabaseStatistics> database_statistics() const;
  static boost::asio::awaitable<bool> suspend(std::shared_ptr<Driver> self, TimePoint deadline);
  void resume();
  void retire();
  static boost::asio::awaitable<tl::expected<void, postgres::Error>> try_connect(
      std::shared_ptr<Driver> self, postgres::ConnectOptions options, Engine::Trial trial,
      TimePoint deadline);
  std::int64_t retired() const;
  static boost::asio::awaitable<tl::expected<ClosedDatabase, AcquireError>> close_database(
      std::shared_ptr<Driver> self, std::string database, TimePoint deadline);
  void reopen_database(const std::string& database);
  static boost::asio::awaitable<bool> drain(std::shared_ptr<Driver> self, TimePoint deadline);
  // Answers every waiter and drops every idle session; leased ones end with their lease.
  void shut_down();

 private:
  using Lock = std::unique_lock<SpinMutex>;
  struct Entry {
    ConnectionId id = 0;  // 0: the place is free
    std::shared_ptr<postgres::Session> session = nullptr;
    boost::asio::any_io_executor strand = {};
    std::uint64_t limits = 0;  // which of the settings the session's limits are from
  };
  enum class Wake : std::uint8_t { kLater, kHere };
  class Waiting;
  class Milestone;
  class Asking;

  // Ends every change of the core: carries out its actions and sets the timer, then wakes who was answered
  // and starts the I/O with the mutex free. Once shut down, only answers those who gave an order. kHere:
  // those of this loop run on within the call.
  void settle(Lock lock, Wake how = Wake::kLater);
  static void wake(Waiting* first, Wake how);
  void carry_out(const Action& action);
  TimePoint now() const { return std::max(runtime::steady_now(), core_.now()); }
  static AcquireError shut_error();
  static std::string commit_level(const settings::Settings& settings);  // as a session takes it
  Entry& entry(ConnectionId id) { return entries_[static_cast<std::uint32_t>(id)]; }
  postgres::Session& ready(ConnectionId id);
  void answer(WaiterId waiter, Answer answer);
  ConnectionId take_kept(TimePoint now, std::string_view database, TimePoint deadline);
  void hand_on();
  void remove_dead_candidates(TimePoint now, std::string_view database);
  void set_timer();
  void on_timer();
  void sweep();

  boost::asio::awaitable<void> open(ConnectionId id, std::string database,
                                    boost::asio::any_io_executor strand);
  static boost::asio::awaitable<tl::expected<void, postgres::Error>> hold_trial(
      boost::asio::any_io_executor strand, postgres::ConnectOptions options, Engine::Trial trial,
      TimePoint deadline);
  boost::asio::awaitable<void> validate(ConnectionId id, std::shared_ptr<postgres::Session> session);
  boost::asio::awaitable<void> roll_back(ConnectionId id, std::shared_ptr<postgres::Session> session);
  void put_back(ConnectionId id, const postgres::Session& session, bool clean);
  boost::asio::awaitable<void> close(ConnectionId id, std::shared_ptr<postgres::Session> session);
  tl::expected<postgres::ConnectOptions, postgres::Error> connect_options(const std::string& database) const;
  boost::asio::awaitable<void> ask(ConnectionId id, std::shared_ptr<postgres::Session> session);
  // Has the session end at the server what is in doubt, unless another is at it. False when it broke over it.
  boost::asio::awaitable<bool> settle_doubts(postgres::Session& session, TimePoint deadline);
  void doubt(int backend, ConnectionId token);
  void let_go(const std::vector<ConnectionId>& tokens);
  // Starts a coroutine of the engine's own on `strand`, and lives until it has ended.
  void spawn(const boost::asio::any_io_executor& strand, boost::asio::awaitable<void> work);
  void tell_lost();

  const boost::asio::any_io_executor executor_;
  const Engine::ConnectOptionsSource options_;
  const Listener listener_;

  mutable SpinMutex mutex_;
  Core core_;
  bool shut_ = false;
  std::vector<Entry> entries_;      // by the low half of the connection's id
  std::vector<Waiting*> waiting_;   // by the low half of the waiter's id
  Waiting* first_ready_ = nullptr;  // answered and suspended, in this order
  Waiting* last_ready_ = nullptr;
  std::vector<ConnectionId> kept_;  // given back, until `hand_on`
  bool handing_on_ = false;         // it is on its way
  TimePoint kept_since_{};          // since when it is
  Doubts doubts_;
  bool asking_ = false;               // a session asks after them
  std::list<Milestone*> milestones_;  // what is waited for by those who give orders
  std::uint64_t limits_ = 1;          // counts the changes of settings
  std::uint64_t resumes_ = 0;
  std::vector<Action> actions_;
  std::vector<Action> io_;  // opens, checks and closes to start once the mutex is free
  boost::asio::steady_timer timer_;
  TimePoint timer_at_ = TimePoint::max();
  TimePoint sweep_at_{};
};

}  // namespace storagepool::engine
