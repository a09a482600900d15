#include "operator/reconcile/step/leaving.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "operator/reconcile/step/holding.h"
#include "operator/sizing/testing/outlook.h"

namespace storagepool::reconcile {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

// Three pods as wanted, each with an empty journal.
class Leaving : public testing::Test {
 protected:
  Leaving() {
    desired_.name = "audit";
    desired_.asked = {{"maxOpenConns", 9}, {"maxIdleConns", 5}};
    desired_.request = {.replicas = 3, .max_open_conns = 9};
    observed_.granted =
        Granted{.generation = 4, .settings = settings::with_limit(desired_.asked, 9), .ceiling = 9};
    observed_.workload = Workload{.replicas = 3, .peak_pods = 3, .settled = true};
    for (std::int64_t i = 0; i < 3; ++i) {
      settings::SettingsReport report;
      report.applied_generation = 4;
      report.settings = observed_.granted->settings;
      report.journal = settings::JournalReport{.takes_events = true, .reason = {}};
      observed_.pods.push_back({.name = "audit-" + std::to_string(i),
                                .ordinal = i,
                                .started = true,
                                .ready = true,
                                .reaches_postgres = true,
                                .report = report});
      observed_.claims.push_back({.ordinal = i, .bound = true});
    }
  }

  void ephemeral() {
    observed_.workload->volumes = false;
    observed_.workload->partition = render::kNoRollout;
    observed_.claims.clear();
  }
  PodObserved& pod(std::size_t index) { return observed_.pods[index]; }
  void waits(std::size_t index, std::int64_t events) {
    pod(index).report->journal->waiting_events = events;
    pod(index).report->journal->waiting_units = events;
  }
  void leaves(std::size_t index) { pod(index).report->leaving = true; }
  void silent(std::size_t index) {
    pod(index).report.reset();
    pod(index).failure = "its administration port does not answer (DeadlineExceeded)";
  }
  template <typename T>
  T expect() {
    settings::ServerFacts facts;
    facts.max_connections = 100;
    const Holding held = holding(observed_);
    observed_.outlook = sizing::outlook_of(desired_.request, facts, held.existing, held.ceiling);
    step_ = next_step(desired_, observed_);
    EXPECT_TRUE(std::holds_alternative<T>(step_.action)) << "action " << step_.action.index();
    return std::holds_alternative<T>(step_.action) ? std::get<T>(step_.action) : T{};
  }
  std::string awaited() const { return step_.awaits_journal.value_or(Reason{}).message; }

