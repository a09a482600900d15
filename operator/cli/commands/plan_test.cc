#include "operator/cli/commands/plan.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>

#include "operator/cli/testing/recorded.h"
#include "pool/common/runtime/testing/temporary_folder.h"

namespace storagepool::cli {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::StartsWith;
using namespace testing;

// Asks for so many pods with so many connections each.
Json asks(const std::string& name, int replicas, int each, const Json& changes = Json::object()) {
  Json object = storage_pool(name, {});
  object.erase("status");
  object["metadata"].erase("uid");
  object["spec"]["replicas"] = replicas;
  object["spec"]["pool"] = {{"maxOpenConns", each}};
  object.merge_patch(changes);
  return object;
}

// One that runs: so many pods with so many connections each, on a server with 100.
Pool runs(const std::string& name, int replicas, int each, int asked) {
  Json object = asks(name, replicas, asked);
  object["metadata"]["uid"] = name + "-uid";
  object["metadata"]["creationTimestamp"] = "2026-01-31T12:00:00Z";
  Json status = settled_status();
  status["replicas"] = replicas;
  status["connectionBudget"]["peakPods"] = replicas;
  status["connectionBudget"]["perPod"] = each;
  status["connectionBudget"]["granted"] = replicas * each;
  status["serverFacts"]["target"] = "db:5432/d";
  object["status"] = status;
  return pool_of(object);
}

settings::ServerFacts server_with(std::int64_t max_connections) {
  settings::ServerFacts facts;
  facts.max_connections = max_connections;
  facts.superuser_reserved_connections = 3;
  return facts;
}

PlanReport plan(const PlanInput& input) {
  auto report = make_plan(input);
  EXPECT_TRUE(report) << report.error().message;
  return report.value_or(PlanReport{});
}

std::vector<std::string> steps_of(const PlanReport& report) {
  std::vector<std::string> steps;
  for (const RehearsedStep& step : report.steps)
    steps.push_back(report.pools[step.actor].identity.name + " " + step.what);
  return steps;
}

void expect_within(const PlanReport& report, std::int64_t usable) {
  for (const RehearsedStep& step : report.steps) EXPECT_LE(step.claimed, usable) << step.what;
}

TEST(Plan, WhatOtherWorkloadsHoldByTheStatusesIsNobodysToGrant) {
  Pool live = runs("orders", 3, 9, 9);
  live.status.pods->budget.server->other_workloads = 40;
  const PlanReport report =
      plan({.wanted = {asks("audit", 2, 50)}, .live = {live}, .told = server_with(100)});
  EXPECT_EQ(report.pools[0].outcome.granted.settings.max_open_conns, 11);  // (87 - 40 - 27 + 3 x 1) / 2
  EXPECT_THAT(report.pools[0].outcome.plan.message, HasSubstr("; other workloads may hold 40;"));
  expect_within(report, 87);
}

TEST(Plan, ANewOneFindsTheLimitsOutAndThenHasItsShare) {
  const PlanReport report = plan({.wanted = {asks("audit", 3, 50)}, .told = server_with(100)});
  EXPECT_THAT(
      steps_of(report),
      ElementsAre("audit grants 1 connection to each pod", "audit scales from 0 to 1 pod",
                  "audit grows the limit of each pod from 1 to 29",
                  "audit waits until 1 pod confirms: sockets within 29", "audit scales from 1 to 3 pods"));
  expect_within(report, 87);
  EXPECT_FALSE(report.fits());
  EXPECT_EQ(report.pools[0].outcome.granted.settings.max_open_conns, 29);
  EXPECT_THAT(report.pools[0].outcome.plan.message, HasSubstr("87 are usable"));
}

TEST(Plan, WhatFitsFits) {
  const PlanReport report = plan({.wanted = {asks("audit", 3, 25)}, .told = server_with(100)});
  EXPECT_TRUE(report.fits());
  EXPECT_EQ(report.pools[0].outcome.replicas, 3);
}

TEST(Plan, AScaleOutShrinksConfirmsAndThenScales) {
  const PlanReport report = plan({.wanted = {asks("audit", 5, 50)}, .live = {runs("audit", 3, 29, 50)}});
  EXPECT_THAT(steps_of(report), ElementsAre("audit shrinks the limit of each pod from 29 to 17",
                                            "audit waits until 3 pods confirm: sockets within 17",
                                            "audit has all confirmed: no pod may hold more than 17 any more",
                                            "audit scales from 3 to 5 pods"));
  ASSERT_EQ(report.steps.size(), 4U);
  EXPECT_EQ(report.steps[0].claimed, 87);
  EXPECT_EQ(report.steps[2].claimed, 51);
  EXPECT_EQ(report.steps[3].claimed, 85);
  expect_within(report, 87);
}

TEST(Plan, AScaleInEmptiesTheJournalsFirst) {
  const PlanReport report = plan({.wanted = {asks("audit", 2, 29)}, .live = {runs("audit", 3, 29, 29)}});
  const auto steps = steps_of(report);
  ASSERT_FALSE(steps.empty());
  EXPECT_THAT(steps.front(), AllOf(HasSubstr("tells audit-2 to leave"), HasSubstr("journals")));
  EXPECT_THAT(steps, ::testing::Contains("audit scales from 3 to 2 pods"));
  EXPECT_TRUE(report.fits());
}

TEST(Plan, ANewcomerWaitsUntilItsNeighbourHasShrunk) {
  const PlanReport report = plan(
      {.wanted = {asks("newcomer", 2, 30)}, .live = {runs("audit", 3, 27, 27), runs("beside", 1, 5, 5)}});
  EXPECT_EQ(report.pools.size(), 3U);
  const auto steps = steps_of(report);
  EXPECT_THAT(steps, ::testing::Contains(StartsWith("audit shrinks the limit")));
  EXPECT_THAT(steps, ::testing::Contains(StartsWith("newcomer scales")));
  expect_within(report, 87);
  EXPECT_FALSE(report.fits());
}

TEST(Plan, ThoseOnOtherServersAreNobodysBusiness) {
  Pool other = runs("other", 3, 29, 29);
  other.object["spec"]["postgres"]["host"] = "elsewhere";
  other.object["status"]["serverFacts"]["target"] = "elsewhere:5432/d";
  other.object["status"]["serverFacts"]["systemIdentifier"] = "88";
  const PlanReport report =
      plan({.wanted = {asks("audit", 3, 29)}, .live = {runs("audit", 3, 29, 29), pool_of(other.object)}});
  EXPECT_EQ(report.pools.size(), 1U);
  EXPECT_THAT(report.steps, IsEmpty());
  EXPECT_TRUE(report.fits());
  EXPECT_THAT(to_table(report, Paint(false)), StartsWith("Nothing changes."));
}

TEST(Plan, WhatDoesNotFitEvenAtItsMinimumSaysSo) {
  const PlanReport report =
      plan({.wanted = {asks("audit", 20, 50, {{"spec", {{"budget", {{"minConnsPerPod", 10}}}}}})},
            .told = server_with(100)});
  EXPECT_FALSE(report.fits());
  EXPECT_EQ(report.pools[0].outcome.plan.shortage, sizing::Shortage::kMinimumDoesNotFit);
  EXPECT_EQ(report.pools[0].outcome.replicas, 8);
  expect_within(report, 87);
}

TEST(Plan, AChangedSettingIsNamed) {
  Json changed = asks("audit", 3, 29, {{"spec", {{"pool", {{"acquireTimeout", "7s"}}}}}});
  const PlanReport report = plan({.wanted = {changed}, .live = {runs("audit", 3, 29, 29)}});
  EXPECT_THAT(steps_of(report),
              ::testing::Contains("audit changes settings of the pool: acquireTimeout 30s to 7s"));
}

TEST(Plan, APausedOneOnlyCounts) {
  Pool paused = runs("paused", 3, 20, 29);
  paused.object["spec"]["paused"] = true;
  const PlanReport report = plan({.wanted = {asks("audit", 1, 50)}, .live = {pool_of(paused.object)}});
  EXPECT_THAT(steps_of(report), Not(::testing::Contains(StartsWith("paused"))));
  EXPECT_EQ(report.pools[0].outcome.granted.settings.max_open_conns, 27);
}

TEST(Plan, ABadFieldIsNamed) {
  const auto report = make_plan({.wanted = {asks("audit", 3, 0)}, .told = server_with(100)});
  ASSERT_FALSE(report);
  EXPECT_THAT(report.error().message,
              AllOf(HasSubstr("team/audit"), HasSubstr("maxOpenConns"), HasSubstr("allowed")));
}

class PlanCommand : public ::testing::Test {
 protected:
  std::string file(const std::string& text) {
    std::ofstream(folder_ / "pool.yaml") << text;
    return folder_ / "pool.yaml";
  }

