// No lost wake-up, with clients on several threads: what vitess, Boost.MySQL and bb8 found by running many of
// them against few connections.
#include <atomic>
#include <chrono>
#include <cstdint>
#include <memory>
#include <random>
#include <thread>
#include <utility>
#include <vector>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/use_future.hpp>
#include <gtest/gtest.h>

#include "pool/engine/engine.h"
#include "pool/postgres/testing/run.h"
#include "pool/postgres/testing/server.h"

namespace storagepool::engine {
namespace {

namespace asio = boost::asio;
using namespace std::chrono_literals;
using postgres::testing::in;

constexpr int kThreads = 3;
constexpr int kRounds = 40;

class ConformanceThreads : public ::testing::Test {
 protected:
  ConformanceThreads() {
    server_.superuser("CREATE DATABASE audit_ws_a OWNER app");
    for (int i = 0; i < kThreads; ++i) threads_.emplace_back([this] { context_.run(); });
  }
  ~ConformanceThreads() override {
    EXPECT_TRUE(asio::co_spawn(context_, engine_->drain(in(20s)), asio::use_future).get());
    engine_.reset();
    work_.reset();
    for (auto& thread : threads_) thread.join();
  }
  void make(const settings::Settings& settings) {
    engine_ = std::make_unique<Engine>(
        context_.get_executor(), [options = server_.connect_options()] { return options; }, "audit", settings,
        Listener{});
  }
  // Takes a connection, gives the others a chance while it has it, gives it back; `impatience` in percent of
  // its acquires have a deadline about as long as the wait.
  asio::awaitable<void> client(int number, int impatience) {
    std::minstd_rand random(static_cast<unsigned>(number) + 1);
    for (int round = 0; round < kRounds; ++round) {
      const bool impatient = random() % 100 < static_cast<unsigned>(impatience);
      const auto patience = impatient ? std::chrono::microseconds(random() % 3000) : 60s;
      auto lease = co_await engine_->acquire(random() % 2 == 0 ? "audit" : "audit_ws_a",
                                             std::chrono::steady_clock::now() + patience);
      if (lease) {
        ++served_;
        if (random() % 4 == 0) co_await asio::post(co_await asio::this_coro::executor, asio::use_awaitable);
      } else if (!impatient) {
        ++refused_;
      }
    }
    --running_;
  }
  void run_clients(int clients, int impatience) {
    running_ = clients;
    for (int i = 0; i < clients; ++i) asio::co_spawn(context_, client(i, impatience), asio::detached);
    const auto give_up = in(50s);
    while (running_ > 0 && std::chrono::steady_clock::now() < give_up) std::this_thread::sleep_for(1ms);
    ASSERT_EQ(running_, 0) << "somebody was forgotten";
    EXPECT_EQ(refused_, 0);
    const auto statistics = engine_->statistics();
    EXPECT_EQ(statistics.waiting, 0);
    EXPECT_EQ(statistics.in_use, 0);
    EXPECT_EQ(statistics.connect_failures, 0);
  }

  postgres::testing::Server server_;
  asio::io_context context_{kThreads};
  asio::executor_work_guard<asio::io_context::executor_type> work_ = asio::make_work_guard(context_);
  std::vector<std::thread> threads_;
  std::unique_ptr<Engine> engine_;
  std::atomic<int> running_ = 0;
  std::atomic<std::int64_t> served_ = 0;
  std::atomic<std::int64_t> refused_ = 0;
};

// bb8, many waiters through few connections: each of them is served each time it asks.
TEST_F(ConformanceThreads, EveryWaiterIsServed) {
  make({.max_open_conns = 4, .max_idle_conns = 4, .max_conns_per_database = 2, .system_conns = 2});
  run_clients(500, 0);
  EXPECT_EQ(served_, 500 * kRounds);
  EXPECT_LE(engine_->statistics().open_high_water, 4);
}

// vitess #20308 and Boost.MySQL #509, the same in a storm of time-outs: those who give up at their turn cost
// the patient ones nothing.
TEST_F(ConformanceThreads, AStormOfTimeoutsLosesNoWakeUp) {
  make({.max_open_conns = 2, .max_idle_conns = 2, .max_conns_per_database = 1, .system_conns = 1});
  run_clients(100, 70);
  EXPECT_GT(served_, 100);
  EXPECT_LE(engine_->statistics().open_high_water, 2);
}

}  // namespace
}  // namespace storagepool::engine
