// A pod whose predecessor of the same name vanished: until PostgreSQL lets its connections go, both together
// hold no more than is granted to one.
#include <chrono>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "pool/postgres/connect.h"
#include "pool/postgres/testing/run.h"
#include "pool/service/program_tests/testing/program_test.h"

namespace storagepool::service {
namespace {

using nlohmann::json;
using testing::eventually;

class DataStoragePredecessorTest : public testing::ProgramTest {
 protected:
  void leave_sessions(int count, const std::string& name) {
    postgres::ConnectOptions options = server_->connect_options();
    options.application_name = name;
    for (int i = 0; i < count; ++i) {
      auto session = postgres::testing::run(
          context_, postgres::connect(context_.get_executor(), options,
                                      std::chrono::steady_clock::now() + testing::kPatience));
      ASSERT_TRUE(session) << session.error().detail;
      left_.push_back(std::move(*session));
    }
  }
  void read_at_once(int clients) const {
    std::vector<std::jthread> threads;
    for (int i = 0; i < clients; ++i) {
      threads.emplace_back([this] {
        for (int turn = 0; turn < 5; ++turn) EXPECT_EQ(pod_.api("GET", testing::kEvents).status, 200U);
      });
    }
  }

  boost::asio::io_context context_;
  std::vector<std::unique_ptr<postgres::Session>> left_;
};

TEST_F(DataStoragePredecessorTest, HoldsItsConnectionsUntilPostgresqlLetsThemGo) {
  leave_sessions(3, "audit-2.1a2b3c4d#00000000");
  start({"--session-name=audit-2.1a2b3c4d"});
  json now = pod_.settings();
  EXPECT_EQ(now.at("settings").at("maxOpenConns"), 4) << "what is granted is in force";
  EXPECT_EQ(now.at("closing"), 3);
  read_at_once(8);
  EXPECT_EQ(pod_.settings().at("openHighWater"), 1);

  left_.clear();
  EXPECT_TRUE(eventually([&] { return pod_.settings().at("closing") == 0; }));
  read_at_once(8);
  EXPECT_GT(pod_.settings().at("openHighWater"), 1);
  EXPECT_LE(pod_.settings().at("openHighWater"), 4);
}

TEST_F(DataStoragePredecessorTest, IsNobodyOfAnotherName) {
  leave_sessions(3, "audit-1.1a2b3c4d#00000000");
  start({"--session-name=audit-2.1a2b3c4d"});
  EXPECT_EQ(pod_.settings().at("closing"), 0);
  EXPECT_THAT(server_->superuser("SELECT DISTINCT split_part(application_name, '#', 1) FROM pg_stat_activity "
                                 "WHERE usename = 'app' ORDER BY 1"),
              ::testing::ElementsAre("audit-1.1a2b3c4d", "audit-2.1a2b3c4d"));
}

// The operator counts those of pods that are gone for good.
TEST_F(DataStoragePredecessorTest, SessionsOfOtherPodsAreToldAfterTheyWereAskedFor) {
  leave_sessions(3, "audit-1.1a2b3c4d#00000000");
  leave_sessions(2, "audit-1.99999999#00000000");
  start({"--session-name=audit-2.1a2b3c4d"});
  const auto told = [&](const char* pod) {
    const json facts = pod_.facts();
    return facts.contains("sessionsByPod") ? facts["sessionsByPod"].value(pod, 0) : -1;
  };
  EXPECT_TRUE(eventually([&] { return told("audit-1") == 3; }));
  EXPECT_GE(told("audit-2"), 1);
  EXPECT_TRUE(eventually([&] { return pod_.facts()["facts"]["otherSessions"] == 0; })) << pod_.facts();
  leave_sessions(2, "reports");
  EXPECT_TRUE(eventually([&] { return pod_.facts()["facts"]["otherSessions"] == 2; }));
  left_.clear();
  EXPECT_TRUE(eventually([&] { return told("audit-1") == 0; }));
}

}  // namespace
}  // namespace storagepool::service
