// One name for a primary and its standby, each behind an address of its own and the same port: a session is
// made with whichever takes writes.
#include "pool/postgres/connect.h"

#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "pool/postgres/resolve.h"
#include "pool/postgres/testing/relay.h"
#include "pool/postgres/testing/run.h"
#include "pool/postgres/testing/server.h"

namespace storagepool::postgres {
namespace {

using namespace std::chrono_literals;
using testing::in;
using testing::Relay;
using testing::run;
using testing::Server;

constexpr const char* kSilentFirst = "silent.test";

std::vector<std::string> two_addresses(const std::string& host) {
  if (host == kSilentFirst) return {"127.0.0.3", "127.0.0.1"};
  return {"127.0.0.1", "127.0.0.2"};
}

// What is sent to 127.0.0.3 meets silence: neither an answer nor a refusal. So does a connect to a listener
// whose queue is full.
class Unpowered {
 public:
  explicit Unpowered(std::uint16_t port) : listener_(context_, boost::asio::ip::tcp::v4()) {
    const Relay::Endpoint address(boost::asio::ip::make_address("127.0.0.3"), port);
    listener_.bind(address);
    listener_.listen(0);
    for (int i = 0; i < 3; ++i) {
      queued_.emplace_back(context_).async_connect(address, [](const boost::system::error_code&) {});
    }
  }

 private:
  boost::asio::io_context context_;
  boost::asio::ip::tcp::acceptor listener_;
  std::vector<boost::asio::ip::tcp::socket> queued_;
};

class FailoverTest : public ::testing::Test {
 protected:
  // What is remembered of names and addresses outlives a test, which may be repeated.
  FailoverTest() {
    look_up_with(two_addresses);
    for (const char* host : {"two.test", "promoted.test", kSilentFirst})
      prefer_address(host, two_addresses(host)[0]);
    note_silence("127.0.0.3", false);
  }
  ~FailoverTest() override { look_up_with(nullptr); }

  tl::expected<std::unique_ptr<Session>, Error> open(const std::string& host,
                                                     std::chrono::milliseconds time = 20s) {
    auto options = primary_.connect_options();
    options.host = host;
    options.port = to_standby_.port();
    return run(context_, connect(context_.get_executor(), options, in(time)));
  }
  std::string server_of(Session& session) {
    return run(context_, session.execute("SHOW port", in(20s)))->rows.at(0).at(0).value_or("");
  }

  Server primary_;
  std::unique_ptr<Server> standby_ = Server::standby_of(primary_);
  Relay to_standby_{standby_->port(), Relay::Ends::kCarried};  // 127.0.0.1, the first in the list
  Relay to_primary_{primary_.port(), Relay::Ends::kCarried,
                    Relay::Endpoint(boost::asio::ip::make_address("127.0.0.2"), to_standby_.port())};
  boost::asio::io_context context_{1};
};

TEST_F(FailoverTest, AStandbyIsPassedOverAndNotAskedAgain) {
  auto session = open("two.test");
  ASSERT_TRUE(session) << session.error().detail;
  EXPECT_EQ(server_of(**session), std::to_string(primary_.port()));
  EXPECT_EQ(standby_->app_backends(), 0);
  const auto asked = to_standby_.carried(Relay::kToServer);
  EXPECT_GT(asked, 0);
  auto another = open("two.test");
  ASSERT_TRUE(another) << another.error().detail;
  EXPECT_EQ(to_standby_.carried(Relay::kToServer), asked);
}

TEST_F(FailoverTest, ThePromotedOneIsFoundByTheSameName) {
  auto before = open("promoted.test");
  ASSERT_TRUE(before) << before.error().detail;
  primary_.kill();
  EXPECT_FALSE(run(context_, (*before)->execute("SELECT 1", in(20s))));
  const auto meanwhile = open("promoted.test");
  ASSERT_FALSE(meanwhile);
  EXPECT_EQ(meanwhile.error().error_class, ErrorClass::kReadOnly) << meanwhile.error().detail;

  standby_->promote();
  auto after = open("promoted.test");
  ASSERT_TRUE(after) << after.error().detail;
  EXPECT_EQ(server_of(**after), std::to_string(standby_->port()));

  // The old primary comes back as a standby by its old address.
  primary_.follow(*standby_);
  auto later = open("promoted.test");
  ASSERT_TRUE(later) << later.error().detail;
  EXPECT_EQ(server_of(**later), std::to_string(standby_->port()));
  EXPECT_EQ(primary_.app_backends(), 0);
}

TEST_F(FailoverTest, AServerThatLostItsPowerDelaysOthersOnce) {
  const Unpowered unpowered(to_standby_.port());
  const auto time_of = [&] {
    const auto began = std::chrono::steady_clock::now();
    const auto session = open(kSilentFirst, 8s);
    EXPECT_FALSE(session);
    if (!session) {
      EXPECT_EQ(session.error().error_class, ErrorClass::kReadOnly) << session.error().detail;
    }
    return std::chrono::steady_clock::now() - began;
  };
  time_of();
  EXPECT_LT(time_of(), 8s / 2) << "the share of one address of two";
  standby_->promote();
  auto after = open(kSilentFirst);
  ASSERT_TRUE(after) << after.error().detail;
  EXPECT_EQ(server_of(**after), std::to_string(standby_->port()));
}

}  // namespace
}  // namespace storagepool::postgres
