#include "pool/reading/read_places.h"

#include <chrono>
#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <gtest/gtest.h>

#include "pool/common/runtime/clock.h"

namespace storagepool::reading {
namespace {

using namespace std::chrono_literals;
using Reason = engine::AcquireError::Reason;

class ReadPlacesTest : public ::testing::Test {
 protected:
  using Entered = std::optional<tl::expected<ReadPlaces::Place, engine::AcquireError>>;

  // What becomes of it is in the result, as soon as it is known.
  Entered& enter(const std::string& database, std::chrono::milliseconds patience = 1h) {
    Entered& entered = entered_.emplace_back();
    const auto work = [](ReadPlaces& places, std::string name, settings::Settings settings,
                         engine::TimePoint deadline, Entered& result) -> boost::asio::awaitable<void> {
      auto place = co_await places.enter(std::move(name), settings, deadline);
      result.emplace(std::move(place));
    };
    boost::asio::co_spawn(context_,
                          work(*places_, database, settings_, runtime::steady_now() + patience, entered),
                          boost::asio::detached);
    poll();
    return entered;
  }
  void leave(Entered& entered) {
    entered.reset();
    poll();
  }
  void poll() {
    context_.restart();
    context_.poll();
  }
  static bool in(const Entered& entered) { return entered && entered->has_value(); }

  boost::asio::io_context context_;
  settings::Settings settings_{.max_open_conns = 8, .max_conns_per_database = 3, .max_waiters = 4};
  std::shared_ptr<ReadPlaces> places_ = std::make_shared<ReadPlaces>("system");
  std::deque<Entered> entered_;
};

TEST_F(ReadPlacesTest, AreThreeQuartersOfTheConnections) {
  for (int i = 0; i < 6; ++i) EXPECT_TRUE(in(enter("system"))) << i;
  const Entered& next = enter("system");
  EXPECT_FALSE(next);
  leave(entered_[0]);
  EXPECT_TRUE(in(next));
}

TEST_F(ReadPlacesTest, AreThreeQuartersOfWhatADatabaseMayHave) {
  EXPECT_TRUE(in(enter("ws")));
  EXPECT_TRUE(in(enter("ws")));
  const Entered& third = enter("ws");
  EXPECT_FALSE(third);
  EXPECT_TRUE(in(enter("other")));  // is not held up by it
  leave(entered_[0]);
  EXPECT_TRUE(in(third));
}

TEST_F(ReadPlacesTest, AreOneAtLeast) {
  settings_.max_open_conns = 1;
  settings_.max_conns_per_database = 1;
  EXPECT_TRUE(in(enter("system")));
  const Entered& other = enter("ws");
  EXPECT_FALSE(other);
  leave(entered_[0]);
  EXPECT_TRUE(in(other));
}

TEST_F(ReadPlacesTest, GoFirstComeFirstServedAndToDatabasesInTurn) {
  settings_.max_open_conns = 1;
  Entered& held = enter("system");
  Entered& first = enter("a");
  Entered& second = enter("a");
  Entered& third = enter("b");
  leave(held);
  EXPECT_TRUE(in(first) && !second && !third);
  leave(first);
  EXPECT_TRUE(!second && in(third));
  leave(third);
  EXPECT_TRUE(in(second));
}

TEST_F(ReadPlacesTest, AreWaitedForByNoMoreThanMay) {
  settings_.max_open_conns = 1;
  enter("system");
  EXPECT_FALSE(enter("a"));
  EXPECT_FALSE(enter("a"));
  const Entered& refused = enter("a");
  ASSERT_TRUE(refused && !refused->has_value());
  EXPECT_EQ(refused->error().reason, Reason::kTooManyWaiters);
  EXPECT_FALSE(enter("b"));
  EXPECT_FALSE(enter("c"));
  const Entered& full = enter("d");
  ASSERT_TRUE(full && !full->has_value());
  EXPECT_EQ(full->error().reason, Reason::kTooManyWaiters);
}

TEST_F(ReadPlacesTest, AreNotKeptForThoseWhoGaveUp) {
  settings_.max_open_conns = 1;
  Entered& held = enter("system");
  Entered& late = enter("a", 0ms);
  Entered& patient = enter("a");
  const auto give_up = runtime::steady_now() + 30s;
  while (!late && runtime::steady_now() < give_up) {
    context_.restart();
    context_.run_one_for(10ms);
  }
  ASSERT_TRUE(late && !late->has_value());
  EXPECT_EQ(late->error().reason, Reason::kDeadlineExceeded);
  leave(held);
  EXPECT_TRUE(in(patient));
}

TEST_F(ReadPlacesTest, FollowTheSettings) {
  settings_.max_open_conns = 2;
  Entered& held = enter("system");
  const Entered& second = enter("system");
  EXPECT_FALSE(second);
  settings_.max_open_conns = 8;
  const Entered& third = enter("system");
  EXPECT_FALSE(third);  // behind the second
  leave(held);
  EXPECT_TRUE(in(second) && in(third));
}

}  // namespace
}  // namespace storagepool::reading
