// The engine under load from several threads: what the server sees of it never passes the limit.
#include "pool/engine/engine.h"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <memory>
#include <optional>
#include <random>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/strand.hpp>
#include <boost/asio/use_future.hpp>
#include <gtest/gtest.h>

#include "pool/postgres/testing/run.h"
#include "pool/postgres/testing/server.h"

namespace storagepool::engine {
namespace {

using namespace std::chrono_literals;
using postgres::testing::in;
using postgres::testing::Server;
namespace asio = boost::asio;

constexpr int kThreads = 3;
constexpr int kClients = 24;

class EngineLoadTest : public ::testing::Test {
 protected:
  EngineLoadTest() : server_({.settings = {"max_connections = 40"}}) {
    server_.superuser("CREATE DATABASE audit_ws_a OWNER app");
    engine_ = std::make_unique<Engine>(
        context_.get_executor(), [options = server_.connect_options()] { return options; }, "audit",
        limits(8), Listener{});
    for (int i = 0; i < kThreads; ++i) threads_.emplace_back([this] { context_.run(); });
    for (int i = 0; i < kClients; ++i) {
      ++running_;
      asio::co_spawn(asio::make_strand(context_), client(i), asio::detached);
    }
  }
  ~EngineLoadTest() override {
    stop_ = true;
    wait_until([&] { return running_ == 0; });
    EXPECT_TRUE(asio::co_spawn(context_, engine_->drain(in(20s)), asio::use_future).get());
    EXPECT_EQ(server_.app_backends(), 0);
    work_.reset();
    for (auto& thread : threads_) thread.join();
  }

  static settings::Settings limits(std::int64_t open) {
    return {.max_open_conns = open,
            .max_idle_conns = std::max<std::int64_t>(1, open / 2),
            .max_conns_per_database = std::max<std::int64_t>(1, open / 2),
            .system_conns = std::max<std::int64_t>(1, open / 3),
            .conn_max_lifetime = 200ms,
            .validate_after_idle = 5ms};
  }

  // Leaves leases in every state a client may leave them in.
  asio::awaitable<void> client(int number) {
    std::minstd_rand random(number);
    while (!stop_) {
      auto lease = co_await engine_->acquire(random() % 4 == 0 ? "audit_ws_a" : "audit", in(10s));
      if (!lease) {
        ++refused_;
        continue;
      }
      const auto kind = random() % 40;
      const char* sql = kind == 0  ? "BEGIN; SELECT 1/0"
                        : kind < 6 ? "BEGIN; SELECT 1"
                                   : "SELECT pg_sleep(0.001)";
      const bool cut = kind == 6;
      auto result = co_await (*lease)->execute(cut ? "SELECT pg_sleep(60)" : sql, cut ? in(20ms) : in(10s));
      if (result) ++served_;
    }
    --running_;
  }

  template <typename Condition>
  void wait_until(const Condition& condition) {
    const auto give_up = in(30s);
    while (!condition() && std::chrono::steady_clock::now() < give_up) std::this_thread::sleep_for(1ms);
    EXPECT_TRUE(condition());
  }
  std::int64_t sockets() const {
    const auto statistics = engine_->statistics();
    return statistics.open + statistics.opening + statistics.closing;
  }
  void expect_at_most(std::int64_t allowed) {
    const int seen = server_.app_backends();
    EXPECT_LE(seen, allowed);
    most_seen_ = std::max(most_seen_, seen);
  }

  Server server_;
  asio::io_context context_{kThreads};
  asio::executor_work_guard<asio::io_context::executor_type> work_ = asio::make_work_guard(context_);
  std::vector<std::thread> threads_;
  std::unique_ptr<Engine> engine_;
  std::atomic<bool> stop_ = false;
  std::atomic<int> running_ = 0;
  std::atomic<std::int64_t> served_ = 0;
  std::atomic<std::int64_t> refused_ = 0;
  int most_seen_ = 0;
};

TEST_F(EngineLoadTest, BackendsNeverPassTheLimitThroughResizes) {
  std::int64_t before = 8;
  for (const std::int64_t limit : {3, 12, 2, 6, 20, 4}) {
    engine_->reconfigure(limits(limit));
    EXPECT_EQ(engine_->in_force().max_open_conns, limit);
    const auto give_up = in(20s);
    while (sockets() > limit) {
      ASSERT_LT(std::chrono::steady_clock::now(), give_up);
      expect_at_most(std::max(before, limit));
    }
    const auto served = served_.load();
    for (int i = 0; i < 30 || served_ < served + 50; ++i) {
      expect_at_most(limit);
      EXPECT_LE(sockets(), limit);
      ASSERT_LT(std::chrono::steady_clock::now(), give_up);
    }
    before = limit;
  }
  EXPECT_EQ(refused_, 0);
  EXPECT_GT(most_seen_, 4);
}

TEST_F(EngineLoadTest, ServiceIsBackAfterTheServerWasKilled) {
  for (int round = 0; round < 2; ++round) {
    const auto before = served_.load();
    wait_until([&] { return served_ > before + 50; });
    server_.kill();
    server_.start();
    const auto after = served_.load();
    wait_until([&] { return served_ > after + 50; });
    expect_at_most(8);
  }
}

TEST_F(EngineLoadTest, OrdersAreCarriedOutWhileSeveralThreadsUseTheEngine) {
  for (int round = 0; round < 3; ++round) {
    wait_until([&, before = served_.load()] { return served_ > before + 50; });
    engine_->retire_connections();
    EXPECT_TRUE(asio::co_spawn(context_, engine_->suspend(in(20s)), asio::use_future).get());
    EXPECT_EQ(server_.app_backends(), 0);
    engine_->resume();
    wait_until([&, before = served_.load()] { return served_ > before + 50; });
    std::optional<tl::expected<ClosedDatabase, AcquireError>> closed;
    asio::co_spawn(context_, postgres::testing::keep(engine_->close_database("audit_ws_a", in(20s)), closed),
                   asio::use_future)
        .get();
    ASSERT_TRUE(*closed) << closed->error().detail;
    EXPECT_EQ(server_.superuser("SELECT count(*) FROM pg_stat_activity WHERE datname = 'audit_ws_a'").at(0),
              "0");
    expect_at_most(8);
  }
  EXPECT_GT(refused_, 0);
}

}  // namespace
}  // namespace storagepool::engine
