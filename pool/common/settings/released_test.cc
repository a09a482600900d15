// What release 0.1.0 writes to the administration port, made by its own admin_wire.cc (of a2438f0, the first
// commit whose changelog has it): it stands for that release's image, which no test runs.
#include <nlohmann/json.hpp>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "pool/common/settings/admin_wire.h"

namespace storagepool::settings {
namespace {

using ::testing::Contains;

constexpr const char* kReport =
    R"({"appliedGeneration":7,"settings":{"maxOpenConns":9,"maxIdleConns":3,"maxConnsPerDatabase":3,)"
    R"("systemConns":4,"connMaxLifetime":"5m","connMaxIdleTime":"10m","acquireTimeout":"30s","maxWaiters":10000,)"
    R"("connectTimeout":"5s","statementCacheSize":200,"statementTimeout":"30s","lockTimeout":"10s",)"
    R"("validateAfterIdle":"30s"},"open":4,"opening":0,"closing":0,"inUse":1,"idle":3,"waiting":0,"waitCount":2,)"
    R"("openHighWater":9})";
constexpr const char* kFacts =
    R"({"reachable":true,"facts":{"systemIdentifier":"7460123","serverVersion":150008,"maxConnections":100,)"
    R"("superuserReservedConnections":3,"reservedConnections":0,"sessions":12},"factsAgeSeconds":4,"detail":""})";
constexpr const char* kChange = R"({"generation":8,"settings":{"maxOpenConns":6,"maxIdleConns":2}})";

TEST(Released, ReportsOfItsPodsAreReadWithWhatTheyDoNotKnow) {
  const auto report = parse_settings_report(kReport);
  ASSERT_TRUE(report) << to_string(report.error());
  EXPECT_EQ(report->applied_generation, 7);
  EXPECT_EQ(report->settings.max_open_conns, 9);
  EXPECT_EQ(report->sockets(), 4);
  EXPECT_THAT(report->not_known, Contains("stallAfter"));
  EXPECT_TRUE(has_in_force(
      *report, resolve({{"maxOpenConns", 9}, {"maxIdleConns", 3}, {"stallAfter", 3000}}).value()));
  const auto facts = parse_facts_report(kFacts);
  ASSERT_TRUE(facts) << to_string(facts.error());
  ASSERT_TRUE(facts->facts);
  EXPECT_EQ(facts->facts->max_connections, 100);
  EXPECT_EQ(facts->facts->sessions, 12);
}

// They refuse a change with any other key.
TEST(Released, ItsPodsAreSentNoKeyThatTheirReportLacks) {
  const auto report = parse_settings_report(kReport);
  ASSERT_TRUE(report) << to_string(report.error());
  const Settings granted = resolve({{"maxOpenConns", 6}, {"stallAfter", 3000}}).value();
  const auto sent = nlohmann::json::parse(
      to_json(SettingsChange{.generation = 8, .settings = known_to(*report, to_given(granted))}));
  EXPECT_EQ(sent.size(), 2U) << sent;
  EXPECT_EQ(sent.at("generation"), 8);
  const auto known = nlohmann::json::parse(kReport).at("settings");
  for (const auto& setting : sent.at("settings").items())
    EXPECT_TRUE(known.contains(setting.key())) << setting.key();
  EXPECT_EQ(sent.at("settings").at("maxOpenConns"), 6);
}

TEST(Released, ChangesOfItsOperatorAreTaken) {
  const auto change = parse_settings_change(kChange);
  ASSERT_TRUE(change) << to_string(change.error());
  EXPECT_EQ(change->generation, 8);
  EXPECT_EQ(change->settings, (Given{{"maxOpenConns", 6}, {"maxIdleConns", 2}}));
  EXPECT_TRUE(change->ignored.empty());
}

}  // namespace
}  // namespace storagepool::settings
