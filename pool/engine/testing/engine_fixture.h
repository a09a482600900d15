// What the tests of the engine on a real server share: a server per test program, an engine and a loop of one
// thread per test.
#pragma once

#include <algorithm>
#include <chrono>
#include <functional>
#include <memory>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <gtest/gtest.h>

#include "pool/engine/driver.h"
#include "pool/engine/engine.h"
#include "pool/postgres/testing/run.h"
#include "pool/postgres/testing/server.h"

namespace storagepool::engine {

using namespace std::chrono_literals;
using postgres::testing::in;
using postgres::testing::run;
using postgres::testing::Server;
using Reason = AcquireError::Reason;
using Acquired = tl::expected<Lease, AcquireError>;

class EngineTest : public ::testing::Test {
 protected:
  static void SetUpTestSuite() {
    server_ = std::make_unique<Server>(postgres::testing::ServerOptions{.require_password = true});
    server_->superuser("CREATE DATABASE audit_ws_a OWNER app");
  }
  static void TearDownTestSuite() { server_.reset(); }

  ~EngineTest() override {
    if (engine_) run(context_, engine_->drain(in(20s)));
  }
  Engine& make(const settings::Settings& settings, Listener listener = {}) {
    engine_ = std::make_unique<Engine>(
        context_.get_executor(), [this] { return options_; }, "audit", settings, std::move(listener));
    return *engine_;
  }
  Acquired acquire(std::chrono::milliseconds time = 20s, const std::string& database = "audit") {
    return run(context_, engine_->acquire(database, in(time)));
  }
  Lease lease(const std::string& database = "audit") {
    auto lease = acquire(20s, database);
    if (!lease) throw std::runtime_error(lease.error().detail);
    return std::move(*lease);
  }
  std::string value(Lease& lease, std::string_view sql) {
    auto result = run(context_, lease->execute(sql, in(20s)));
    if (!result) throw std::runtime_error(result.error().detail);
    return result->rows.at(0).at(0).value_or("NULL");
  }
  std::string backend(Lease& lease) { return value(lease, "SELECT pg_backend_pid()"); }
  // Starts an acquire whose lease, if any, goes back at once.
  void start_acquire(std::chrono::milliseconds time, std::function<void(bool served)> done = {}) {
    boost::asio::co_spawn(
        context_,
        [](boost::asio::awaitable<Acquired> acquiring,
           std::function<void(bool)> tell) -> boost::asio::awaitable<void> {
          const auto acquired = co_await std::move(acquiring);
          if (tell) tell(acquired.has_value());
        }(engine_->acquire("audit", in(time)), std::move(done)),
        boost::asio::detached);
  }
  // Until an idle connection is looked at before it is handed out.
  void outwait_trust() {
    wait_until([wake = in(2 * Driver::kTrusted)] { return std::chrono::steady_clock::now() > wake; });
  }
  template <typename Condition>
  void wait_until(const Condition& condition) {
    const auto give_up = in(20s);
    while (!condition()) {
      ASSERT_LT(std::chrono::steady_clock::now(), give_up);
      context_.restart();
      context_.run_one_until(std::min(give_up, in(5ms)));
    }
  }

  static inline std::unique_ptr<Server> server_;
  tl::expected<postgres::ConnectOptions, postgres::Error> options_ = server_->connect_options();
  boost::asio::io_context context_{1};
  std::unique_ptr<Engine> engine_;
};

}  // namespace storagepool::engine
