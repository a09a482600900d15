#include "pool/service/monitor/facts.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace storagepool::service {
namespace {

using postgres::ErrorClass;
using settings::PostgresFault;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using Row = std::vector<std::optional<std::string>>;

const TimePoint kNow{std::chrono::hours{1}};

postgres::Result rows(const Row& row) {
  return {.columns = {}, .rows = {row}, .affected_rows = 0};
}

postgres::Error error(ErrorClass error_class, const std::string& detail) {
  postgres::Error result;
  result.error_class = error_class;
  result.detail = detail;
  return result;
}

TEST(ParseFacts, ReadsTheLimits) {
  const auto parsed = parse_facts(rows({"150008", "100", "3", "0", "17", std::nullopt, "5", "1", "0", "0",
                                        "1769774400000", "1769774400123", "UTF8", "4"}));
  ASSERT_TRUE(parsed);
  settings::ServerFacts expected;
  expected.server_version = 150008;
  expected.max_connections = 100;
  expected.superuser_reserved_connections = 3;
  expected.role_limit = 17;
  expected.sessions = 5;
  expected.other_sessions = 4;
  expected.started_at = 1'769'774'400'000;
  expected.read_at = 1'769'774'400'123;
  EXPECT_EQ(parsed->facts, expected);
  EXPECT_EQ(parsed->encoding, "UTF8");
  EXPECT_TRUE(parsed->may_read_system_identifier);
  EXPECT_FALSE(parsed->read_only);
  EXPECT_TRUE(
      parse_facts(rows({"150008", "100", "3", "0", "17", "18", "5", "1", "1", "1", "1", "2", "UTF8", "0"}))
          ->read_only);
  EXPECT_FALSE(parsed->commits_early);
  EXPECT_EQ(parse_facts(rows({"150008", "100", "3", "2", std::nullopt, "0", "5", "0", "0", "0", "1", "2",
                              "UTF8", "0"}))
                ->facts.database_limit,
            0);
}

TEST(ParseFacts, RefusesRowsThatAreNone) {
  EXPECT_FALSE(parse_facts({}));
  EXPECT_FALSE(parse_facts(rows({"150008"})));
  EXPECT_FALSE(
      parse_facts(rows({"150008", "many", "3", "0", "17", "18", "5", "1", "0", "0", "1", "2", "UTF8", "0"})));
  EXPECT_FALSE(parse_facts(
      rows({"150008", std::nullopt, "3", "0", "17", "18", "5", "1", "0", "0", "1", "2", "UTF8", "0"})));
  EXPECT_FALSE(
      parse_facts(rows({"150008", "100", "3", "0", "-2", "18", "5", "1", "0", "0", "1", "2", "UTF8", "0"})));
}

TEST(PostgresStatus, StartsUnreachableWithoutAFault) {
  const PostgresStatus status;
  EXPECT_FALSE(status.reachable());
  EXPECT_FALSE(status.fault());
  EXPECT_THAT(status.not_ready(), ElementsAre("PostgreSQL is not reachable: not tried yet"));
}

TEST(PostgresStatus, IsReadyWithFactsAndASchema) {
  PostgresStatus status;
  status.connected();
  status.checked({}, kNow);
  EXPECT_THAT(status.not_ready(), ElementsAre("the schema is not migrated"));
  status.schema_ready();
  EXPECT_THAT(status.not_ready(), IsEmpty());
  const auto report = status.report(kNow + std::chrono::milliseconds{2900});
  EXPECT_TRUE(report.reachable);
  EXPECT_EQ(report.facts_age_seconds, 2);
  EXPECT_FALSE(report.fault);
  EXPECT_EQ(report.detail, "");
}

TEST(PostgresStatus, TellsTheCauseByClass) {
  const struct {
    ErrorClass error_class;
    PostgresFault fault;
  } kCauses[] = {{ErrorClass::kCredentialsMissing, PostgresFault::kCredentialsMissing},
                 {ErrorClass::kCredentialsRejected, PostgresFault::kCredentialsRejected},
                 {ErrorClass::kTls, PostgresFault::kTls},
                 {ErrorClass::kServerFull, PostgresFault::kServerFull},
                 {ErrorClass::kDatabaseMissing, PostgresFault::kDatabaseMissing},
                 {ErrorClass::kUnreachable, PostgresFault::kUnreachable},
                 {ErrorClass::kConnectionLost, PostgresFault::kUnreachable},
                 {ErrorClass::kTimeout, PostgresFault::kUnreachable},
                 {ErrorClass::kReadOnly, PostgresFault::kReadOnly},
                 {ErrorClass::kOther, PostgresFault::kOther}};
  for (const auto& [error_class, fault] : kCauses) {
    PostgresStatus status;
    status.connect_failed(error(error_class, "why"), kNow);
    status.no_session("no session in time");
    EXPECT_EQ(status.fault(), fault);
    EXPECT_THAT(status.not_ready(), ElementsAre("PostgreSQL is not reachable: why"));
  }
}

TEST(PostgresStatus, AMissingGrantIsNamed) {
  EXPECT_EQ(to_fault({ErrorClass::kOther, "42501", "", ""}), PostgresFault::kNotPermitted);
  EXPECT_EQ(to_fault({ErrorClass::kOther, "58030", "", ""}), PostgresFault::kOther);
}

TEST(PostgresStatus, WritesThatFailAreToldByDatabaseUntilOneSucceeds) {
  PostgresStatus status;
  status.checked({}, kNow);
  status.schema_ready();
  const tables::StoreError refused{
      tables::StoreError::Kind::kUnavailable, "denied (42501)", {}, true, "42501"};
  const tables::StoreError broken{tables::StoreError::Kind::kUnavailable, "disk (58030)", {}, true, "58030"};
  status.write_failed("audit_ws_b", broken, kNow);
  EXPECT_EQ(status.fault(), PostgresFault::kOther);
  EXPECT_THAT(status.report(kNow).detail, HasSubstr("disk (58030)"));
  status.write_failed("audit", refused, kNow);
  status.written("audit_ws_c");
  EXPECT_EQ(status.fault(), PostgresFault::kNotPermitted);
  EXPECT_TRUE(status.report(kNow).reachable);
  EXPECT_THAT(status.not_ready(), IsEmpty());
  status.written("audit");
  EXPECT_EQ(status.fault(), PostgresFault::kOther);
  status.written("audit_ws_b");
  EXPECT_FALSE(status.fault());
  EXPECT_EQ(status.detail(), "");
}

TEST(PostgresStatus, ARegistryThatCannotBeReadIsToldWhileNoWriteFails) {
  PostgresStatus status;
  status.checked({}, kNow);
  status.schema_ready();
  EXPECT_THAT(status.to_mend(), IsEmpty());
  status.registry_failed("42501", "denied (42501)");
  EXPECT_EQ(status.fault(), PostgresFault::kNotPermitted);
  EXPECT_THAT(status.report(kNow).detail, HasSubstr("registry of workspaces cannot be used: denied (42501)"));
  EXPECT_TRUE(status.report(kNow).reachable);
  EXPECT_THAT(status.not_ready(), IsEmpty());
  status.write_failed("audit", {.detail = "disk (58030)", .sqlstate = "58030"}, kNow);
  EXPECT_EQ(status.fault(), PostgresFault::kOther);
  EXPECT_THAT(status.to_mend(), ElementsAre(HasSubstr("audit: events cannot be written: disk (58030)"),
                                            HasSubstr("denied (42501)")));
  status.written("audit");
  status.checked({}, kNow + PostgresStatus::kWriteFaultMemory * 2);
  EXPECT_EQ(status.fault(), PostgresFault::kNotPermitted) << "it is looked at all the time";
  status.registry_read();
  EXPECT_FALSE(status.fault());
  EXPECT_THAT(status.to_mend(), IsEmpty());
}

TEST(PostgresStatus, AnAsynchronousCommitIsToldWhileNothingElseIs) {
  PostgresStatus status;
  status.schema_ready();
  status.checked({}, kNow, true);
  EXPECT_EQ(status.fault(), PostgresFault::kCommitsEarly);
  EXPECT_THAT(status.report(kNow).detail, HasSubstr("synchronous_commit is off"));
  EXPECT_THAT(status.not_ready(), IsEmpty());
  status.write_failed("audit", {.detail = "disk (58030)", .sqlstate = "58030"}, kNow);
  EXPECT_EQ(status.fault(), PostgresFault::kOther);
  status.written("audit");
  status.checked({}, kNow);
  EXPECT_FALSE(status.fault());
}

TEST(PostgresStatus, AServerThatIsCheckedAfterAReadOnlyOneTakesWrites) {
  PostgresStatus status;
  status.checked({}, kNow);
  status.write_failed("audit", {.detail = "no writes (25006)", .sqlstate = "25006"}, kNow);
  EXPECT_EQ(status.fault(), PostgresFault::kReadOnly);
  status.checked({}, kNow);
  EXPECT_FALSE(status.fault());
}

TEST(PostgresStatus, AWriteThatNobodyTriesAgainIsForgotten) {
  PostgresStatus status;
  status.checked({}, kNow);
  for (int i = 0; i < 100; ++i)
    status.write_failed("audit_ws_" + std::to_string(i), {.detail = "disk (58030)", .sqlstate = "58030"},
                        kNow);
  status.checked({}, kNow + PostgresStatus::kWriteFaultMemory);
  EXPECT_TRUE(status.writes_fail());
  status.checked({}, kNow + PostgresStatus::kWriteFaultMemory + std::chrono::seconds{1});
  EXPECT_FALSE(status.writes_fail());
}

TEST(PostgresStatus, KeepsTheFactsWhileUnreachable) {
  PostgresStatus status;
  settings::ServerFacts facts;
  facts.max_connections = 40;
  status.checked(facts, kNow);
  status.check_failed(error(ErrorClass::kConnectionLost, "gone"));
  const auto report = status.report(kNow + std::chrono::seconds{90});
  EXPECT_FALSE(report.reachable);
  EXPECT_EQ(report.facts, facts);
  EXPECT_EQ(report.facts_age_seconds, 90);
  EXPECT_EQ(report.fault, PostgresFault::kUnreachable);
}

TEST(PostgresStatus, OpenSessionsWorkOnWhileConnectingFails) {
  PostgresStatus status;
  status.schema_ready();
  status.connect_failed(error(ErrorClass::kServerFull, "full"), kNow);
  status.checked({}, kNow);
  EXPECT_TRUE(status.reachable());
  EXPECT_EQ(status.fault(), PostgresFault::kServerFull);
  EXPECT_THAT(status.not_ready(), IsEmpty());
  status.checked({}, kNow + std::chrono::seconds{61});  // nobody has needed another since
  EXPECT_FALSE(status.fault());
  status.connect_failed(error(ErrorClass::kServerFull, "full"), kNow);
  status.connected();
  status.checked({}, kNow);
  EXPECT_FALSE(status.fault());
}

TEST(PostgresStatus, ClocksThatDifferLetTheServersJudge) {
  using std::chrono::hours;
  using std::chrono::seconds;
  constexpr runtime::Timestamp kWall{hours{500'000}};
  PostgresStatus status;
  EXPECT_EQ(status.judged_by(kWall, kNow), kWall) << "the server's is not known yet";
  status.compared_clocks(seconds{60}, kWall, kNow);
  EXPECT_EQ(status.judged_by(kWall + seconds{5}, kNow + seconds{5}), kWall + seconds{5});
  status.compared_clocks(seconds{61}, kWall, kNow);
  EXPECT_EQ(status.judged_by(kWall + seconds{5}, kNow + seconds{5}), kWall + seconds{66});
}

TEST(PostgresStatus, AClockThatStepsSinceTheyWereComparedJudgesNothing) {
  using std::chrono::hours;
  using std::chrono::seconds;
  constexpr runtime::Timestamp kWall{hours{500'000}};
  for (const auto ahead : {hours{0}, hours{3}}) {
    PostgresStatus status;
    status.compared_clocks(ahead, kWall, kNow);
    for (const auto step : {hours{-2}, hours{2}}) {
      EXPECT_EQ(status.judged_by(kWall + seconds{5} + step, kNow + seconds{5}), kWall + seconds{5} + ahead);
    }
  }
}

TEST(PostgresStatus, ARefusalForWantOfAConnectionIsToldUntilTheFactsAreReadWellAfterIt) {
  PostgresStatus status;
  EXPECT_FALSE(status.report(kNow).refused);
  status.connect_failed(error(ErrorClass::kServerFull, "full"), kNow);
  EXPECT_EQ(status.report(kNow).refused, (settings::Refusals{1, 0, "full"}))
      << "no clock of the server's yet";
  settings::ServerFacts facts;
  facts.read_at = 5'000'000;
  status.checked(facts, kNow);
  status.connected();  // one of them may be let in, and the next one not
  status.connect_failed(error(ErrorClass::kServerFull, "still full"), kNow + std::chrono::milliseconds{1500});
  status.connected();
  EXPECT_TRUE(status.refused());
  EXPECT_EQ(status.report(kNow).refused, (settings::Refusals{2, 5'001'500, "still full"}));
  status.checked(facts, kNow + std::chrono::seconds{11});
  EXPECT_TRUE(status.refused());
  status.checked(facts, kNow + std::chrono::milliseconds{11'500});
  EXPECT_FALSE(status.refused());
  EXPECT_FALSE(status.report(kNow + std::chrono::seconds{60}).refused);
  status.connect_failed(error(ErrorClass::kUnreachable, "gone"), kNow + std::chrono::seconds{61});
  EXPECT_FALSE(status.refused());
  status.connect_failed(error(ErrorClass::kServerFull, "full"), kNow + std::chrono::seconds{62});
  EXPECT_EQ(status.report(kNow).refused.value_or(settings::Refusals{}).count, 3);
  status.moved();
  EXPECT_FALSE(status.refused()) << "that was another server";
}

TEST(PostgresStatus, AFailedMigrationIsAFaultOfAReachableServer) {
  PostgresStatus status;
  status.checked({}, kNow);
  status.schema_failed(error(ErrorClass::kOther, "permission denied (42501)"));
  EXPECT_TRUE(status.reachable());
  EXPECT_EQ(status.fault(), PostgresFault::kSchema);
  EXPECT_THAT(status.not_ready(),
              ElementsAre(HasSubstr("the schema is not migrated: migrating the schema: permission")));
}

TEST(PostgresStatus, NoSessionInTimeIsUnreachable) {
  PostgresStatus status;
  status.no_session("nothing in 10s");
  EXPECT_EQ(status.fault(), PostgresFault::kUnreachable);
  EXPECT_EQ(status.detail(), "nothing in 10s");
}

}  // namespace
}  // namespace storagepool::service
