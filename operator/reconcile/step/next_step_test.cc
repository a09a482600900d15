#include "operator/reconcile/step/next_step.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "operator/reconcile/step/holding.h"
#include "operator/sizing/testing/outlook.h"

namespace storagepool::reconcile {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

// A StoragePool that asks for 25 connections per pod on a server with 40: 27 are usable.
class NextStep : public testing::Test {
 protected:
  NextStep() {
    desired_.asked = {{"maxOpenConns", 25}, {"maxIdleConns", 5}};
    desired_.request = {.replicas = 3, .max_open_conns = 25};
    server(40);
  }

  void server(std::int64_t max_connections) {
    facts_.emplace().max_connections = max_connections;
    facts_->superuser_reserved_connections = 3;
  }
  void step() {
    const Holding held = holding(observed_);
    observed_.outlook = sizing::outlook_of(desired_.request, facts_, held.existing, held.ceiling, others_);
    step_ = next_step(desired_, observed_);
  }
  Granted granted(std::int64_t generation, std::int64_t limit, std::int64_t ceiling) const {
    const settings::Settings limited = settings::with_limit(desired_.asked, limit);
    return {.generation = generation, .settings = limited, .ceiling = ceiling};
  }
  settings::SettingsReport report(std::int64_t generation, std::int64_t limit, std::int64_t open = 0) const {
    settings::SettingsReport r;
    r.applied_generation = generation;
    r.settings = settings::with_limit(desired_.asked, limit);
    r.open = open;
    r.journal = settings::JournalReport{.takes_events = true, .reason = {}};
    return r;
  }
  // n pods with the same report.
  void pods(std::int64_t n, const std::optional<settings::SettingsReport>& report) {
    observed_.pods.clear();
    for (std::int64_t i = 0; i < n; ++i) {
      observed_.pods.push_back(
          {.name = "audit-" + std::to_string(i), .ordinal = i, .started = true, .report = report});
    }
  }
  void running(std::int64_t replicas, std::int64_t generation, std::int64_t limit) {
    observed_.granted = granted(generation, limit, limit);
    observed_.workload = Workload{.replicas = replicas, .peak_pods = replicas, .settled = true};
    pods(replicas, report(generation, limit));
  }
  void leave_from(std::int64_t ordinal) {
    for (PodObserved& pod : observed_.pods) {
      if (pod.ordinal >= ordinal && pod.report) pod.report->leaving = true;
    }
  }
  template <typename T>
  T expect() {
    step();
    EXPECT_TRUE(std::holds_alternative<T>(step_.action)) << "action " << step_.action.index();
    return std::holds_alternative<T>(step_.action) ? std::get<T>(step_.action) : T{};
  }

  // The reason, or nothing.
  std::string blocked() const { return step_.blocked.value_or(Reason{}).reason; }
  std::string stalled() const { return step_.stalled.value_or(Reason{}).reason; }

