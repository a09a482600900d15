// A changed host or port in the mounted configuration reaches the running program.
#include <string>

#include <gtest/gtest.h>

#include "pool/service/program_tests/testing/program_test.h"

namespace storagepool::service {
namespace {

using nlohmann::json;
using testing::eventually;

class DataStorageMovedTest : public testing::ProgramTest {
 protected:
  void mount_port(std::uint16_t port) {
    pod_.config.postgres.port = port;
    pod_.write_config();
    const std::string target = settings::target_of(pod_.config.postgres);
    ASSERT_TRUE(eventually([&] { return pod_.facts().at("target") == target; })) << pod_.log();
  }
  bool stored(const std::string& id) const {
    return pod_.api("GET", testing::kEvents + "/" + id).status == 200;
  }
};

TEST_F(DataStorageMovedTest, WhatWasAcceptedMeanwhileIsStoredOnTheServerOfNow) {
  const postgres::testing::Server other;
  start();
  const auto first = pod_.create(testing::valid_event());
  ASSERT_EQ(first.status, 201U) << first.body;
  mount_port(1);
  EXPECT_FALSE(pod_.facts().at("reachable"));
  EXPECT_FALSE(pod_.facts().contains("facts"));  // they were of another server
  const auto accepted = pod_.create(testing::valid_event());
  ASSERT_EQ(accepted.status, 202U) << accepted.body;

  mount_port(other.port());
  EXPECT_TRUE(pod_.becomes_ready()) << pod_.log();
  const std::string id = json::parse(accepted.body).at("event_id");
  EXPECT_TRUE(eventually([&] { return stored(id); })) << pod_.log();
  EXPECT_FALSE(stored(json::parse(first.body).at("event_id")));
  EXPECT_TRUE(eventually([&] { return pod_.facts().at("elsewhere") == 0; }));
  EXPECT_EQ(pod_.stop(), 0);
}

TEST_F(DataStorageMovedTest, AnotherDatabaseWaitsForARestart) {
  start();
  const json before = pod_.facts().at("target");
  pod_.config.postgres.database = "another";
  pod_.write_config();
  EXPECT_TRUE(eventually([&] { return pod_.log().find("names another database") != std::string::npos; }));
  EXPECT_EQ(pod_.facts().at("target"), before);
  EXPECT_EQ(pod_.create(testing::valid_event()).status, 201U);
}

}  // namespace
}  // namespace storagepool::service
