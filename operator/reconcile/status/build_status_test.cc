#include "operator/reconcile/status/build_status.h"

#include <algorithm>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "operator/reconcile/status/conditions.h"

namespace storagepool::reconcile {
namespace {

using namespace std::chrono_literals;
using testing::ElementsAre;

const runtime::Timestamp kNow{1'790'000'000'750ms};
const runtime::Timestamp kNowSeconds{1'790'000'000s};

// A StoragePool that was looked at and whose one pod is ready.
StatusInput input() {
  Seen seen;
  seen.spec.sizing.replicas = 1;
  seen.spec.postgres = {.host = "db", .database = "audit"};
  seen.granted = {.generation = 4, .settings = {}, .ceiling = 9};
  seen.granted.settings.max_open_conns = 9;
  seen.workload = {.replicas = 1, .peak_pods = 1, .settled = true};
  PodState pod;
  pod.view = {.name = "audit-0", .started = true, .ready = true};
  pod.answer.report = settings::SettingsReport{};
  seen.pods.push_back(pod);
  StatusInput result;
  result.name = "audit";
  result.generation = 2;
  result.now = kNow;
  result.seen = seen;
  return result;
}

sizing::KnownFacts facts_read(std::int64_t max_connections, std::int64_t read_at) {
  sizing::KnownFacts known;
  known.facts.max_connections = max_connections;
  known.facts.sessions = 3;
  known.facts.read_at = read_at;
  return known;
}

Condition condition_of(const Status& status, const char* type) {
  const Condition* found = find_condition(status, type);
  return found != nullptr ? *found : Condition{};
}

std::vector<std::string> reasons(const std::vector<kube::Event>& events) {
  std::vector<std::string> list;
  list.reserve(events.size());
  for (const kube::Event& event : events) list.push_back(event.reason);
  return list;
}

TEST(BuildStatus, PodsAreInOrderWithoutThoseThatLeave) {
  StatusInput in = input();
  std::vector<PodState>& pods = in.seen->pods;
  pods.assign(3, {});
  pods[0].view = {.name = "audit-10", .ordinal = 10};
  pods[1].view = {.name = "audit-2", .ordinal = 2, .ready = true};
  pods[2].view = {.name = "audit-1", .ordinal = 1, .terminating = true};
  const PodsStatus status = build_status(in).pods.value_or(PodsStatus{});
  EXPECT_THAT(status.pods,
              ElementsAre(PodStatus{.name = "audit-2", .ready = true}, PodStatus{.name = "audit-10"}));
  EXPECT_EQ(status.replicas, 2);
  EXPECT_EQ(status.ready, "1/1");
}

TEST(BuildStatus, ATransitionTimeIsKeptWhileTheStatusIsTheSame) {
  StatusInput in = input();
  const Status first = build_status(in);
  EXPECT_EQ(condition_of(first, kReady).last_transition, kNowSeconds);
  in.previous = first;
  in.now = kNow + 1h;
  const Status second = build_status(in);
  EXPECT_EQ(second, first);
  in.seen->pods[0].view.ready = false;
  const Status third = build_status(in);
  EXPECT_EQ(condition_of(third, kReady).last_transition, kNowSeconds + 1h);
  EXPECT_EQ(condition_of(third, kStalled).last_transition, kNowSeconds);
}

TEST(BuildStatus, ConditionsOfOthersAreKept) {
  StatusInput in = input();
  const Condition theirs{.type = "Checked", .status = Truth::kTrue, .reason = "r", .message = "m"};
  in.previous.conditions.push_back(theirs);
  EXPECT_EQ(condition_of(build_status(in), "Checked"), theirs);
}

TEST(BuildStatus, WhatCannotBeSeenStaysAsItWas) {
  StatusInput in = input();
  in.seen->facts = facts_read(40, 1'000);
  in.previous = build_status(in);
  in.seen.reset();
  in.generation = 3;
  in.stall = Reason{"InvalidSpec", "spec.replicas is -1"};
  const Status status = build_status(in);
  EXPECT_EQ(status.observed_generation, 3);
  EXPECT_EQ(status.pods, in.previous.pods);
  EXPECT_EQ(status.server_facts, in.previous.server_facts);
  EXPECT_TRUE(has_condition(status, kStalled, Truth::kTrue));
  EXPECT_EQ(condition_of(status, kReady).reason, "InvalidSpec");
  EXPECT_EQ(condition_of(status, kPostgresReachable), condition_of(in.previous, kPostgresReachable));
}

TEST(BuildStatus, FactsCarryTheTimeOfTheirValues) {
  StatusInput in = input();
  in.seen->facts = facts_read(40, 1'500);
  in.previous = build_status(in);
  const FactsStatus first = in.previous.server_facts.value_or(FactsStatus{});
  EXPECT_EQ(first.target, "db:5432/audit");
  EXPECT_EQ(first.observed_at, runtime::Timestamp(1s));
  in.seen->facts->facts.read_at = 60'000;
  in.seen->facts->facts.sessions = 9;
  EXPECT_EQ(build_status(in).server_facts, first);
  in.seen->facts->facts.max_connections = 50;
  EXPECT_EQ(build_status(in).server_facts.value_or(FactsStatus{}).observed_at, runtime::Timestamp(60s));
  in.seen->facts->facts.read_at = 0;  // an older pod does not tell the server's time
  EXPECT_EQ(build_status(in).server_facts.value_or(FactsStatus{}).observed_at, kNowSeconds);
  in.seen->facts.reset();
  EXPECT_FALSE(build_status(in).server_facts);
}

TEST(BuildStatus, TheStepsReasonsAreTheConditions) {
  StatusInput in = input();
  in.seen->spec.sizing.replicas = 2;
  in.seen->step.blocked = Reason{"PodNotConfirmed", "waiting for audit-0"};
  Status status = build_status(in);
  EXPECT_TRUE(has_condition(status, kRolloutBlocked, Truth::kTrue));
  EXPECT_EQ(condition_of(status, kRolloutBlocked).message, "waiting for audit-0");
  EXPECT_EQ(condition_of(status, kReady).reason, "PodNotConfirmed");
  EXPECT_TRUE(has_condition(status, kReconciling, Truth::kTrue));
  EXPECT_TRUE(has_condition(status, kStalled, Truth::kFalse));
  in.seen->step.stalled = Reason{"MinimumDoesNotFit", "give something up"};
  status = build_status(in);
  EXPECT_EQ(condition_of(status, kStalled).reason, "MinimumDoesNotFit");
  EXPECT_TRUE(has_condition(status, kReconciling, Truth::kFalse));
}

TEST(BuildStatus, ReconcilingGoesOnUntilTheLastPodIsReplacedThoughAllAreReadyInBetween) {
  StatusInput in = input();
  in.seen->workload.revision = "new";
  in.seen->spec.sizing.replicas = 2;
  in.seen->pods.push_back(in.seen->pods[0]);
  in.seen->pods[0].view.revision = "new";
  in.seen->pods[1].view.revision = "old";
  Status status = build_status(in);
  EXPECT_TRUE(has_condition(status, kReady, Truth::kTrue));
  EXPECT_TRUE(has_condition(status, kReconciling, Truth::kTrue));
  EXPECT_EQ(condition_of(status, kReconciling).reason, "RollingOut");
  EXPECT_EQ(condition_of(status, kReconciling).message, "1 of 2 pods are made as they are wanted now");
  in.seen->workload.settled = false;  // its controller has not seen the new template
  status = build_status(in);
  EXPECT_EQ(condition_of(status, kReconciling).message, "0 of 2 pods are made as they are wanted now");
  in.seen->workload.settled = true;
  in.seen->pods[1].view.revision = "new";
  EXPECT_TRUE(has_condition(build_status(in), kReconciling, Truth::kFalse));
}

TEST(TransitionEvents, TellWhatHasChanged) {
  StatusInput in = input();
  const Status well = build_status(in);
  EXPECT_THAT(reasons(transition_events(Status{}, well)), ElementsAre("Ready", "LimitGranted"));
  EXPECT_THAT(reasons(transition_events(well, well)), ElementsAre());
  in.seen->step.blocked = Reason{"PodNotConfirmed", "m"};
  const Status blocked = build_status(in);
  EXPECT_THAT(reasons(transition_events(well, blocked)), ElementsAre("PodNotConfirmed"));
  EXPECT_THAT(reasons(transition_events(blocked, well)), ElementsAre("NotBlocked"));
  in.seen->step.blocked = Reason{"MinimumDoesNotFit", "m"};
  EXPECT_THAT(reasons(transition_events(blocked, build_status(in))), ElementsAre("MinimumDoesNotFit"));
}

TEST(TransitionEvents, AStartIsNothingToWarnOf) {
  StatusInput in = input();
  const Status well = build_status(in);
  in.seen->step.blocked = Reason{std::string(sizing::to_string(sizing::Shortage::kFactsUnknown)), "m"};
  const Status begun = build_status(in);
  EXPECT_TRUE(has_condition(begun, kRolloutBlocked, Truth::kTrue));
  EXPECT_THAT(reasons(transition_events(Status{}, begun)), ElementsAre("Ready", "LimitGranted"));
  EXPECT_THAT(reasons(transition_events(begun, well)), ElementsAre());
  in.seen->step.blocked = Reason{"PodNotConfirmed", "m"};
  EXPECT_THAT(reasons(transition_events(begun, build_status(in))), ElementsAre("PodNotConfirmed"));
}

TEST(Complaints, AreTheConditionsThatAreNotAsTheyShouldBe) {
  StatusInput well = input();
  well.seen->facts = facts_read(100, 1);
  well.seen->workload.volumes = true;
  well.seen->spec.journal_bytes = 1;
  well.seen->spec.auth_mode = "Token";
  auto conditions = build_conditions(well);
  const auto of = [&](const char* type) -> Condition& {
    return *std::ranges::find(conditions, std::string(type), &Condition::type);
  };
  of(kPostgresReachable).status = Truth::kTrue;
  EXPECT_THAT(complaints_of(conditions), ElementsAre());
  of(kReconciling).status = Truth::kTrue;
  EXPECT_THAT(complaints_of(conditions), ElementsAre()) << "that work goes on is none";
  of(kReady) = {.type = kReady, .status = Truth::kFalse, .reason = "Progressing", .message = "1 of 2"};
  of(kBudgetExceeded) = {
      .type = kBudgetExceeded, .status = Truth::kUnknown, .reason = "ServerLimitsUnknown", .message = ""};
  of(kPodsFailing) = {.type = kPodsFailing, .status = Truth::kTrue, .reason = "OOMKilled", .message = ""};
  EXPECT_THAT(complaints_of(conditions),
              ElementsAre(Complaint{"Ready", "False", "Progressing"},
                          Complaint{"BudgetExceeded", "Unknown", "ServerLimitsUnknown"},
                          Complaint{"PodsFailing", "True", "OOMKilled"}));
}

}  // namespace
}  // namespace storagepool::reconcile