  Desired desired_;
  std::optional<settings::ServerFacts> facts_;
  std::int64_t others_ = 0;  // connections that other StoragePools hold, and keep
  Observed observed_;
  Step step_;
};

TEST_F(NextStep, AnOlderPodConfirmsWithWhatItKnows) {
  desired_.asked["stallAfter"] = 3000;
  running(3, 4, 9);
  auto older = report(4, 9);
  older.settings.stall_after = settings::Settings{}.stall_after;
  pods(3, older);
  EXPECT_EQ(expect<WriteGrant>().granted.generation, 5) << "it contradicts";
  older.not_known = {"stallAfter"};
  pods(3, older);
  expect<Done>();
  EXPECT_EQ(blocked(), "");
}

TEST_F(NextStep, FirstStartOnAnUnknownServerIsOnePodAtTheMinimum) {
  facts_.reset();
  const auto write = expect<WriteGrant>();
  EXPECT_EQ(write.granted.generation, 1);
  EXPECT_EQ(write.granted.settings.max_open_conns, 1);
  observed_.granted = write.granted;
  expect<ListPods>();
  observed_.pods_are_live = true;
  const auto scale = expect<Scale>();
  EXPECT_EQ(scale.replicas, 1);
  EXPECT_EQ(scale.peak_pods, 1);
}

TEST_F(NextStep, KnownServerStartsAllPodsAtOnce) {
  const auto write = expect<WriteGrant>();
  EXPECT_EQ(write.granted.settings.max_open_conns, 9);
  EXPECT_EQ(write.granted.ceiling, 9);
  observed_.granted = write.granted;
  observed_.pods_are_live = true;
  EXPECT_EQ(expect<Scale>().replicas, 3);
}

TEST_F(NextStep, NothingIsDoneWhenAllIsAsWanted) {
  running(3, 4, 9);
  expect<Done>();
  EXPECT_THAT(step_.unconfirmed, IsEmpty());
}

TEST_F(NextStep, ScaleOutShrinksConfirmsSettlesThenAddsPods) {
  running(3, 4, 9);
  desired_.request.replicas = 5;
  const auto write = expect<WriteGrant>();
  EXPECT_EQ(write.granted, granted(5, 5, 9));  // 27 / 5, while pods may still use 9
  observed_.granted = write.granted;
  EXPECT_THAT(expect<Push>().pods, ElementsAre(0, 1, 2));

  // Applied, but one pod still has busy connections above its new limit.
  pods(3, report(5, 5, 4));
  observed_.pods[1].report = report(5, 5, 7);
  expect<Wait>();
  EXPECT_THAT(step_.unconfirmed, ElementsAre("audit-1"));
  EXPECT_EQ(blocked(), "PodNotConfirmed");

  observed_.pods[1].report = report(5, 5, 5);
  expect<ListPods>();
  observed_.pods_are_live = true;
  EXPECT_EQ(expect<WriteGrant>().granted, granted(5, 5, 5));
  observed_.granted = granted(5, 5, 5);
  const auto scale = expect<Scale>();
  EXPECT_EQ(scale.replicas, 5);
  EXPECT_EQ(scale.peak_pods, 5);
}

TEST_F(NextStep, APodThatDoesNotAnswerHoldsBackOnlyWhatWouldNotFitWithIt) {
  running(3, 4, 9);
  desired_.request.replicas = 5;
  observed_.granted = granted(5, 5, 9);
  pods(3, report(5, 5));
  observed_.pods[2].report.reset();
  expect<Wait>();
  EXPECT_EQ(blocked(), "PodNotConfirmed");
  EXPECT_THAT(step_.unconfirmed, ElementsAre("audit-2"));
  // On a larger server five pods fit even with the old limit.
  server(13 + 45);
  observed_.granted = granted(5, 9, 9);
  pods(3, report(5, 9));
  observed_.pods[2].report.reset();
  EXPECT_EQ(expect<Scale>().replicas, 5);
}

TEST_F(NextStep, ScaleInWaitsForPodsToGoBeforeGrowing) {
  running(5, 4, 5);
  desired_.request.replicas = 3;
  EXPECT_THAT(expect<Tell>().pods, ElementsAre(3, 4));
  leave_from(3);
  const auto scale = expect<Scale>();
  EXPECT_EQ(scale.replicas, 3);
  EXPECT_EQ(scale.peak_pods, 5);
  observed_.workload = Workload{.replicas = 3, .peak_pods = 5, .settled = false};
  expect<Wait>();
  observed_.workload = Workload{.replicas = 3, .peak_pods = 5, .settled = true};
  expect<Wait>();  // two pods are still terminating
  pods(3, report(4, 5));
  expect<ListPods>();
  observed_.pods_are_live = true;
  EXPECT_EQ(expect<Scale>().peak_pods, 3);
  observed_.workload = Workload{.replicas = 3, .peak_pods = 3, .settled = true};
  EXPECT_EQ(expect<WriteGrant>().granted, granted(5, 9, 9));
}

TEST_F(NextStep, AServerThatShrankIsFollowedAtOnce) {
  running(3, 4, 9);
  server(25);
  EXPECT_EQ(expect<WriteGrant>().granted.settings.max_open_conns, 4);
}

TEST_F(NextStep, AServerThatGrewIsUsed) {
  running(3, 4, 9);
  server(200);
  EXPECT_EQ(expect<WriteGrant>().granted, granted(5, 25, 25));
}

TEST_F(NextStep, GrowthWaitsForAnUnconfirmedShrink) {
  running(3, 5, 4);
  observed_.granted = granted(5, 4, 20);
  observed_.pods[0].report.reset();
  expect<Wait>();  // wanted are 9, but audit-0 may still use 20
  EXPECT_EQ(blocked(), "PodNotConfirmed");
}

TEST_F(NextStep, OtherSettingsChangeEvenWhileGrowthWaits) {
  running(3, 5, 4);
  observed_.granted = granted(5, 4, 20);
  observed_.pods[0].report.reset();
  desired_.asked["acquireTimeout"] = 1000;
  const auto write = expect<WriteGrant>();
  EXPECT_EQ(write.granted.settings.max_open_conns, 4);
  EXPECT_EQ(write.granted.settings.acquire_timeout, std::chrono::seconds{1});
  EXPECT_EQ(write.granted.ceiling, 20);
}

TEST_F(NextStep, GenerationsOnlyGrow) {
  observed_.last_generation = 41;
  EXPECT_EQ(expect<WriteGrant>().granted.generation, 42);
  running(3, 4, 9);
  observed_.last_generation = 4;
  pods(3, report(50, 9));  // the ConfigMap was restored from a backup
  EXPECT_EQ(expect<WriteGrant>().granted.generation, 51);
  pods(3, report(4, 8));  // the same generation with other settings
  EXPECT_EQ(expect<WriteGrant>().granted.generation, 5);
}

TEST_F(NextStep, ALostConfigMapCountsPodsAtWhatTheyMayHave) {
  running(3, 4, 9);
  observed_.granted.reset();
  EXPECT_EQ(expect<WriteGrant>().granted.ceiling, 10'000);
  observed_.last_ceiling = 12;
  EXPECT_EQ(expect<WriteGrant>().granted.ceiling, 12);
  EXPECT_EQ(holding(observed_).existing.peak_pods, 3);
  EXPECT_EQ(holding(observed_).ceiling, 12);
  // Pods may be on their way to later generations than are known.
  EXPECT_GT(expect<WriteGrant>().granted.generation, 1000);
}

TEST_F(NextStep, ALostStatefulSetCountsThePodsThatItMayHaveLeft) {
  desired_.request.replicas = 1;
  desired_.request.max_open_conns = 9;
  running(3, 4, 9);
  observed_.workload.reset();
  observed_.pods.erase(observed_.pods.begin(), observed_.pods.begin() + 2);
  leave_from(2);
  observed_.last_peak = 3;
  EXPECT_EQ(holding(observed_).existing.peak_pods, 3);
  expect<ListPods>();
  observed_.last_peak = 0;
  observed_.pods_are_live = true;
  EXPECT_EQ(expect<Scale>().peak_pods, 2);  // pod 0, and pod 2 until it is gone
}

TEST_F(NextStep, APodThatHasNotStartedNeedsNoConfirmation) {
  running(3, 4, 9);
  observed_.pods[2].report.reset();
  observed_.pods[2].started = false;
  expect<Done>();
}

TEST_F(NextStep, APodIsPushedOncePerObservation) {
  running(3, 4, 9);
  pods(3, report(3, 9));
  expect<Push>();
  for (PodObserved& pod : observed_.pods) pod.pushed = true;
  expect<Wait>();
}

TEST_F(NextStep, OthersClaimsAreLeftAlone) {
  others_ = 20;
  EXPECT_EQ(expect<WriteGrant>().granted.settings.max_open_conns, 2);
}

// A StoragePool that has all of its server, and another that came later.
class NextStepBesideOthers : public NextStep {
 protected:
  void beside(std::int64_t available, sizing::Share share) {
    step();
    observed_.outlook.available = available;
    observed_.outlook.share = share;
    observed_.outlook.others = {.pools = 1, .pods = 3, .hold = 27 - available, .least = 3};
    step_ = next_step(desired_, observed_);
  }
};

TEST_F(NextStepBesideOthers, WhoHasMoreThanItsShareShrinks) {
  running(3, 4, 9);
  beside(27, {3, 5});
  ASSERT_TRUE(std::holds_alternative<WriteGrant>(step_.action));
  EXPECT_EQ(std::get<WriteGrant>(step_.action).granted, granted(5, 5, 9));
}

TEST_F(NextStepBesideOthers, WhoHasLessGrowsAsTheOthersConfirm) {
  desired_.request.replicas = 3;
  observed_.granted = granted(1, 1, 1);
  observed_.pods_are_live = true;
  beside(0, {3, 4});
  EXPECT_TRUE(std::holds_alternative<Wait>(step_.action));
  EXPECT_EQ(blocked(), "WaitingForOthers");
  EXPECT_EQ(stalled(), "");
  beside(2, {3, 4});
  ASSERT_TRUE(std::holds_alternative<Scale>(step_.action));
  EXPECT_EQ(std::get<Scale>(step_.action).replicas, 2) << "pods that fit start before the others";
  running(3, 1, 1);
  beside(12, {3, 4});
  ASSERT_TRUE(std::holds_alternative<WriteGrant>(step_.action));
  EXPECT_EQ(std::get<WriteGrant>(step_.action).granted, granted(2, 4, 4));
}

TEST_F(NextStep, OnAServerThatNobodyKnowsPodsKeepTheirLimit) {
  running(3, 4, 9);
  facts_.reset();
  expect<Done>();
  desired_.request.replicas = 5;
  expect<Done>();
  EXPECT_EQ(blocked(), sizing::to_string(sizing::Shortage::kFactsUnknown));
}

TEST_F(NextStep, DeletionDrainsAndIsDoneWhenNoPodIsLeft) {
  running(3, 4, 9);
  desired_.deleting = true;
  EXPECT_THAT(expect<Tell>().pods, ElementsAre(0, 1, 2));
  leave_from(0);
  EXPECT_EQ(expect<Scale>().replicas, 0);
  observed_.workload = Workload{.replicas = 0, .peak_pods = 3, .settled = false};
  expect<Wait>();
  observed_.workload = Workload{.replicas = 0, .peak_pods = 3, .settled = true};
  expect<Wait>();
  observed_.pods.clear();
  expect<ListPods>();
  observed_.pods_are_live = true;
  expect<Done>();
}

TEST_F(NextStep, NoReplicasIsAState) {
  desired_.request.replicas = 0;
  observed_.granted = granted(1, 25, 25);
  observed_.pods_are_live = true;
  EXPECT_EQ(expect<Scale>().replicas, 0);
  observed_.workload = Workload{.settled = true};
  expect<Done>();
}

TEST_F(NextStep, WhatIsWantedAndThereIsNotBlocked) {
  running(3, 4, 9);
  expect<Done>();
  EXPECT_EQ(blocked(), "");
  EXPECT_EQ(stalled(), "");
}

TEST_F(NextStep, APodThatHasNotConfirmedIsNamedWithWhatItLacks) {
  running(3, 4, 9);
  desired_.request.replicas = 5;
  observed_.granted = granted(5, 5, 9);
  pods(3, report(5, 5));
  for (PodObserved& pod : observed_.pods) pod.pushed = true;
  observed_.pods[0].report.reset();
  observed_.pods[0].failure = "it has no address yet";
  observed_.pods[1].report = report(4, 9);
  observed_.pods[2].report = report(5, 5, 7);
  expect<Wait>();
  EXPECT_EQ(blocked(), "PodNotConfirmed");
  EXPECT_EQ(step_.blocked.value_or(Reason{}).message,
            "waiting for pods to confirm generation 5 with 5 connections: audit-0: it has no address yet; "
            "audit-1: generation 4 is in force; audit-2: 7 connections are still open");
  EXPECT_EQ(stalled(), "");  // it may confirm by itself
}

TEST_F(NextStep, WaitingForPodsWithoutWantingMoreIsNotBlocked) {
  running(3, 4, 9);
  observed_.pods[1].report.reset();
  expect<Wait>();
  EXPECT_THAT(step_.unconfirmed, ElementsAre("audit-1"));
  EXPECT_EQ(blocked(), "");
}

TEST_F(NextStep, PodsThatWaitForTheServersLimitsAreBlockedAndNotStalled) {
  facts_.reset();
  observed_.granted = granted(1, 1, 1);
  observed_.workload = Workload{.replicas = 1, .peak_pods = 1, .settled = true};
  pods(1, report(1, 1));
  expect<Done>();
  EXPECT_EQ(blocked(), sizing::to_string(sizing::Shortage::kFactsUnknown));
  EXPECT_EQ(step_.blocked.value_or(Reason{}).message, step_.plan.message);
  EXPECT_EQ(stalled(), "");
}

TEST_F(NextStep, WhatDoesNotFitIsStalledUntilSomebodyGivesSomethingUp) {
  desired_.request.policy = sizing::Policy::kStrict;
  step();
  EXPECT_EQ(blocked(), sizing::to_string(sizing::Shortage::kStrict));
  EXPECT_EQ(stalled(), blocked());
  desired_.request.policy = sizing::Policy::kFit;
  desired_.request.min_conns_per_pod = 20;
  step();
  EXPECT_EQ(blocked(), sizing::to_string(sizing::Shortage::kMinimumDoesNotFit));
  EXPECT_EQ(stalled(), blocked());
}

}  // namespace
}  // namespace storagepool::reconcile
