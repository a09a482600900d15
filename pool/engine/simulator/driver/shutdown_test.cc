// What is still asked of an engine that has ended.
#include <chrono>
#include <optional>
#include <string>
#include <utility>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <gtest/gtest.h>

#include "pool/engine/engine.h"
#include "pool/engine/simulator/driver/loop.h"
#include "pool/engine/simulator/driver/server.h"

namespace storagepool::engine::driver_simulator {
namespace {

using std::chrono::seconds;

class DriverShutdown : public ::testing::Test {
 protected:
  DriverShutdown() {
    server_.limit(static_cast<int>(settings_.max_open_conns));
    engine_.emplace(
        loop_.get_executor(), [] { return postgres::ConnectOptions(); }, "system", settings_, Listener());
  }
  ~DriverShutdown() override { EXPECT_FALSE(report_.violation()) << *report_.violation(); }

  template <typename Answer>
  void start(std::optional<Answer>& answer, boost::asio::awaitable<Answer> work) {
    boost::asio::co_spawn(
        loop_.get_executor(),
        [](std::optional<Answer>& to, boost::asio::awaitable<Answer> wait) -> boost::asio::awaitable<void> {
          Answer got = co_await std::move(wait);
          to.emplace(std::move(got));
        }(answer, std::move(work)),
        boost::asio::detached);
  }
  void run_for(seconds time) {
    const TimePoint end = loop_.now() + time;
    while (loop_.ready() || loop_.next_wait() <= end) {
      if (loop_.ready()) {
        loop_.run_one();
      } else {
        loop_.advance_to(loop_.next_wait());
      }
    }
    loop_.advance_to(end);
  }
  TimePoint in(seconds time) const { return loop_.now() + time; }

  settings::Settings settings_{.max_open_conns = 1};
  Report report_{false};
  Server server_{1, report_};
  Loop loop_{0};
  std::optional<tl::expected<Lease, AcquireError>> lease_;
  std::optional<tl::expected<Lease, AcquireError>> waiter_;
  std::optional<tl::expected<ClosedDatabase, AcquireError>> closed_;
  std::optional<Engine> engine_;
};

TEST_F(DriverShutdown, AGuardMayOutliveTheEngineAndItsWaitersDeadlines) {
  start(closed_, engine_->close_database("a", in(seconds(1))));
  run_for(seconds(1));
  ASSERT_TRUE(closed_ && closed_->has_value());
  start(lease_, engine_->acquire("b", in(seconds(1))));
  run_for(seconds(1));
  ASSERT_TRUE(lease_ && lease_->has_value());
  start(waiter_, engine_->acquire("b", in(seconds(1))));
  while (loop_.ready()) loop_.run_one();
  engine_.reset();
  run_for(seconds(2));
  ASSERT_TRUE(waiter_);
  closed_.reset();
  lease_.reset();
  run_for(seconds(2));
  EXPECT_TRUE(server_.sessions().empty());
}

TEST_F(DriverShutdown, WorkThatHasNotBegunMayOutliveTheEngine) {
  start(lease_, engine_->acquire("b", in(seconds(1))));
  run_for(seconds(1));
  lease_.reset();
  engine_->retire_connections();
  engine_.reset();
  run_for(seconds(10));
  EXPECT_TRUE(server_.sessions().empty());
}

TEST_F(DriverShutdown, AnOrderThatComesLateEndsAtOnce) {
  start(lease_, engine_->acquire("b", in(seconds(1))));
  run_for(seconds(1));
  lease_.reset();
  std::optional<bool> drained;
  start(drained, engine_->drain(in(seconds(60))));
  start(closed_, engine_->close_database("b", in(seconds(60))));
  engine_.reset();
  while (loop_.ready()) loop_.run_one();
  ASSERT_TRUE(drained && closed_);
  EXPECT_FALSE(closed_->has_value());
  EXPECT_TRUE(server_.sessions().empty());
}

}  // namespace
}  // namespace storagepool::engine::driver_simulator
