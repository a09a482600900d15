// The PostgreSQL of a simulated schedule: it counts its own sockets, as the server that has the limit does,
// and makes sessions that are quick, slow, never answered, refused or lost, as its weather says. `connect` of
// pool/postgres is linked from here.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <random>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <boost/asio/awaitable.hpp>
#include <boost/asio/steady_timer.hpp>
#include <tl/expected.hpp>

#include "pool/common/runtime/clock.h"
#include "pool/engine/simulator/driver/report.h"
#include "pool/postgres/connect.h"

namespace storagepool::engine::driver_simulator {

using runtime::TimePoint;

inline constexpr const char* kTrialUser = "trial";

class Session;

class Server {
 public:
  struct Weather {  // chances
    double refuses = 0;
    double slow = 0;
    double hangs = 0;
    double throws = 0;  // the process has no memory for one more connect
    double fails = 0;   // a statement
  };
  using Connected = tl::expected<std::unique_ptr<postgres::Session>, postgres::Error>;

  Server(std::uint64_t seed, Report& report);
  ~Server();
  Server(const Server&) = delete;
  Server& operator=(const Server&) = delete;
  static Server& current();

  boost::asio::awaitable<Connected> connect(std::string database, bool trial, postgres::Deadline deadline);
  void restart();  // every session ends
  void lose_one();
  void cut_off(bool all);  // what lies in between resets one session, or all; the server has them still
  void wake_one();         // bytes nobody asked for, which need not mean an end

  int sockets() const;    // open, opening and closing
  int most_kept() const;  // tokens of sessions that were cut off, at most
  int connecting() const { return connecting_; }
  int connecting_trials() const { return connecting_trials_; }
  const std::vector<Session*>& sessions() const { return sessions_; }  // objects, the server's or not
  bool busy() const;                                                   // something is under way
  // What the engine may have; after a shrink, until the loop has come to rest, what it had.
  void limit(int sockets);
  void at_rest();

  Weather weather;
  int era = 0;             // grows with each `retire`
  bool suspended = false;  // and at rest since: nothing may be opened
  std::vector<std::string> closed_databases;
  // What a listener must have been told.
  int connected = 0;
  int failed = 0;
  int shown_dead = 0;

  bool chance(double probability);
  std::chrono::nanoseconds up_to(std::chrono::nanoseconds bound);

 private:
  friend class Session;
  boost::asio::awaitable<void> pass(std::chrono::nanoseconds time);
  int orphans() const;
  void end_orphans(const std::string& list);
  void check_begin(const std::string& database, bool trial);
  postgres::Error refusal();

  Report& report_;
  std::mt19937_64 random_;
  std::vector<Session*> sessions_;
  std::vector<TimePoint>
      abandoned_;  // sockets of sessions dropped without a close, and when the server notices
  struct Orphan {  // a session of the server that nobody has any more
    int backend = 0;
    TimePoint since;
    bool ended = false;
  };
  std::vector<Orphan> orphans_;
  int backends_ = 0;  // made so far
  int connecting_ = 0;
  int connecting_trials_ = 0;
  int limit_ = 0;
  int allowed_ = 0;
};

class Session : public postgres::Session {
 public:
  using Answer = tl::expected<postgres::Result, postgres::Error>;

  Session(Server& server, std::string database, bool trial, int era);
  ~Session() override;

  boost::asio::awaitable<Answer> query(std::string_view sql, std::vector<postgres::Parameter> parameters,
                                       postgres::Deadline deadline) override;
  boost::asio::awaitable<Answer> query_once(std::string_view sql, std::vector<postgres::Parameter> parameters,
                                            postgres::Deadline deadline) override;
  boost::asio::awaitable<tl::expected<postgres::Rows, postgres::Error>> fetch(
      std::string_view sql, std::vector<postgres::Parameter> parameters, postgres::Deadline deadline,
      postgres::Fetch how) override;
  boost::asio::awaitable<Answer> execute(std::string_view sql, postgres::Deadline deadline) override;
  bool usable() const override { return usable_; }
  bool in_transaction() const override { return in_transaction_; }
  void set_limits(std::chrono::milliseconds statement_timeout, std::chrono::milliseconds,
                  std::size_t) override;
  void set_synchronous_commit(std::string) override {}
  bool alive() override;
  bool lost() const override;
  int descriptor() const override { return descriptor_; }
  int backend() const override { return backend_; }
  bool cut_off() const override { return cut_off_; }
  boost::asio::awaitable<bool> close(postgres::Deadline deadline) override;

  void end();           // the server ends it
  void cut();           // it ends on this side alone
  void wake() const;    // its socket can be read
  bool counts() const;  // the server has a socket for it

  const std::string database;
  const bool trial;
  const int era;
  std::chrono::milliseconds statement_timeout{};
  bool leased = false;
  TimePoint released_at{};
  std::optional<TimePoint> dead_at;
  const char* doing = nullptr;
  bool checked = false;     // by the engine, before it is handed out
  bool asks_first = false;  // after those that were cut off, before the engine takes it for open

 private:
  void begin(const char* what);
  boost::asio::awaitable<void> wait(TimePoint until);
  void show_dead() const;

  void end_here();

  Server& server_;
  int backend_;
  int descriptor_;
  bool cut_off_ = false;
  bool known_ = false;  // was handed out
  boost::asio::steady_timer* waiting_ = nullptr;
  bool usable_ = true;
  bool in_transaction_ = false;
  bool lost_ = false;
  bool gone_ = false;
  bool closing_ = false;
  mutable bool shown_dead_ = false;
};

}  // namespace storagepool::engine::driver_simulator
