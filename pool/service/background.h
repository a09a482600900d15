// What the program does while nobody asks: follows the mounted configuration, credentials and tokens, keeps
// the partitions of the system database ahead of time and drops what has been kept for long enough. Runs on
// one executor.
#pragma once

#include <functional>
#include <string>
#include <utility>

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>

#include "pool/auth/auth.h"
#include "pool/engine/engine.h"
#include "pool/service/config/live_settings.h"
#include "pool/service/config/options.h"
#include "pool/tables/partitions.h"

namespace storagepool::service {

struct BackgroundContext {
  const Options& options;
  LiveSettings& settings;
  engine::Engine& engine;
  auth::Authenticator& authenticator;
  tables::PartitionSettings partitions;
  std::function<bool()> has_schema;  // the system database is reachable and migrated
  std::function<void()> moved;       // sessions are opened to another server from now on
};

class Background {
 public:
  explicit Background(BackgroundContext context) : context_(std::move(context)) {}

  // What `context` refers to, and this, must live until the executor runs no more.
  void start(const boost::asio::any_io_executor& executor);
  // Nothing new is begun.
  void stop() { stopped_ = true; }

 private:
  boost::asio::awaitable<void> watch_config();
  boost::asio::awaitable<void> watch_credentials();
  boost::asio::awaitable<void> watch_tokens();
  boost::asio::awaitable<void> maintain();
  boost::asio::awaitable<bool> maintain_once();  // false when it is worth trying again soon
  bool take_mounted(const std::string& text);    // likewise
  void follow(const settings::PostgresTarget& mounted);

  BackgroundContext context_;
  bool stopped_ = false;
};

}  // namespace storagepool::service
