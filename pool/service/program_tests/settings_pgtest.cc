// Settings of the running program: live changes, generations across restarts, the environment, and the facts
// that the operator plans with.
#include <atomic>
#include <chrono>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "pool/auth/testing/operator_signer.h"
#include "pool/service/program_tests/testing/program_test.h"
#include "pool/service/program_tests/testing/table_lock.h"

namespace storagepool::service {
namespace {

using nlohmann::json;
using ::testing::AnyOf;
using testing::eventually;
using ::testing::HasSubstr;

class DataStorageSettingsTest : public testing::ProgramTest {
 protected:
  std::int64_t sockets() const {
    const json now = pod_.settings();
    return now.at("open").get<std::int64_t>() + now.at("opening").get<std::int64_t>() +
           now.at("closing").get<std::int64_t>();
  }
  // Makes the pod use its whole pool: more clients than it has connections wait for a lock. Readers have
  // three quarters of them.
  void fill_the_pool(std::size_t readers) const {
    auto lock = std::make_unique<testing::TableLock>(server_->connect_options());
    std::vector<std::thread> clients;
    std::atomic<bool> full = false;
    for (std::size_t i = 0; i < readers; ++i) {
      clients.emplace_back([this] { EXPECT_EQ(pod_.api("GET", "/api/v1/audit/events").status, 200U); });
    }
    for (int writer = 0; writer < 4; ++writer) {
      clients.emplace_back([&] {
        while (!full) EXPECT_THAT(pod_.create(testing::valid_event()).status, AnyOf(201U, 202U));
      });
    }
    EXPECT_TRUE(eventually([this] {
      const json now = pod_.settings();
      return now.at("inUse") == now.at("settings").at("maxOpenConns");
    }));
    full = true;
    lock.reset();
    for (std::thread& client : clients) client.join();
  }
};

TEST_F(DataStorageSettingsTest, ChangesLiveAndConfirmsAShrink) {
  start();
  EXPECT_EQ(pod_.settings().at("appliedGeneration"), 1);
  EXPECT_EQ(pod_.settings().at("settings").at("maxOpenConns"), 4);
  EXPECT_THAT(pod_.log(), HasSubstr("\"message\":\"settings in force\""));

  const auto grown =
      pod_.put_settings(2, {{"maxOpenConns", 8}, {"maxIdleConns", 8}, {"statementTimeout", "7s"}});
  EXPECT_EQ(grown.status, 200U) << grown.body;
  const json confirmed = json::parse(grown.body);
  for (const char* key : {"appliedGeneration", "settings", "leaving", "notReady"})
    EXPECT_EQ(confirmed.at(key), pod_.settings().at(key)) << key;
  EXPECT_EQ(pod_.settings().at("appliedGeneration"), 2);
  EXPECT_EQ(pod_.settings().at("settings").at("statementTimeout"), "7s");
  EXPECT_EQ(pod_.metric(R"(storagepool_pool_setting_info{key="statementTimeout",value="7s"})"), 1);
  fill_the_pool(16);
  EXPECT_EQ(pod_.settings().at("openHighWater"), 8);
  EXPECT_EQ(pod_.metric("storagepool_pool_max_open"), 8);

  const auto shrunk = pod_.put_settings(3, {{"maxOpenConns", 2}, {"maxIdleConns", 2}});
  EXPECT_EQ(shrunk.status, 200U) << shrunk.body;
  EXPECT_TRUE(eventually([&] { return sockets() <= 2; }));
  EXPECT_TRUE(eventually([&] { return server_->app_backends() <= 2; }));
  EXPECT_EQ(pod_.settings().at("settings").at("statementTimeout"), "30s");  // not given: the default
  EXPECT_TRUE(pod_.ready());
  EXPECT_THAT(
      pod_.log(),
      HasSubstr("\"message\":\"settings changed, now in force\",\"generation\":3,\"maxOpenConns\":2"));
  EXPECT_EQ(pod_.stop(), 0);
}

TEST_F(DataStorageSettingsTest, GoesByTheGeneration) {
  pod_.start();
  EXPECT_EQ(pod_.put_settings(5, {{"maxOpenConns", 6}}).status, 200U);
  EXPECT_EQ(pod_.put_settings(5, {{"maxOpenConns", 6}}).status, 200U);
  EXPECT_EQ(pod_.put_settings(5, {{"maxOpenConns", 7}}).status, 409U);
  EXPECT_EQ(pod_.put_settings(4, {{"maxOpenConns", 7}}).status, 409U);
  const auto invalid = pod_.put_settings(6, {{"maxOpenConns", 0}});
  EXPECT_EQ(invalid.status, 400U);
  EXPECT_THAT(invalid.body, HasSubstr("maxOpenConns"));
  EXPECT_EQ(pod_.admin("PUT", "/admin/settings", "nonsense").status, 400U);
  EXPECT_EQ(pod_.settings().at("appliedGeneration"), 5);
  EXPECT_EQ(pod_.settings().at("settings").at("maxOpenConns"), 6);
}

TEST_F(DataStorageSettingsTest, LeavesAloneWhatOnlyANewerOperatorKnowsAndSaysSo) {
  pod_.start();
  EXPECT_FALSE(pod_.settings().contains("ignoredSettings"));
  const auto taken = pod_.put_settings(5, {{"maxOpenConns", 6}, {"umbrellas", "3s"}});
  EXPECT_EQ(taken.status, 200U) << taken.body;
  EXPECT_EQ(json::parse(taken.body).at("ignoredSettings"), json::array({"umbrellas"}));
  EXPECT_EQ(pod_.settings().at("settings").at("maxOpenConns"), 6);
  EXPECT_FALSE(pod_.settings().at("settings").contains("umbrellas"));
  const auto bad = pod_.put_settings(6, {{"maxOpenConns", 0}, {"umbrellas", "3s"}});
  EXPECT_EQ(bad.status, 400U);
  EXPECT_THAT(bad.body, HasSubstr("maxOpenConns: \\\"0\\\" is not allowed"));

  pod_.config.generation = 7;
  pod_.config.pool = {{"maxOpenConns", 11}};
  pod_.write("config/config.yaml", settings::render_config(pod_.config) + "  weather: rain\n");
  EXPECT_TRUE(eventually([&] { return pod_.settings().at("appliedGeneration") == 7; })) << pod_.log();
  EXPECT_EQ(pod_.settings().at("ignoredSettings"), json::array({"weather"}));
  EXPECT_EQ(pod_.stop(), 0);
  pod_.start();
  EXPECT_EQ(pod_.settings().at("appliedGeneration"), 7);
  EXPECT_EQ(pod_.settings().at("settings").at("maxOpenConns"), 11);
  EXPECT_EQ(pod_.settings().at("ignoredSettings"), json::array({"weather"}));
}

TEST_F(DataStorageSettingsTest, KeepsWhatItAcknowledgedAcrossACrashWithAStaleFile) {
  pod_.start();
  ASSERT_EQ(pod_.put_settings(5, {{"maxOpenConns", 3}}).status, 200U);
  pod_.signal(SIGKILL);
  pod_.wait();
  pod_.start();  // the mounted file still has generation 1 with 4 connections
  EXPECT_EQ(pod_.settings().at("appliedGeneration"), 5);
  EXPECT_EQ(pod_.settings().at("settings").at("maxOpenConns"), 3);
  pod_.stop();
  pod_.config.generation = 6;
  pod_.config.pool = {{"maxOpenConns", 9}};
  pod_.write_config();
  pod_.start();
  EXPECT_EQ(pod_.settings().at("appliedGeneration"), 6);
  EXPECT_EQ(pod_.settings().at("settings").at("maxOpenConns"), 9);
  pod_.stop();
  pod_.config.generation = 1;
  pod_.write_config();
  pod_.start();  // also what came by the file is not forgotten
  EXPECT_EQ(pod_.settings().at("appliedGeneration"), 6);
}

TEST_F(DataStorageSettingsTest, TakesAHigherGenerationFromTheMountedFile) {
  pod_.start();
  pod_.write("config/config.yaml", "generation: seven\n");
  EXPECT_TRUE(eventually(
      [&] { return pod_.log().find("the mounted configuration is not usable") != std::string::npos; }));
  pod_.config.generation = 7;
  pod_.config.pool = {{"maxOpenConns", 11}};
  pod_.write_config();
  EXPECT_TRUE(eventually([&] { return pod_.settings().at("appliedGeneration") == 7; }));
  EXPECT_EQ(pod_.settings().at("settings").at("maxOpenConns"), 11);
}

TEST_F(DataStorageSettingsTest, TakesTheEnvironmentAndRefusesContradictions) {
  pod_.start({{"DB_POOL_TIMEOUT", "12"}});
  EXPECT_EQ(pod_.settings().at("settings").at("acquireTimeout"), "12s");
  const auto conflict = pod_.put_settings(2, {{"acquireTimeout", "5s"}});
  EXPECT_EQ(conflict.status, 400U);
  EXPECT_THAT(conflict.body, HasSubstr("the environment"));
  pod_.stop();
  EXPECT_EQ(pod_.run_to_end({{"DB_MAX_CONNECTIONS", "5"}}), 2);
  EXPECT_THAT(pod_.log(), HasSubstr("maxOpenConns"));
  EXPECT_EQ(pod_.run_to_end({{"DB_MAX_CONNECTIONS", "5"}, {"DB_CONNECTION_LIMIT", "6"}}), 2);
  EXPECT_THAT(pod_.log(), HasSubstr("DB_CONNECTION_LIMIT"));
}

TEST_F(DataStorageSettingsTest, RefusesToStartWithAWrongFileNamingTheKey) {
  pod_.write("config/config.yaml",
             "generation: 1\npostgres: {host: h, database: d}\npool: {maxOpenConns: 0}\n");
  EXPECT_EQ(pod_.run_to_end(), 2);
  EXPECT_THAT(pod_.log(), HasSubstr("maxOpenConns"));
  pod_.remove("config/config.yaml");
  EXPECT_EQ(pod_.run_to_end(), 2);
}

TEST_F(DataStorageSettingsTest, LetsNobodyInButTheOperator) {
  pod_.start();
  const std::string body = R"({"generation":9,"settings":{}})";
  const auto without = [&](const std::string& value) {
    const testing::HttpHeaders headers =
        value.empty() ? testing::HttpHeaders{} : testing::HttpHeaders{{"Authorization", value}};
    const auto put = pod_.admin_with(headers, "PUT", "/admin/settings", body).status;
    EXPECT_EQ(pod_.admin_with(headers, "GET", "/admin/settings").status, put);
    EXPECT_EQ(pod_.admin_with(headers, "GET", "/admin/facts").status, put);
    EXPECT_EQ(pod_.admin_with(headers, "GET", "/admin/unknown").status, put);
    return put;
  };
  EXPECT_EQ(without(""), 401U);
  EXPECT_EQ(without("Bearer wrong"), 401U);
  EXPECT_EQ(without("Basic dGVzdA=="), 401U);
  EXPECT_EQ(without(pod_.authorization("GET", "/admin/elsewhere")), 401U) << "for another request";
  for (const auto& [reason, times] :
       {std::pair{"missing", 4}, std::pair{"malformed", 4}, std::pair{"invalid", 8}}) {
    const std::string labels = std::string("{reason=\"") + reason + "\",server=\"admin\"}";
    EXPECT_EQ(pod_.metric("storagepool_http_auth_refused_total" + labels), times) << reason;
  }
  const std::string signed_put = pod_.authorization("PUT", "/admin/settings", body);
  const auto put = [&](const std::string& sent) {
    return pod_.admin_with({{"Authorization", signed_put}}, "PUT", "/admin/settings", sent).status;
  };
  EXPECT_EQ(put(body + " "), 401U) << "with another body";
  EXPECT_EQ(put(body), 200U);
}

TEST_F(DataStorageSettingsTest, TheOperatorsKeysAreRotatedWhileThePodRuns) {
  pod_.start();
  const auth::testing::OperatorSigner next("test-pod", 8);
  const auto by_next = [&] {
    const testing::HttpHeaders headers{{"Authorization", next.authorization("GET", "/admin/settings")}};
    return pod_.admin_with(headers, "GET", "/admin/settings").status;
  };
  const auto by_first = [&] { return pod_.admin("GET", "/admin/settings").status; };
  EXPECT_EQ(by_next(), 401U);
  pod_.write("config/operator-keys", pod_.read("config/operator-keys") + next.public_key() + "\n");
  EXPECT_TRUE(testing::eventually([&] { return by_next() == 200; })) << pod_.log();
  EXPECT_EQ(by_first(), 200U);
  pod_.write("config/operator-keys", next.public_key() + "\n");
  EXPECT_TRUE(testing::eventually([&] { return by_first() == 401; })) << pod_.log();
  EXPECT_EQ(by_next(), 200U);
  pod_.remove("config/operator-keys");
  EXPECT_TRUE(testing::eventually([&] { return by_next() == 401; })) << pod_.log();
}

TEST_F(DataStorageSettingsTest, TellsTheLimitsOfTheServerRoleAndDatabase) {
  start();
  json report = pod_.facts();
  EXPECT_EQ(report.at("reachable"), true);
  EXPECT_EQ(report.at("detail"), "");
  json facts = report.at("facts");
  EXPECT_EQ(facts.at("systemIdentifier"),
            server_->superuser("SELECT system_identifier FROM pg_control_system()").at(0));
  EXPECT_EQ(facts.at("maxConnections"), std::stoi(server_->superuser("SHOW max_connections").at(0)));
  EXPECT_EQ(facts.at("superuserReservedConnections"), 3);
  EXPECT_GE(facts.at("sessions"), 1);
  EXPECT_GT(facts.at("startedAt"), 1'700'000'000'000);
  EXPECT_GE(facts.at("readAt"), facts.at("startedAt"));
  EXPECT_FALSE(facts.contains("roleLimit"));
  EXPECT_FALSE(facts.contains("databaseLimit"));

  // A lost connection is a reason to look again at once.
  server_->superuser("ALTER ROLE app CONNECTION LIMIT 17");
  server_->superuser("ALTER DATABASE audit CONNECTION LIMIT 23");
  server_->superuser("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'app'");
  EXPECT_TRUE(eventually([&] { return pod_.facts().at("facts").contains("roleLimit"); }));
  facts = pod_.facts().at("facts");
  EXPECT_EQ(facts.at("roleLimit"), 17);
  EXPECT_EQ(facts.at("databaseLimit"), 23);
  server_->superuser("ALTER ROLE app CONNECTION LIMIT -1");
  server_->superuser("ALTER DATABASE audit CONNECTION LIMIT -1");
}

TEST_F(DataStorageSettingsTest, WorksForARoleThatMayNotReadTheSystemIdentifier) {
  server_->superuser("REVOKE EXECUTE ON FUNCTION pg_control_system() FROM PUBLIC", "audit");
  pod_.start();
  EXPECT_TRUE(pod_.becomes_ready()) << pod_.log();
  EXPECT_EQ(pod_.facts().at("facts").at("systemIdentifier"), "");
  server_->superuser("GRANT EXECUTE ON FUNCTION pg_control_system() TO PUBLIC", "audit");
}

}  // namespace
}  // namespace storagepool::service
