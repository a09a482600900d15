// What the program does while nobody asks: follows the mounted configuration, credentials, tokens and keys
// (what to do about another server or other credentials is changeover.h's to decide), keeps the partitions of
// the system database ahead of time and drops what has been kept for long enough. Runs on one executor.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <utility>

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>

#include "pool/auth/auth.h"
#include "pool/auth/paseto/operator_requests.h"
#include "pool/engine/engine.h"
#include "pool/service/config/live_settings.h"
#include "pool/service/config/options.h"
#include "pool/service/monitor/changeover.h"
#include "pool/tables/indexes.h"
#include "pool/tables/partitions.h"

namespace storagepool::service {

struct BackgroundContext {
  const Options& options;
  LiveSettings& settings;
  engine::Engine& engine;
  auth::Authenticator& authenticator;
  auth::OperatorRequests& operator_requests;
  tables::PartitionSettings partitions;
  std::function<bool()> has_schema;  // the system database is reachable and migrated
  std::function<bool()> serves;      // sessions work
  Changeover& changeover;
  std::function<postgres::ConnectOptions(const Access&)> connect_options;
  std::function<void()> moved;  // sessions are opened to another server from now on
  std::function<void()> look_at_log_key;
};

// Of the tables of the system database.
struct UpkeepFigures {
  std::int64_t locks_needed = 0;     // tables::Maintenance::locks_of_all
  std::int64_t locks_available = 0;  // tables::Maintenance::locks_of_server; 0: not known
  std::int64_t indexes_left = 0;     // tables::IndexUpkeep::left
};

class Background {
 public:
  explicit Background(BackgroundContext context)
      : context_(std::move(context)),
        indexes_(context_.engine, context_.options.indexes),
        mounted_(context_.settings.in_force().config.postgres) {}

  // What `context` refers to, and this, must live until the executor runs no more.
  void start(const boost::asio::any_io_executor& executor);
  // Nothing new is begun.
  void stop() {
    stopped_ = true;
    indexes_.stop();
  }
  // As this pod's own upkeep has last seen it.
  const UpkeepFigures& figures() const { return figures_; }
  // The generation of the mounted configuration as it was read last; 0: not yet.
  std::int64_t mounted_generation() const { return mounted_generation_; }

 private:
  boost::asio::awaitable<void> watch_config();
  boost::asio::awaitable<void> watch_tokens();
  boost::asio::awaitable<void> maintain();
  boost::asio::awaitable<std::chrono::milliseconds> maintain_once();  // how long until the next time
  boost::asio::awaitable<void> keep_indexes();
  boost::asio::awaitable<std::chrono::milliseconds> keep_indexes_once();
  bool take_mounted(const std::string& text);  // false when it is worth trying again soon
  std::optional<Mounted> read_candidate() const;
  boost::asio::awaitable<void> change_over();
  void put_in_force(const settings::PostgresTarget& before);
  void log_refusal();

  BackgroundContext context_;
  tables::IndexUpkeep indexes_;
  settings::PostgresTarget mounted_;  // as far as it can be followed without a restart
  std::int64_t mounted_generation_ = 0;
  UpkeepFigures figures_;
  std::string logged_refusal_;
  bool stopped_ = false;
};

}  // namespace storagepool::service
