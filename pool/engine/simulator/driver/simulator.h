// Runs the driver as it is (engine.h, its coroutines, Asio's strands) through one random schedule on a
// simulated loop, clock and server, and looks after every step whether its promises hold. Only what the
// driver asks the system for is replaced: the loop (loop.h), timers (virtual_time/), `postgres::connect`
// (server.h), and the clocks and the seed of system.h. What the core decides is the business of
// pool/engine/simulator.
//
// A seed is one schedule, and gives the same one every time.
#pragma once

#include <array>
#include <cstdint>
#include <list>
#include <optional>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>

#include "pool/engine/engine.h"
#include "pool/engine/simulator/driver/loop.h"
#include "pool/engine/simulator/driver/report.h"
#include "pool/engine/simulator/driver/server.h"

namespace storagepool::engine::driver_simulator {

// What has to happen often for the schedules to be worth anything.
enum class Seen {
  kServed,
  kServedAfterWait,
  kServedBeforeOthers,
  kFailed,
  kLostSession,
  kConnectFailed,
  kRolledBack,
  kShrunk,
  kTrial,
  kClosedDatabase,
  kSuspended,
  kRetired,
  kDrained,
  kDestroyedBusy,
  kLoopEndedBusy,
  kCount
};
inline constexpr std::array<const char*, static_cast<std::size_t>(Seen::kCount)> kSeenNames = {
    "somebody is served at once",
    "somebody is served after a wait",
    "somebody is served before others who wait",
    "somebody is not served",
    "a session is found lost",
    "a connect fails",
    "a connection comes back in a transaction",
    "a smaller limit",
    "a trial succeeds",
    "a database is closed",
    "the pool is suspended",
    "connections are retired",
    "the pool is drained",
    "the engine ends with work under way",
    "the loop ends with work under way",
};
using Coverage = std::array<std::int64_t, kSeenNames.size()>;

// Runs the schedule of `seed` and adds to `coverage`. Nothing if every promise was kept, else the seed, the
// step, the promise, and the last events.
std::optional<std::string> run_schedule(std::uint64_t seed, Coverage& coverage);

class Simulator {
 public:
  Simulator(std::uint64_t seed, bool traced);

  void run();
  int step() const { return step_; }
  const Report& report() const { return report_; }
  const Coverage& coverage() const { return coverage_; }

 private:
  using Acquired = tl::expected<Lease, AcquireError>;
  struct Client {
    std::size_t database = 0;
    TimePoint asked{};     // until when it would wait
    TimePoint deadline{};  // until when it may
    std::uint64_t arrival = 0;
    TimePoint came{};
    bool waits = false;
    bool holds = false;
    bool expected = false;  // must be served, since all is well
    bool late = false;      // came when nobody was to be served any more
    bool ended = false;
  };
  struct Order {
    enum class Kind { kDrain, kSuspend, kTrial, kCloseDatabase };
    Kind kind = Kind::kDrain;
    TimePoint latest{};    // until when it must have ended
    TimePoint deadline{};  // of a trial: until when it may begin
    std::size_t database = 0;
    bool ended = false;
  };
  struct Served {  // the last of a database's waiters that got a connection
    std::uint64_t arrival;
    std::uint64_t turn;
  };
  struct Event {
    int weight;
    void (Simulator::*run)();
  };
  static constexpr std::array<const char*, 4> kDatabases = {"system", "a", "b", "c"};
  static const std::vector<Event>& events();

  // simulator.cc: chance, time and the course of a schedule.
  bool chance(double probability);
  std::size_t below(std::size_t bound);
  std::chrono::nanoseconds up_to(std::chrono::nanoseconds bound) { return server_.up_to(bound); }
  settings::Settings random_settings();
  void weather();
  void take_step();
  void pass_time();
  void settle_down();
  bool run_until_ended(std::chrono::nanoseconds at_least = {});
  void end_engine();
  void end_loop();
  void see(Seen what) { ++coverage_[static_cast<std::size_t>(what)]; }

  // users.cc: those who use the pool, and its owner.
  boost::asio::any_io_executor some_executor();
  void acquire();
  Client& acquire_until(std::size_t database, TimePoint deadline);
  void burst();
  void reconfigure();
  void retire();
  void suspend();
  void resume();
  void try_connect();
  void close_database();
  void reopen_database();
  void drain();
  void change_weather();
  void restart_server();
  void lose_session();
  void wake_session();
  void cut_sessions();
  boost::asio::awaitable<void> use(Client& me, boost::asio::awaitable<Acquired> acquiring);
  boost::asio::awaitable<void> use_again(std::size_t database);
  boost::asio::awaitable<void> hold(Session& session);
  boost::asio::awaitable<void> carry_out(Order& order, boost::asio::awaitable<bool> work);
  boost::asio::awaitable<void> carry_out_trial(
      Order& order, boost::asio::awaitable<tl::expected<void, postgres::Error>> work);
  boost::asio::awaitable<void> carry_out_close(
      Order& order, boost::asio::awaitable<tl::expected<ClosedDatabase, AcquireError>> work);
  boost::asio::awaitable<void> pause(std::chrono::nanoseconds time);
  void opened_again(std::size_t database);
  Order& begin(Order::Kind kind, TimePoint latest, std::size_t database = 0);
  bool under_way(Order::Kind kind) const;
  std::uint64_t this_turn() const { return loop_.turn_of_now(); }

  // promises.cc: what must hold.
  void judge_lease(const Client& me, const Session& session, std::uint64_t turn, TimePoint at);
  void judge_order_of_service(const Client& me, std::uint64_t turn);
  bool passes_others(const Client& me);
  void judge_failure(const Client& me, const AcquireError& error, std::uint64_t turn, TimePoint at);
  void judge_at_rest();
  void judge_waiter(const Client& waiter);
  void judge_order(const Order& order);
  void judge_session(const Session& session);
  void judge_counts();
  void judge_after_end();
  bool is_free(const Session& session) const;
  bool is_closed(std::size_t database) const { return closing_[database] > 0; }
  void violated(const std::string& what) { report_.violated(what); }

  Report report_;
  std::mt19937_64 random_;
  Server server_;
  settings::Settings settings_;
  std::list<Client> clients_;
  std::list<Order> orders_;
  std::array<std::vector<Served>, kDatabases.size()> served_;
  std::array<int, kDatabases.size()> closing_{};              // orders under way and guards there are
  std::array<std::uint64_t, kDatabases.size()> open_turn_{};  // since when nobody closes it
  std::uint64_t arrivals_ = 0;
  std::uint64_t settings_turn_ = 0;  // when they were changed
  std::uint64_t retired_turn_ = 0;
  TimePoint quiet_since_{};  // since when nothing has happened that waiters might wait for
  bool suspended_ = false;
  bool draining_ = false;
  bool calm_ = false;  // nothing fails any more
  int told_connected_ = 0;
  int told_failed_ = 0;
  int told_lost_ = 0;
  int step_ = 0;
  Coverage coverage_{};
  Loop loop_;
  std::list<std::pair<std::size_t, ClosedDatabase>> guards_;
  std::optional<Engine> engine_;
};

}  // namespace storagepool::engine::driver_simulator