  Desired desired_;
  Observed observed_;
  Step step_;
};

TEST_F(Leaving, AScaleInTellsWaitsForAnEmptyJournalAndReleasesTheClaim) {
  desired_.request.replicas = 2;
  waits(2, 6);
  const auto tell = expect<Tell>();
  EXPECT_TRUE(tell.leaving);
  EXPECT_THAT(tell.pods, ElementsAre(2));
  pod(2).told = true;
  expect<Wait>();
  leaves(2);
  expect<Wait>();
  EXPECT_TRUE(step_.leaving);
  EXPECT_THAT(awaited(), HasSubstr("audit-2 holds 6 events that PostgreSQL has not taken"));
  waits(2, 0);
  const auto scale = expect<Scale>();
  EXPECT_EQ(scale.replicas, 2);
  EXPECT_THAT(scale.emptied, ElementsAre(2));

  observed_.workload = Workload{.replicas = 2, .peak_pods = 2, .settled = true, .emptied = {2}};
  expect<Wait>();  // the pod still has its claim
  observed_.pods.pop_back();
  expect<ListPods>();
  observed_.pods_are_live = true;
  EXPECT_THAT(expect<DeleteClaims>().ordinals, ElementsAre(2));
  observed_.claims.pop_back();
  expect<Done>();
}

TEST_F(Leaving, AnEmptyJournalOfAPodThatStillTakesEventsIsNotEnough) {
  desired_.request.replicas = 2;
  pod(2).told = true;
  expect<Wait>();
  EXPECT_THAT(awaited(), HasSubstr("audit-2 has not confirmed that it takes no more events"));
}

TEST_F(Leaving, APodIsTakenBackWhenReplicasRiseAgain) {
  leaves(2);
  auto tell = expect<Tell>();
  EXPECT_FALSE(tell.leaving);
  EXPECT_THAT(tell.pods, ElementsAre(2));
  // Not while the StatefulSet's controller may still act on fewer replicas.
  observed_.workload->settled = false;
  expect<Done>();
}

TEST_F(Leaving, AScaleInGoesAsFarAsItCan) {
  desired_.request.replicas = 0;
  for (const std::size_t i : {0U, 1U, 2U}) leaves(i);
  waits(1, 1);
  EXPECT_EQ(expect<Scale>().replicas, 2);
  EXPECT_THAT(awaited(), HasSubstr("audit-1 holds 1 event that"));
}

TEST_F(Leaving, AVolumeKeepsWhatAPodDoesNotTellOf) {
  desired_.request.replicas = 2;
  silent(2);
  expect<Wait>();
  EXPECT_THAT(awaited(), HasSubstr("audit-2 does not say what its journal holds: its administration port"));
  desired_.patience_over = true;
  expect<ListPods>();
  observed_.pods_are_live = true;
  const auto scale = expect<Scale>();
  EXPECT_EQ(scale.replicas, 2);
  EXPECT_THAT(scale.emptied, IsEmpty());
}

TEST_F(Leaving, AScaleInWaitsForEventsAsLongAsItTakesUnlessTheyAreGivenUp) {
  desired_.request.replicas = 2;
  leaves(2);
  waits(2, 6);
  desired_.patience_over = true;
  expect<Wait>();
  desired_.given_up = {"audit-2"};
  const auto scale = expect<Scale>();
  EXPECT_EQ(scale.replicas, 2);
  EXPECT_THAT(scale.emptied, IsEmpty());
}

TEST_F(Leaving, AJournalThatCannotBeUsedIsNotKnownToBeEmpty) {
  desired_.request.replicas = 2;
  leaves(2);
  pod(2).report->journal->takes_events = false;
  pod(2).report->journal->reason = "the file cannot be opened";
  expect<Wait>();
  EXPECT_THAT(awaited(),
              HasSubstr("audit-2 does not know what its journal holds: the file cannot be opened"));
  desired_.patience_over = true;
  EXPECT_THAT(expect<Scale>().emptied, IsEmpty());
  desired_.journals = false;  // it takes none because it has none
  EXPECT_THAT(expect<Scale>().emptied, ElementsAre(2));
}

TEST_F(Leaving, UnitsSetAsideStayOnTheirVolume) {
  desired_.request.replicas = 2;
  leaves(2);
  pod(2).report->journal->set_aside_units = 1;
  EXPECT_THAT(expect<Scale>().emptied, IsEmpty());
  ephemeral();
  expect<Wait>();
  EXPECT_THAT(awaited(), HasSubstr("audit-2 holds 1 unit set aside"));
}

TEST_F(Leaving, AClaimWithoutAVolumeHoldsNothing) {
  desired_.request.replicas = 2;
  silent(2);
  pod(2).started = false;
  pod(2).holds_nothing = true;
  observed_.claims[2].bound = false;
  observed_.pods_are_live = true;
  EXPECT_THAT(expect<Scale>().emptied, ElementsAre(2));
}

TEST_F(Leaving, AMissingPodsVolumeMayHoldEvents) {
  desired_.request.replicas = 2;
  observed_.pods.pop_back();
  expect<Wait>();
  EXPECT_THAT(awaited(), HasSubstr("audit-2 is not there, and its volume may hold events"));
  observed_.claims.pop_back();
  expect<ListPods>();
  observed_.pods_are_live = true;
  EXPECT_EQ(expect<Scale>().replicas, 2);
}

TEST_F(Leaving, DeletionWaitsAWhileThenKeepsTheVolumesOfFilledJournals) {
  desired_.deleting = true;
  for (const std::size_t i : {0U, 1U, 2U}) leaves(i);
  waits(1, 6);
  EXPECT_EQ(expect<Scale>().replicas, 2);
  desired_.patience_over = true;
  const auto scale = expect<Scale>();
  EXPECT_EQ(scale.replicas, 0);
  EXPECT_THAT(scale.emptied, ElementsAre(0, 2));
  observed_.workload = Workload{.replicas = 0, .peak_pods = 3, .settled = true, .emptied = {0, 2}};
  observed_.pods.clear();
  observed_.pods_are_live = true;
  EXPECT_THAT(expect<DeleteClaims>().ordinals, ElementsAre(0, 2));
}

TEST_F(Leaving, ADeletionIsNotStalledByWhatDoesNotFit) {
  desired_.request.policy = sizing::Policy::kStrict;
  desired_.request.max_open_conns = 1000;
  expect<Done>();
  EXPECT_TRUE(step_.stalled);
  EXPECT_TRUE(step_.blocked);
  desired_.deleting = true;
  expect<Tell>();
  EXPECT_FALSE(step_.stalled);
  EXPECT_FALSE(step_.blocked);
}

TEST_F(Leaving, WithoutVolumesDeletionWaitsUntilTheEventsAreStoredOrGivenUp) {
  ephemeral();
  desired_.deleting = true;
  for (const std::size_t i : {0U, 1U, 2U}) leaves(i);
  waits(0, 6);
  silent(1);
  observed_.pods_are_live = true;
  desired_.patience_over = true;
  EXPECT_EQ(expect<Scale>().replicas, 2);
  EXPECT_THAT(awaited(), HasSubstr("audit-1 does not say"));
  EXPECT_THAT(awaited(), HasSubstr("their events are lost"));
  desired_.given_up = {"audit-1"};
  observed_.workload->replicas = 2;
  EXPECT_EQ(expect<Scale>().replicas, 1);
  desired_.given_up = {"*"};
  EXPECT_EQ(expect<Scale>().replicas, 0);
}

TEST_F(Leaving, ARolloutReplacesPodsWithEmptyJournalsOneByOneFromTheTop) {
  ephemeral();
  for (PodObserved& one : observed_.pods) one.outdated = true;
  waits(2, 6);
  EXPECT_THAT(expect<Tell>().pods, ElementsAre(2));
  leaves(2);
  expect<Wait>();
  EXPECT_THAT(awaited(), HasSubstr("audit-2 holds 6 events"));
  waits(2, 0);
  EXPECT_EQ(expect<Scale>().partition, 2);
  observed_.workload->partition = 2;
  pod(2).terminating = true;
  pod(2).ready = false;
  expect<Wait>();
  // Its successor is there: the next one's turn comes when that is ready.
  pod(2) = {.name = "audit-2", .ordinal = 2};
  EXPECT_EQ(expect<Scale>().partition, render::kNoRollout);
  observed_.workload->partition = render::kNoRollout;
  expect<Wait>();
  pod(2) = pod(0);
  pod(2).ordinal = 2;
  pod(2).outdated = false;
  EXPECT_THAT(expect<Tell>().pods, ElementsAre(1));
}

TEST_F(Leaving, APodWhoseJournalCannotBeEmptiedNowGoesOnTakingEvents) {
  ephemeral();
  for (PodObserved& one : observed_.pods) one.outdated = true, one.reaches_postgres = false;
  waits(2, 6);
  expect<Wait>();
  EXPECT_THAT(awaited(), HasSubstr("audit-2 holds 6 events"));
  leaves(2);
  EXPECT_FALSE(expect<Tell>().leaving);
}

TEST_F(Leaving, APodThatNeverRanIsReplacedAtOnce) {
  ephemeral();
  pod(2).outdated = true;
  pod(2).ready = false;
  pod(2).holds_nothing = true;
  silent(2);
  EXPECT_EQ(expect<Scale>().partition, 2);
}

TEST_F(Leaving, VolumesLetARolloutPass) {
  for (PodObserved& one : observed_.pods) one.outdated = true;
  waits(2, 6);
  expect<Done>();
}

TEST_F(Leaving, FilledJournalsAreThoseThatAreNotKnownToBeEmpty) {
  ephemeral();
  EXPECT_THAT(filled_journals(desired_, observed_), IsEmpty());
  waits(0, 1);
  silent(1);
  pod(2).report->journal.reset();
  EXPECT_THAT(filled_journals(desired_, observed_), ElementsAre("audit-0", "audit-1", "audit-2"));
  desired_.given_up = {"audit-0"};
  pod(1).holds_nothing = true;
  EXPECT_THAT(filled_journals(desired_, observed_), ElementsAre("audit-2"));
  desired_.journals = false;
  EXPECT_THAT(filled_journals(desired_, observed_), IsEmpty());
}

}  // namespace
}  // namespace storagepool::reconcile
