// What the conformance tests on a real server need besides the fixture of all tests of the engine: a server
// of their own making, clients of several kinds, and an end that must be clean.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include <boost/asio/awaitable.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <gtest/gtest.h>

#include "pool/engine/testing/engine_fixture.h"

namespace storagepool::engine {

class ConformanceTest : public EngineTest {
 protected:
  static constexpr std::chrono::seconds kPatience{20};

  static void start_server(std::vector<std::string> settings = {}) {
    server_ = std::make_unique<Server>(
        postgres::testing::ServerOptions{.settings = std::move(settings), .require_password = true});
  }

  ~ConformanceTest() override {
    if (!engine_) return;
    EXPECT_TRUE(run(context_, engine_->drain(in(kPatience))));
    EXPECT_EQ(sockets(), 0);
    engine_.reset();
  }
  std::vector<Lease> lease_several(std::size_t count) {
    std::vector<Lease> leases;
    leases.reserve(count);
    while (leases.size() < count) leases.push_back(lease());
    return leases;
  }
  // Starts an acquire and tells its outcome; the lease goes back when `done` has ended.
  void start_acquire(std::function<void(Acquired&)> done, std::chrono::milliseconds time = kPatience) {
    boost::asio::co_spawn(
        context_,
        [](Engine& engine, TimePoint deadline,
           std::function<void(Acquired&)> tell) -> boost::asio::awaitable<void> {
          auto acquired = co_await engine.acquire("audit", deadline);
          tell(acquired);
        }(*engine_, in(time), std::move(done)),
        boost::asio::detached);
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
  std::int64_t sockets() const {
    const auto statistics = engine_->statistics();
    return statistics.open + statistics.opening + statistics.closing;
  }
};

}  // namespace storagepool::engine
