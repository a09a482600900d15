#include "operator/cli/commands/status.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "operator/cli/testing/recorded.h"

namespace storagepool::cli {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using namespace testing;

PodSamples samples() {
  PodSamples samples;
  samples.emplace("team/audit-0", parse_samples(kMetrics));
  samples.emplace("team/audit-1", tl::unexpected(Failure{FailureKind::kOther, "refused"}));
  return samples;
}

Pool with_conditions(const Json& conditions) {
  Json status = settled_status();
  status["conditions"] = conditions;
  return pool_of(storage_pool("audit", status));
}

std::vector<Trouble> troubles_of(const Pool& pool) {
  return report_status({pool}, {}).servers.at(0).pools.at(0).troubles;
}

TEST(StatusReport, IsATreeOfServersStoragePoolsAndPods) {
  Json elsewhere = settled_status();
  elsewhere["serverFacts"]["systemIdentifier"] = "88";
  elsewhere["serverFacts"]["target"] = "other:5432/d";
  const StatusReport report = report_status(
      {pool_of(storage_pool("audit", settled_status())), pool_of(storage_pool("beside", settled_status())),
       pool_of(storage_pool("elsewhere", elsewhere))},
      samples());
  ASSERT_EQ(report.servers.size(), 2U);
  const ServerReport& server = report.servers[0];
  EXPECT_EQ(server.name, "db.team:5432");
  EXPECT_EQ(server.version, "16.10");
  EXPECT_EQ(server.usable, 87);
  EXPECT_EQ(server.granted, 36);
  ASSERT_EQ(server.pools.size(), 2U);
  const PodReport& pod = server.pools[0].pods.at(0);
  EXPECT_EQ(pod.limit, 9);
  EXPECT_EQ(pod.open, 5);
  EXPECT_EQ(pod.in_use, 3);
  EXPECT_EQ(pod.waiting, 4);
  EXPECT_EQ(pod.journal_events, 17);
  EXPECT_EQ(pod.journal_age_seconds, 42);
  EXPECT_EQ(report.servers[1].name, "other:5432");
}

TEST(StatusReport, APodThatDoesNotAnswerIsShownByTheStatusAndNoted) {
  const StatusReport report = report_status({pool_of(storage_pool("audit", settled_status()))}, samples());
  const PodReport& pod = report.servers.at(0).pools.at(0).pods.at(1);
  EXPECT_FALSE(pod.answers);
  EXPECT_EQ(pod.limit, 9);
  EXPECT_FALSE(pod.open);
  ASSERT_EQ(report.notes.size(), 1U);
  EXPECT_THAT(report.notes[0], AllOf(HasSubstr("team/audit-1"), HasSubstr("refused")));
}

TEST(StatusReport, TellsWhatIsWrongAndWhatToDoOnce) {
  const auto troubles =
      troubles_of(with_conditions({condition("Ready", "False", "CredentialsRejected"),
                                   condition("Reconciling", "True", "CredentialsRejected"),
                                   condition("PostgresReachable", "False", "CredentialsRejected"),
                                   condition("BudgetExceeded", "False", "WithinBudget"),
                                   condition("PodsFailing", "False", "NotFailing")}));
  ASSERT_EQ(troubles.size(), 1U);
  EXPECT_EQ(troubles[0].reason, "CredentialsRejected");
  EXPECT_THAT(troubles[0].remedy, HasSubstr("mend the Secret"));
}

TEST(StatusReport, APausedOneIsToldOfAlsoWhenItIsReady) {
  const auto troubles = troubles_of(with_conditions(Json::array({condition("Ready", "True", "Paused")})));
  ASSERT_EQ(troubles.size(), 1U);
  EXPECT_THAT(troubles[0].remedy, HasSubstr("nothing is changed"));
}

TEST(StatusReport, WithNothingWrongSaysNothing) {
  EXPECT_THAT(troubles_of(pool_of(storage_pool("audit", settled_status()))), IsEmpty());
}

TEST(StatusReport, ASpecThatTheOperatorHasNotSeenIsTold) {
  Json object = storage_pool("audit", settled_status());
  object["metadata"]["generation"] = 3;
  const auto troubles = troubles_of(pool_of(object));
  ASSERT_EQ(troubles.size(), 1U);
  EXPECT_THAT(troubles[0].message, HasSubstr("generation 3"));
  EXPECT_THAT(troubles[0].remedy, HasSubstr("whether the operator runs"));
}

TEST(StatusReport, UnitsThatWereSetAsideAreTold) {
  PodSamples set_aside;
  set_aside.emplace("team/audit-0", parse_samples("storagepool_journal_set_aside_units 2\n"));
  const auto report = report_status({pool_of(storage_pool("audit", settled_status()))}, set_aside);
  ASSERT_EQ(report.servers[0].pools[0].troubles.size(), 1U);
  EXPECT_THAT(report.servers[0].pools[0].troubles[0].message, HasSubstr("audit-0"));
}

TEST(StatusCommand, DrawsTheTree) {
  Recording recording;
  recording.answer("get storagepools.storagepool.dev -n team -o json",
                   Json{{"items", {storage_pool("audit", settled_status())}}}.dump());
  recording.answer(metrics_path("audit-0"), std::string(kMetrics));
  recording.answer(metrics_path("audit-1"), std::string("storagepool_pool_open 1\n"));
  const Said said = run_recorded(recording, {"status", "-n", "team"});
  EXPECT_EQ(said.exit_code, kGood) << said.err;
  EXPECT_EQ(said.out,
            "db.team:5432 (PostgreSQL 16.10): 18 granted of 87 usable (max_connections 100, reserved 13)\n"
            "               READY  LIMIT  OPEN  IN USE  WAITING  GENERATION  JOURNAL           STATUS\n"
            "└─ team/audit  2/2    9                             12                            Ready\n"
            "   ├─ audit-0  yes    9      5     3       4        12          17 (oldest 42 s)\n"
            "   └─ audit-1  yes    9      1     -       -        11 of 12    -\n");
  EXPECT_THAT(run_recorded(recording, {"status", "-n", "team"}, true).out, HasSubstr("\033[32m2/2\033[0m"));
}

TEST(StatusCommand, IsReadByProgramsToo) {
  Recording recording;
  Json object = storage_pool("audit", settled_status());
  object["status"]["conditions"] = {condition("Ready", "False", "Progressing", "waits")};
  recording.answer("get storagepools.storagepool.dev audit -o json", object.dump());
  const Said json = run_recorded(recording, {"status", "audit", "-o", "json"});
  EXPECT_EQ(json.exit_code, kBad);
  const Json report = Json::parse(json.out);
  const Json& trouble = report["servers"][0]["storagePools"][0]["troubles"][0];
  EXPECT_EQ(trouble["condition"], "Ready=False");
  EXPECT_EQ(trouble["message"], "waits");
  EXPECT_EQ(report["notes"].size(), 2U);
  EXPECT_THAT(run_recorded(recording, {"status", "audit", "-o", "yaml"}).out,
              HasSubstr("        reason: \"Progressing\"\n"));
}

TEST(StatusCommand, SaysWhatIsMissing) {
  Recording recording;
  recording.answer("get storagepools.storagepool.dev -A -o json",
                   tl::unexpected(Failure{FailureKind::kForbidden, "Forbidden"}));
  const Said said = run_recorded(recording, {"status", "-A"});
  EXPECT_EQ(said.exit_code, kError);
  EXPECT_THAT(said.err, HasSubstr("get and list storagepools.storagepool.dev"));
  recording.answer("get storagepools.storagepool.dev -A -o json", std::string(R"({"items": []})"));
  EXPECT_THAT(run_recorded(recording, {"status", "-A"}).err, HasSubstr("There are no StoragePools"));
}

TEST(LogCommand, RestartsWhatWasRolledBackAndNothingElse) {
  Recording recording;
  Json object = storage_pool("audit", settled_status());
  const auto restart = [&](const Words& more) {
    recording.answer("get storagepools.storagepool.dev audit -o json", object.dump());
    Words words{"log", "restart", "audit"};
    words.insert(words.end(), more.begin(), more.end());
    return run_recorded(recording, words);
  };
  const Words reason{"--reason", "the backup of Monday"};
  EXPECT_EQ(restart({}).exit_code, kError) << "a reason is asked for";
  EXPECT_EQ(restart({"--reason", std::string(501, 'x')}).exit_code, kError);
  EXPECT_TRUE(recording.asked.empty());
  EXPECT_THAT(restart(reason).err, HasSubstr("was not rolled back"));
  object["status"]["conditions"] = {condition("LogTampered", "True", "ForgedState", "changed")};
  EXPECT_EQ(restart(reason).exit_code, kBad);
  object["status"]["conditions"] = {condition("LogTampered", "True", "LogRolledBack", "smaller")};
  EXPECT_EQ(restart(reason).exit_code, kError) << "who may not patch it";
  recording.answer(
      "patch storagepools.storagepool.dev audit --type=merge --patch={\"metadata\":{\"annotations\":"
      "{\"storagepool.dev/restart-log\":\"the backup of Monday\"}}} -n team",
      std::string("patched"));
  const Said said = restart(reason);
  EXPECT_EQ(said.exit_code, kGood) << said.err;
  EXPECT_THAT(said.out, HasSubstr("goes on in its next epoch"));
}

TEST(PauseCommand, PausesAndResumes) {
  Recording recording;
  const std::string words = "patch storagepools.storagepool.dev audit --type=merge --patch=";
  recording.answer(words + R"({"spec":{"paused":true}} -n team)", std::string("patched"));
  recording.answer(words + R"({"spec":{"paused":false}} -n team)", std::string("patched"));
  EXPECT_THAT(run_recorded(recording, {"pause", "audit", "-n", "team"}).out, HasSubstr("audit is paused"));
  const Said said = run_recorded(recording, {"resume", "audit", "-n", "team", "-o", "json"});
  EXPECT_EQ(said.exit_code, kGood);
  EXPECT_EQ(Json::parse(said.out), Json::parse(R"({"storagePools": ["audit"], "paused": false})"));
  EXPECT_EQ(run_recorded(recording, {"pause", "other", "-n", "team"}).exit_code, kError);
}

}  // namespace
}  // namespace storagepool::cli
