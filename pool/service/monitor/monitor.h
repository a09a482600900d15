// Keeps a PostgresStatus true: checks the server through a leased session at first, every 30 s, at once after
// a lost connection or a refused connect, and about every second while PostgreSQL cannot be used or has had
// no connection left; makes the schema and its months on the first check that reaches it. Runs on one
// executor, where its listener and accessors must be used too.
#pragma once

#include <chrono>
#include <functional>
#include <optional>
#include <random>
#include <string>
#include <utility>

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>

#include "pool/common/runtime/loop/coroutine.h"
#include "pool/engine/engine.h"
#include "pool/service/monitor/facts.h"
#include "pool/tables/partitions.h"
#include "pool/workspaces/error.h"

namespace storagepool::service {

class Monitor {
 public:
  Monitor(boost::asio::any_io_executor executor, tables::PartitionSettings partitions);

  // To be given to the engine, which the monitor must outlive and which may only be used after `start`.
  engine::Listener listener();
  // Starts checking; `engine` must live until `stop` was called and the executor has run on. `on_schema` is
  // called once, when PostgreSQL has the schema.
  void start(engine::Engine& engine, std::string database, std::function<void()> on_schema);
  void stop();
  // Tells with each check how many connections a predecessor of this process has left.
  void watch_predecessor(std::function<void(std::int64_t)> tell) { tell_predecessor_ = std::move(tell); }
  // Tells of each session that is made.
  void watch_sessions(std::function<void()> tell) { on_connected_ = std::move(tell); }
  // There is reason to think that PostgreSQL cannot be used any more, or somebody wants newer facts.
  void look();
  // Sessions are opened to another server from now on.
  void moved();
  // What became of a write: null when it succeeded.
  void wrote(const std::string& database, const tables::StoreError* error);
  // What became of a look at the registry of workspaces: null when it was read.
  void read_registry(const workspaces::Error* error);

  const PostgresStatus& status() const { return status_; }
  // The time by which events are judged.
  runtime::Timestamp now() const;

 private:
  boost::asio::awaitable<void> run();
  enum class Checked { kNoSession, kFailed, kWell };
  boost::asio::awaitable<Checked> check();
  boost::asio::awaitable<bool> read_facts(postgres::Connection& connection, int moves);
  boost::asio::awaitable<bool> count_sessions(postgres::Connection& connection, int moves);
  boost::asio::awaitable<void> migrate(postgres::Connection& connection, int moves);
  boost::asio::awaitable<void> create_months(postgres::Connection& connection);
  boost::asio::awaitable<void> wait(std::chrono::milliseconds period);
  std::chrono::milliseconds pause_after(Checked checked);
  void wake();
  void log_change();

  boost::asio::any_io_executor executor_;
  const tables::PartitionSettings partitions_;
  runtime::Notification woken_;
  engine::Engine* engine_ = nullptr;
  std::string database_;
  std::function<void()> on_schema_;
  std::function<void()> on_connected_;                  // null: nobody wants to know
  std::function<void(std::int64_t)> tell_predecessor_;  // null: there is none
  std::int64_t predecessor_ = 0;                        // as of the last check
  PostgresStatus status_;
  std::mt19937 random_;
  int moves_ = 0;  // what a session of before the last one says is of another server
  bool wake_ = false;
  bool stopped_ = false;
  std::optional<settings::PostgresFault> logged_fault_;
  bool logged_reachable_ = false;
  bool logged_any_ = false;
};

}  // namespace storagepool::service
