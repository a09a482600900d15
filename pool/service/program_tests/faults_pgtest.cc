// The running program when something around it is missing, wrong or away: it lives, says why by cause, tells
// no secret, and recovers without a restart.
#include <atomic>
#include <chrono>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <thread>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "pool/service/program_tests/testing/program_test.h"

namespace storagepool::service {
namespace {

using nlohmann::json;
using testing::eventually;
using ::testing::HasSubstr;
using ::testing::Not;
using testing::valid_event;

std::string contents(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

class DataStorageFaultsTest : public testing::ProgramTest {
 protected:
  static constexpr const char* kWrongPassword = "wr0ng-s3cret";

  static void SetUpTestSuite() { start_server({.settings = {}, .tls = true, .require_password = true}); }

  DataStorageFaultsTest() {
    pod_.config.postgres.ssl_mode = settings::SslMode::kVerifyFull;
    pod_.config.postgres.host = "localhost";
    pod_.write_config();
    pod_.write("ca/ca.crt", contents(server_->ca_file()));
  }
  // Whatever happened, no secret may be anywhere a person or a scraper looks.
  void TearDown() override {
    if (pod_.running()) {
      expect_no_secret(pod_.admin("GET", "/admin/facts").body);
      expect_no_secret(pod_.admin("GET", "/admin/settings").body);
      expect_no_secret(pod_.health("/readyz").body);
      expect_no_secret(pod_.metrics());
      expect_no_secret(pod_.create(valid_event()).body);
      EXPECT_EQ(pod_.stop(), 0) << pod_.log();
    }
    expect_no_secret(pod_.log());
    expect_no_secret(pod_.read("state/config.yaml"));
  }
  static void expect_no_secret(const std::string& text) {
    EXPECT_THAT(text, Not(HasSubstr(server_->connect_options().password)));
    EXPECT_THAT(text, Not(HasSubstr(kWrongPassword)));
    EXPECT_THAT(text, Not(HasSubstr("password=")));
    EXPECT_THAT(text, Not(HasSubstr("v4.public")));
  }
  // Of a pod that has never reached PostgreSQL.
  void expect_not_ready(const std::string& fault) { expect_fault(fault, 503); }
  // Of one that has, and takes events into its journal.
  void expect_degraded(const std::string& fault) { expect_fault(fault, 200); }
  void expect_fault(const std::string& fault, unsigned readiness) {
    EXPECT_TRUE(pod_.reports(fault)) << pod_.facts().dump() << "\n" << pod_.log();
    // A connect may fail before the last session is found to have ended.
    EXPECT_TRUE(eventually([&] { return pod_.facts().at("reachable") == false; })) << pod_.facts().dump();
    const auto readyz = pod_.health("/readyz");
    EXPECT_EQ(readyz.status, readiness) << readyz.body;
    EXPECT_THAT(readyz.body, HasSubstr("PostgreSQL is not reachable: "));
    EXPECT_EQ(pod_.health("/livez").status, 200U);
    EXPECT_THAT(pod_.log(), HasSubstr("\"fault\":\"" + fault + "\""));
  }
  void expect_recovery() {
    EXPECT_TRUE(pod_.becomes_ready()) << pod_.log();
    EXPECT_TRUE(eventually([&] { return !pod_.facts().contains("fault"); })) << pod_.facts().dump();
    const auto created = pod_.create(valid_event());
    EXPECT_EQ(created.status, 201U) << created.body;
  }
};

TEST_F(DataStorageFaultsTest, WorksWithEveryTlsMode) {
  for (const auto mode :
       {settings::SslMode::kRequire, settings::SslMode::kVerifyCa, settings::SslMode::kVerifyFull}) {
    pod_.config.postgres.ssl_mode = mode;
    pod_.write_config();
    pod_.start();
    expect_recovery();
    EXPECT_EQ(server_
                  ->superuser("SELECT bool_and(ssl) FROM pg_stat_ssl JOIN pg_stat_activity USING (pid) "
                              "WHERE usename = 'app'")
                  .at(0),
              "t");
    EXPECT_EQ(pod_.stop(), 0);
  }
}

TEST_F(DataStorageFaultsTest, StartsWhilePostgresqlIsAway) {
  server_->stop();
  pod_.start();
  expect_not_ready("unreachable");
  for (const auto& refused : {pod_.create(valid_event()), pod_.api("GET", "/api/v1/audit/events")}) {
    EXPECT_EQ(refused.status, 503U);
    EXPECT_GE(std::stoi(refused.headers.at("retry-after")), 1);
    EXPECT_EQ(json::parse(refused.body).at("type"), "https://storagepool.dev/problems/unavailable");
  }
  server_->start();
  expect_recovery();
}

TEST_F(DataStorageFaultsTest, RefusesEventsWhilePostgresqlIsAwayWithoutAJournal) {
  server_->stop();
  pod_.start({}, {"--journal-max-bytes=0"});
  expect_not_ready("unreachable");
  const auto refused = pod_.create(valid_event());
  EXPECT_EQ(refused.status, 503U);
  EXPECT_GE(std::stoi(refused.headers.at("retry-after")), 1);
  EXPECT_EQ(json::parse(refused.body).at("type"), "https://storagepool.dev/problems/unavailable");
  server_->start();
  expect_recovery();
}

TEST_F(DataStorageFaultsTest, OutlivesAStopAndACrashOfPostgresql) {
  pod_.start();
  expect_recovery();
  server_->stop();
  expect_degraded("unreachable");
  EXPECT_TRUE(pod_.facts().contains("facts"));  // the last known
  server_->start();
  expect_recovery();
  server_->kill();
  expect_degraded("unreachable");
  server_->start();
  expect_recovery();
}

TEST_F(DataStorageFaultsTest, WaitsForTheSecret) {
  pod_.remove("credentials/username");
  pod_.remove("credentials/password");
  pod_.start();
  expect_not_ready("credentials_missing");
  pod_.write("credentials/username", "app");
  EXPECT_TRUE(eventually(
      [&] { return pod_.facts().at("detail").get<std::string>().find("password") != std::string::npos; }));
  pod_.write("credentials/password", "line\nbreak");
  expect_not_ready("credentials_missing");
  pod_.write("credentials/password", server_->connect_options().password);
  expect_recovery();
}

TEST_F(DataStorageFaultsTest, TellsRefusedCredentialsAndTakesRotatedOnes) {
  pod_.write("credentials/password", kWrongPassword);
  pod_.start();
  expect_not_ready("credentials_rejected");
  pod_.write("credentials/password", server_->connect_options().password);
  expect_recovery();
}

TEST_F(DataStorageFaultsTest, MovesToAnotherRoleWithoutAnErrorWhenTheSecretChanges) {
  server_->superuser("CREATE ROLE next LOGIN PASSWORD 'app-secret-2' IN ROLE app");
  start();
  EXPECT_GT(server_->app_backends(), 0);
  pod_.write("credentials/password", "app-secret-2");
  pod_.write("credentials/username", "next");
  EXPECT_TRUE(eventually([&] {
    const auto created = pod_.create(valid_event());
    EXPECT_EQ(created.status, 201U) << created.body;
    return server_->app_backends() == 0;
  })) << pod_.log();
  EXPECT_EQ(pod_.create(valid_event()).status, 201U);
  EXPECT_NE(server_->superuser("SELECT count(*) FROM pg_stat_activity WHERE usename = 'next'").at(0), "0");
  EXPECT_THAT(pod_.log(), HasSubstr("sessions are made anew, with what is mounted now"));
}

TEST_F(DataStorageFaultsTest, AWrongOrMissingCaCostsAPodThatServesNothing) {
  start();
  for (const std::string& ca : {contents(server_->other_ca_file()), std::string()}) {
    pod_.write("ca/ca.crt", ca);
    EXPECT_TRUE(eventually([&] { return pod_.facts().value("/trial/fault"_json_pointer, "") == "tls"; }))
        << pod_.facts().dump();
    // New sessions are made with the CA of before.
    server_->superuser("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'app'");
    EXPECT_TRUE(eventually([&] { return pod_.create(valid_event()).status == 201; })) << pod_.log();
    // A check may have met a session that was just ended; the next one tells.
    EXPECT_TRUE(eventually([&] {
      return pod_.health("/readyz").body.find("what is mounted now is not admitted") != std::string::npos;
    })) << pod_.health("/readyz").body;
  }
  pod_.write("ca/ca.crt", contents(server_->ca_file()));
  EXPECT_TRUE(eventually([&] { return !pod_.facts().contains("trial"); }));
  EXPECT_EQ(pod_.create(valid_event()).status, 201U);
}

TEST_F(DataStorageFaultsTest, TellsAWrongAndAMissingCa) {
  pod_.write("ca/ca.crt", contents(server_->other_ca_file()));
  pod_.start();
  expect_not_ready("tls");
  pod_.remove("ca/ca.crt");
  EXPECT_TRUE(eventually([&] {
    return pod_.facts().at("detail").get<std::string>().find("the CA cannot be read") != std::string::npos;
  }));
  expect_not_ready("tls");
  pod_.write("ca/ca.crt", "not a certificate");
  expect_not_ready("tls");
  pod_.write("ca/ca.crt", contents(server_->ca_file()));
  expect_recovery();
}

TEST_F(DataStorageFaultsTest, TellsAMissingDatabase) {
  pod_.config.postgres.database = "nowhere";
  pod_.write_config();
  pod_.start();
  expect_not_ready("database_missing");
  server_->superuser("CREATE DATABASE nowhere OWNER app");
  expect_recovery();
}

TEST_F(DataStorageFaultsTest, TellsAFullServer) {
  server_->superuser("ALTER ROLE app CONNECTION LIMIT 0");
  pod_.start();
  expect_not_ready("server_full");
  server_->superuser("ALTER ROLE app CONNECTION LIMIT -1");
  expect_recovery();
}

// The sessions that are open work on, so nothing fails; the operator is told all the same.
TEST_F(DataStorageFaultsTest, CountsAndTellsThatAServerHadNoConnectionLeft) {
  start();
  EXPECT_FALSE(pod_.facts().contains("refused"));
  server_->superuser("ALTER ROLE app CONNECTION LIMIT 1");
  std::vector<std::jthread> clients;
  clients.reserve(8);
  std::atomic<int> failed = 0;
  for (int i = 0; i < 8; ++i) {
    clients.emplace_back([&](const std::stop_token& stop) {
      while (!stop.stop_requested()) {
        const auto status = pod_.create(valid_event()).status;
        if (status != 201 && status != 202) ++failed;
      }
    });
  }
  EXPECT_TRUE(eventually([&] { return pod_.facts().contains("refused"); })) << pod_.log();
  const json facts = pod_.facts();
  EXPECT_EQ(facts.at("reachable"), true);
  EXPECT_GE(facts.at("refused").at("count"), 1);
  EXPECT_GT(facts.at("refused").at("at"), facts.at("facts").at("startedAt"));
  EXPECT_THAT(facts.at("refused").at("detail").get<std::string>(),
              HasSubstr("the server has no connection left for this user (53300)"));
  EXPECT_TRUE(eventually([&] { return pod_.facts().at("facts").value("roleLimit", 0) == 1; }))
      << "read again at once: " << pod_.facts().dump();
  server_->superuser("ALTER ROLE app CONNECTION LIMIT -1");
  clients.clear();
  EXPECT_TRUE(eventually([&] { return !pod_.facts().contains("refused"); })) << pod_.facts().dump();
  EXPECT_EQ(failed, 0);
  EXPECT_EQ(pod_.create(valid_event()).status, 201U);
}

// As after a switch-over: the sessions lead to what takes no writes any more.
TEST_F(DataStorageFaultsTest, TellsAServerThatTakesNoWritesAndReturnsByItself) {
  start();
  server_->superuser("ALTER SYSTEM SET default_transaction_read_only = on");
  server_->superuser("SELECT pg_reload_conf()");
  EXPECT_TRUE(eventually([&] { return pod_.create(valid_event()).status == 202; })) << pod_.log();
  EXPECT_TRUE(eventually([&] { return pod_.facts().at("reachable") == false; })) << pod_.log();
  expect_degraded("read_only");
  const auto accepted = pod_.create(valid_event());
  EXPECT_EQ(accepted.status, 202U) << accepted.body;
  server_->superuser("ALTER SYSTEM RESET default_transaction_read_only");
  server_->superuser("SELECT pg_reload_conf()");
  expect_recovery();
  const std::string id = json::parse(accepted.body).at("event_id");
  EXPECT_TRUE(eventually([&] { return pod_.api("GET", "/api/v1/audit/events/" + id).status == 200; }))
      << pod_.log();
}

TEST_F(DataStorageFaultsTest, EventsWaitForAGrantAndHealthSaysSo) {
  start();
  server_->superuser("ALTER TABLE audit_events OWNER TO postgres", "audit");
  const auto accepted = pod_.create(valid_event());
  EXPECT_EQ(accepted.status, 202U) << accepted.body;
  EXPECT_TRUE(pod_.reports("not_permitted")) << pod_.facts().dump();
  EXPECT_EQ(pod_.facts().at("reachable"), true);
  EXPECT_THAT(pod_.facts().at("detail").get<std::string>(), HasSubstr("42501"));
  server_->superuser("ALTER TABLE audit_events OWNER TO app", "audit");
  const std::string id = json::parse(accepted.body).at("event_id");
  EXPECT_TRUE(eventually([&] { return pod_.api("GET", "/api/v1/audit/events/" + id).status == 200; }))
      << pod_.log();
  expect_recovery();
}

TEST_F(DataStorageFaultsTest, TellsASchemaItMayNotCreate) {
  server_->superuser("CREATE DATABASE locked");
  server_->superuser("REVOKE CREATE ON SCHEMA public FROM PUBLIC", "locked");
  pod_.config.postgres.database = "locked";
  pod_.write_config();
  pod_.start();
  EXPECT_TRUE(pod_.reports("schema")) << pod_.log();
  EXPECT_EQ(pod_.facts().at("reachable"), true);
  EXPECT_THAT(pod_.facts().at("detail").get<std::string>(), HasSubstr("42501"));
  EXPECT_THAT(pod_.health("/readyz").body, HasSubstr("the schema is not migrated"));
  EXPECT_EQ(pod_.create(valid_event()).status, 503U);
  server_->superuser("ALTER DATABASE locked OWNER TO app");
  server_->superuser("GRANT ALL ON SCHEMA public TO app", "locked");
  expect_recovery();
}

}  // namespace
}  // namespace storagepool::service