  runtime::testing::TemporaryFolder folder_;
  Recording recording_;
};

TEST_F(PlanCommand, AsksNothingOfAClusterOffline) {
  const Said said =
      run_recorded(recording_, {"plan", "-f", file(asks("audit", 3, 50).dump()), "--server-max", "100"});
  EXPECT_EQ(said.exit_code, kBad) << said.err;
  EXPECT_THAT(said.out, AllOf(HasSubstr("scales from 1 to 3 pods"), HasSubstr("87 of 87"),
                              HasSubstr("LimitsReduced"), HasSubstr("3 pods with 29 connections each")));
  EXPECT_THAT(recording_.asked, IsEmpty());
  EXPECT_EQ(run_recorded(recording_, {"plan", "-f", file(asks("audit", 3, 50).dump()), "--server-max", "200"})
                .exit_code,
            kGood);
}

TEST_F(PlanCommand, LooksAtAllNamespacesOtherwise) {
  recording_.answer("config view --minify -o jsonpath={..namespace}", std::string("team"));
  recording_.answer("get storagepools.storagepool.dev -A -o json",
                    Json{{"items", Json::array({runs("audit", 3, 29, 50).object})}}.dump());
  Json wanted = asks("audit", 5, 50);
  wanted["metadata"].erase("namespace");
  const Said said = run_recorded(recording_, {"plan", "-f", file(wanted.dump()), "-o", "json"});
  EXPECT_EQ(said.exit_code, kBad) << said.err;
  const Json report = Json::parse(said.out);
  EXPECT_EQ(report["fits"], false);
  EXPECT_EQ(report["storagePools"][0]["after"]["perPod"], 17);
  EXPECT_EQ(report["steps"].size(), 4U);
}

TEST_F(PlanCommand, SaysWhatIsWrongWithTheFile) {
  EXPECT_THAT(run_recorded(recording_, {"plan", "-f", "/none", "--server-max", "9"}).err, HasSubstr("/none"));
  EXPECT_THAT(run_recorded(recording_, {"plan", "-f", file("kind: Secret"), "--server-max", "9"}).err,
              HasSubstr("no StoragePool"));
  const Said needs = run_recorded(recording_, {"plan", "-f", "x", "--reserved", "9"});
  EXPECT_EQ(needs.exit_code, kError);
  EXPECT_THAT(needs.err, HasSubstr("--server-max"));
}

TEST_F(PlanCommand, RendersWhatTheOperatorWouldApply) {
  const Said said = run_recorded(
      recording_, {"render", "-f", file(asks("audit", 3, 50).dump()), "--server-max", "100", "-o", "json"});
  EXPECT_EQ(said.exit_code, kGood) << said.err;
  const Json items = Json::parse(said.out)["items"];
  std::map<std::string, Json> by_kind;
  for (const Json& item : items) by_kind[item["kind"]] = item;
  EXPECT_EQ(by_kind.size(), 5U);
  EXPECT_EQ(by_kind["StatefulSet"]["spec"]["replicas"], 3);
  EXPECT_THAT(by_kind["ConfigMap"]["data"]["config.yaml"].get<std::string>(), HasSubstr("maxOpenConns: 29"));
  EXPECT_THAT(
      run_recorded(recording_, {"render", "-f", file(asks("audit", 1, 5).dump()), "--server-max", "100"}).out,
      StartsWith("---\napiVersion: \"v1\"\n"));
}

}  // namespace
}  // namespace storagepool::cli
