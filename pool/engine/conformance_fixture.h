// An engine on a real server for conformance tests, on one thread: the test runs the io_context itself. The
// server is shared by the tests of a suite.
#pragma once

#include <algorithm>
#include <chrono>
#include <functional>
#include <memory>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <boost/asio/awaitable.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <gtest/gtest.h>

#include "pool/engine/engine.h"
#include "pool/postgres/testing/run.h"
#include "pool/postgres/testing/server.h"

namespace storagepool::engine::testing {

inline TimePoint in(std::chrono::milliseconds time) {
  return std::chrono::steady_clock::now() + time;
}

class ConformanceFixture : public ::testing::Test {
 protected:
  using Acquired = tl::expected<Lease, AcquireError>;
  static constexpr std::chrono::seconds kPatience{20};

  static void start_server(std::vector<std::string> settings = {}) {
    server_ = std::make_unique<postgres::testing::Server>(
        postgres::testing::ServerOptions{.settings = std::move(settings), .require_password = true});
  }
  static void TearDownTestSuite() { server_.reset(); }

  ~ConformanceFixture() override { drain(); }
  void drain() {
    if (!engine_) return;
    EXPECT_TRUE(postgres::testing::run(context_, engine_->drain(in(kPatience))));
  }
  Engine& make(const settings::Settings& settings, Listener listener = {}) {
    drain();
    engine_ = std::make_unique<Engine>(
        context_.get_executor(), [this] { return options_; }, "audit", settings, std::move(listener));
    return *engine_;
  }
  Acquired acquire(std::chrono::milliseconds time = kPatience, const std::string& database = "audit") {
    return postgres::testing::run(context_, engine_->acquire(database, in(time)));
  }
  Lease lease(const std::string& database = "audit") {
    auto lease = acquire(kPatience, database);
    if (!lease) throw std::runtime_error(lease.error().detail);
    return std::move(*lease);
  }
  std::string value(Lease& lease, std::string_view sql) {
    auto result = postgres::testing::run(context_, lease->execute(sql, in(kPatience)));
    if (!result) throw std::runtime_error(result.error().detail);
    return result->rows.at(0).at(0).value_or("NULL");
  }
  std::string backend(Lease& lease) { return value(lease, "SELECT pg_backend_pid()"); }

  // Starts an acquire on `context` and tells its outcome; the lease goes back when `done` has ended.
  void start_acquire(boost::asio::io_context& context, std::function<void(Acquired&)> done,
                     std::chrono::milliseconds time = kPatience) {
    boost::asio::co_spawn(
        context,
        [](Engine& engine, TimePoint deadline,
           std::function<void(Acquired&)> tell) -> boost::asio::awaitable<void> {
          auto acquired = co_await engine.acquire("audit", deadline);
          tell(acquired);
        }(*engine_, in(time), std::move(done)),
        boost::asio::detached);
  }
  void start_acquire(std::function<void(Acquired&)> done, std::chrono::milliseconds time = kPatience) {
    start_acquire(context_, std::move(done), time);
  }
  // Starts a client: one acquire, one statement; tells the first value of its answer, "" without one, when
  // the lease has gone back.
  void start_statement(std::string sql, std::function<void(const std::string&)> done,
                       std::string database = "audit", std::chrono::milliseconds time = kPatience) {
    boost::asio::co_spawn(
        context_,
        [](Engine& engine, std::string where, std::string text, TimePoint deadline,
           std::function<void(const std::string&)> tell) -> boost::asio::awaitable<void> {
          std::string answer;
          {
            const auto acquired = co_await engine.acquire(where, deadline);
            if (acquired) {
              const auto result = co_await (*acquired)->execute(text, deadline);
              if (result && !result->rows.empty()) answer = result->rows.at(0).at(0).value_or("NULL");
            }
          }
          tell(answer);
        }(*engine_, std::move(database), std::move(sql), in(time), std::move(done)),
        boost::asio::detached);
  }
  template <typename Condition>
  void wait_until(const Condition& condition) {
    const auto give_up = in(kPatience);
    while (!condition()) {
      ASSERT_LT(std::chrono::steady_clock::now(), give_up);
      context_.restart();
      context_.run_one_until(std::min(give_up, in(std::chrono::milliseconds(2))));
    }
  }
  std::int64_t sockets() const {
    const auto statistics = engine_->statistics();
    return statistics.open + statistics.opening + statistics.closing;
  }

  static std::unique_ptr<postgres::testing::Server> server_;
  tl::expected<postgres::ConnectOptions, postgres::Error> options_ = server_->connect_options();
  boost::asio::io_context context_{1};
  std::unique_ptr<Engine> engine_;
};
inline std::unique_ptr<postgres::testing::Server> ConformanceFixture::server_;

}  // namespace storagepool::engine::testing
