// Another server, credentials or CA in the mounted files of the running program: they take the place of what
// is in force once they are admitted, and not before.
#include <atomic>
#include <string>
#include <thread>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "pool/service/program_tests/testing/program_test.h"

namespace storagepool::service {
namespace {

using nlohmann::json;
using ::testing::Each;
using testing::eventually;
using ::testing::HasSubstr;

class DataStorageMovedTest : public testing::ProgramTest {
 protected:
  static void SetUpTestSuite() { start_server({.settings = {}, .require_password = true}); }
  ~DataStorageMovedTest() override { stop_reading(); }

  void mount(const std::string& host, std::uint16_t port) {
    pod_.config.postgres.host = host;
    pod_.config.postgres.port = port;
    pod_.write_config();
  }
  void mount_port(std::uint16_t port) { mount(pod_.config.postgres.host, port); }
  std::string target() const { return pod_.facts().at("target"); }
  // Why what is mounted is not in force, as soon as it was tried.
  bool trial_fails(const std::string& fault) const {
    return eventually([&] { return pod_.facts().value("/trial/fault"_json_pointer, "") == fault; });
  }
  bool stored(const std::string& id) const {
    return pod_.api("GET", testing::kEvents + "/" + id).status == 200;
  }
  int backends(postgres::testing::Server& server) const { return server.app_backends(); }

  // Reads and writes without a pause until `stop_reading`, and samples how many sessions there are.
  void start_reading() {
    reader_ = std::thread([this] {
      while (!stop_) {
        answers_.push_back(pod_.api("GET", testing::kEvents + "?limit=1").status);
        answers_.push_back(pod_.create(testing::valid_event()).status == 201U ? 200U : 0U);
        most_ = std::max(most_, backends(*server_));
      }
    });
  }
  void stop_reading() {
    stop_ = true;
    if (reader_.joinable()) reader_.join();
  }

  std::atomic<bool> stop_ = false;
  std::thread reader_;
  std::vector<unsigned> answers_;  // until it has stopped
  int most_ = 0;                   //
};

TEST_F(DataStorageMovedTest, AWrongPasswordInTheSecretCostsNoRequest) {
  start({"--session-name=audit-0.aaaa"});
  start_reading();
  pod_.write("credentials/password", "typing error");
  EXPECT_TRUE(trial_fails("credentials_rejected")) << pod_.facts().dump() << pod_.log();
  EXPECT_EQ(pod_.facts().at("reachable"), true);
  EXPECT_FALSE(pod_.facts().contains("fault"));
  const auto readyz = pod_.health("/readyz");
  EXPECT_EQ(readyz.status, 200U);
  EXPECT_THAT(readyz.body, HasSubstr("refused the user name or password"));

  server_->superuser("ALTER ROLE app PASSWORD 'rotated'");
  pod_.write("credentials/password", "rotated");
  EXPECT_TRUE(eventually([&] { return !pod_.facts().contains("trial"); })) << pod_.facts().dump();
  EXPECT_TRUE(eventually([&] { return pod_.facts().at("elsewhere") == 0; }));
  stop_reading();
  EXPECT_THAT(answers_, Each(200U)) << pod_.log();
  EXPECT_LE(most_, 4) << "E1";
  server_->superuser("ALTER ROLE app PASSWORD '" + server_->connect_options().password + "'");
}

TEST_F(DataStorageMovedTest, AWrongHostIsNamedAndCostsNoRequestAndTheRightOneIsMovedTo) {
  postgres::testing::Server other({.settings = {}, .require_password = true});
  start();
  const std::string before = target();
  start_reading();
  mount("postgres-typo.invalid", 5432);
  EXPECT_TRUE(trial_fails("unreachable")) << pod_.facts().dump() << pod_.log();
  EXPECT_EQ(target(), before);
  EXPECT_THAT(pod_.health("/readyz").body, HasSubstr("postgres-typo.invalid"));
  stop_reading();
  EXPECT_THAT(answers_, Each(200U)) << pod_.log();
  EXPECT_LE(most_, 4) << "E1";

  mount("127.0.0.1", other.port());
  const std::string next = settings::target_of(pod_.config.postgres);
  EXPECT_TRUE(eventually([&] { return target() == next; })) << pod_.log();
  EXPECT_TRUE(eventually([&] { return pod_.facts().at("elsewhere") == 0; }));
  EXPECT_EQ(backends(*server_), 0);
  EXPECT_TRUE(pod_.becomes_ready()) << pod_.log();
  EXPECT_EQ(pod_.create(testing::valid_event()).status, 201U);
  EXPECT_EQ(pod_.stop(), 0);
}

TEST_F(DataStorageMovedTest, WhatWasAcceptedWhileTheOldServerIsGoneIsStoredOnTheNewOne) {
  postgres::testing::Server other({.settings = {}, .require_password = true});
  start();
  const auto first = pod_.create(testing::valid_event());
  ASSERT_EQ(first.status, 201U) << first.body;
  server_->stop();
  EXPECT_TRUE(eventually([&] { return pod_.facts().at("reachable") == false; }));
  const auto accepted = pod_.create(testing::valid_event());
  ASSERT_EQ(accepted.status, 202U) << accepted.body;

  mount_port(other.port());
  EXPECT_TRUE(pod_.becomes_ready()) << pod_.log();
  const std::string id = json::parse(accepted.body).at("event_id");
  EXPECT_TRUE(eventually([&] { return stored(id); })) << pod_.log();
  EXPECT_FALSE(stored(json::parse(first.body).at("event_id")));
  EXPECT_TRUE(eventually([&] { return pod_.facts().at("elsewhere") == 0; }));
  EXPECT_EQ(pod_.stop(), 0);
  server_->start();
}

TEST_F(DataStorageMovedTest, WhatWasNeverReachedIsReplacedAtOnce) {
  const std::uint16_t right = pod_.config.postgres.port;
  mount_port(1);
  pod_.start();
  EXPECT_TRUE(pod_.reports("unreachable"));
  mount_port(right);
  EXPECT_TRUE(pod_.becomes_ready()) << pod_.log();
}

TEST_F(DataStorageMovedTest, ACandidateIsTriedAndToldOfAndNotMovedTo) {
  postgres::testing::Server other({.settings = {}, .require_password = true});
  start();
  const std::string before = target();
  settings::PostgresTarget candidate = pod_.config.postgres;
  candidate.port = other.port();
  pod_.write("config/" + std::string(settings::kCandidateFile), settings::render_target(candidate));
  EXPECT_TRUE(eventually([&] { return pod_.facts().value("/trial/admitted"_json_pointer, false); }))
      << pod_.facts().dump();
  const json facts = pod_.facts();
  EXPECT_EQ(facts.at("trial").at("target"), settings::target_of(candidate));
  EXPECT_GT(facts.at("trial").at("facts").at("maxConnections"), 0);
  EXPECT_EQ(facts.at("mounted"), 1);
  EXPECT_EQ(target(), before);
  EXPECT_TRUE(eventually([&] { return backends(other) == 0; }));
  pod_.remove("config/" + std::string(settings::kCandidateFile));
  EXPECT_TRUE(eventually([&] { return !pod_.facts().contains("trial"); }));
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
