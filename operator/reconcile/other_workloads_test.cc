// What other workloads count with, over time, and what that does to a StoragePool beside them.
#include "operator/reconcile/cluster/other_workloads.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "operator/reconcile/testing/reconcile_fixture.h"

namespace storagepool::reconcile {
namespace {

using ::testing::Contains;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

constexpr auto kGrace = 5s;
constexpr auto kEnds = kGrace + 35s;

Json workload(const std::string& name, int replicas, const std::string& connections = "20",
              const std::string& server = "db:5432") {
  return {{"kind", "StatefulSet"},
          {"metadata",
           {{"name", name},
            {"namespace", "team"},
            {"uid", "uid-of-" + name},
            {"annotations",
             {{"storagepool.dev/server", server}, {"storagepool.dev/connections-per-pod", connections}}}}},
          {"spec",
           {{"replicas", replicas},
            {"template", {{"spec", {{"terminationGracePeriodSeconds", kGrace.count()}}}}}}}};
}

class FollowedWorkloads : public ::testing::Test {
 protected:
  void follow(const std::vector<Json>& objects) {
    std::vector<DeclaredWorkload> there;
    for (const Json& object : objects)
      there.push_back(
          {.type = kube::resources::kStatefulSets, .object = std::make_shared<const Json>(object)});
    workloads_.follow(
        there, [](const std::string& server) { return server == "db.team:5432"; }, now_);
  }
  // On all servers together.
  std::int64_t connections() const {
    std::int64_t sum = 0;
    for (const CountedWorkload& one : workloads_.counted()) sum += one.counts.connections;
    return sum;
  }

  OtherWorkloads workloads_;
  runtime::TimePoint now_{1h};
};

TEST_F(FollowedWorkloads, MoreCountsAtOnceAndLessOnceThePodsHaveEnded) {
  follow({workload("shop", 3)});
  EXPECT_EQ(connections(), 60);
  follow({workload("shop", 5)});
  EXPECT_EQ(connections(), 100);
  EXPECT_EQ(workloads_.next(), std::nullopt);
  follow({workload("shop", 2)});
  EXPECT_EQ(connections(), 100);
  EXPECT_EQ(workloads_.next(), now_ + kEnds);
  now_ += kEnds - 1s;
  follow({workload("shop", 1)});
  EXPECT_EQ(connections(), 100);
  now_ += 1s;
  follow({workload("shop", 1)});
  EXPECT_EQ(connections(), 40) << "the last pod to go has its time too";
  now_ += kEnds;
  follow({workload("shop", 1)});
  EXPECT_EQ(connections(), 20);
  EXPECT_EQ(workloads_.next(), std::nullopt);
}

TEST_F(FollowedWorkloads, OneThatIsGoneCountsUntilItsPodsHaveEnded) {
  follow({workload("shop", 3)});
  follow({});
  EXPECT_EQ(connections(), 60);
  now_ += kEnds;
  follow({});
  EXPECT_THAT(workloads_.counted(), IsEmpty());
}

TEST_F(FollowedWorkloads, OneThatGoesToAnotherServerCountsOnBoth) {
  follow({workload("shop", 3)});
  follow({workload("shop", 3, "20", "new:5432")});
  EXPECT_EQ(connections(), 120);
  now_ += kEnds;
  follow({workload("shop", 3, "20", "new:5432")});
  ASSERT_THAT(workloads_.counted(), SizeIs(1));
  EXPECT_EQ(workloads_.counted().front().counts.server, "new.team:5432");
}

TEST_F(FollowedWorkloads, OneThatCannotBeReadGoesOnAsBeforeAndStopsNoOther) {
  follow({workload("shop", 3)});
  EXPECT_THAT(workloads_.take_events(), IsEmpty());
  const std::vector<Json> bad{workload("shop", 4, "many"), workload("web", 2)};
  follow(bad);
  EXPECT_EQ(connections(), 80 + 40);
  const auto events = workloads_.take_events();
  ASSERT_THAT(events, SizeIs(1));
  EXPECT_EQ(events.front().reason, "InvalidDeclaration");
  EXPECT_EQ(events.front().regarding["uid"], "uid-of-shop");
  EXPECT_EQ(events.front().note,
            "storagepool.dev/connections-per-pod: got \"many\"; allowed: a whole number from 1 to 10000, in "
            "quotes. "
            "Until then it counts with what was declared before");
  follow(bad);
  EXPECT_THAT(workloads_.take_events(), IsEmpty()) << "told already";
  follow({workload("shop", 4), workload("web", 2)});
  follow(bad);
  EXPECT_THAT(workloads_.take_events(), SizeIs(1)) << "again, after it was well";
}

TEST_F(FollowedWorkloads, OneThatNeverCouldBeReadIsNotCountedAndSaysSo) {
  follow({workload("shop", 4, "many")});
  EXPECT_EQ(connections(), 0);
  const auto events = workloads_.take_events();
  ASSERT_THAT(events, SizeIs(1));
  EXPECT_THAT(events.front().note, HasSubstr("Until then its connections are not counted"));
  ASSERT_THAT(workloads_.counted(), SizeIs(1));
  EXPECT_FALSE(workloads_.counted().front().readable);
}

TEST_F(FollowedWorkloads, OneOnAServerThatNobodyUsesIsTold) {
  follow({workload("shop", 4, "20", "typo:5432")});
  const auto events = workloads_.take_events();
  ASSERT_THAT(events, SizeIs(1));
  EXPECT_EQ(events.front().reason, "NotCounted");
  EXPECT_THAT(events.front().note, HasSubstr("storagepool.dev/server is typo.team:5432"));
}

// Of 40 connections 27 are usable.
class BesideWorkloads : public Reconcile {
 protected:
  Json budget() { return status()["connectionBudget"]; }
};

TEST_F(BesideWorkloads, AStoragePoolHasWhatTheyLeaveAndShrinksWhenTheyGrow) {
  settle();
  EXPECT_EQ(budget()["perPod"], 9);
  EXPECT_FALSE(budget().contains("otherWorkloads"));
  cluster_.put(workload("shop", 1, "6"));
  settle();
  EXPECT_EQ(budget()["perPod"], 7);
  EXPECT_EQ(budget()["granted"], 21);
  EXPECT_EQ(budget()["otherWorkloads"], 6);
  EXPECT_EQ(budget()["otherPools"], 0);
  EXPECT_EQ(condition(kBudgetExceeded), "True LimitsReduced");
  EXPECT_THAT(message(kBudgetExceeded), HasSubstr("1 other workload with 1 pod may hold 6"));
  cluster_.put(workload("shop", 3, "6"));
  settle();
  EXPECT_EQ(budget()["perPod"], 3);
  EXPECT_EQ(budget()["otherWorkloads"], 18);
  EXPECT_EQ(condition(kReady), "True Ready");
}

TEST_F(BesideWorkloads, ARestartedOperatorHasThemCountBeforeItGrantsAnything) {
  cluster_.put(workload("shop", 1, "21"));
  settle();
  EXPECT_EQ(budget()["perPod"], 2);
  const Json generation = status()["settingsGeneration"];
  restart_operator();
  settle();
  EXPECT_EQ(budget()["perPod"], 2);
  EXPECT_EQ(status()["settingsGeneration"], generation) << "nothing was granted in between";
}

TEST_F(BesideWorkloads, WhatTheyNoLongerHoldIsTakenUpOnceTheirPodsHaveEnded) {
  cluster_.put(workload("shop", 1, "21"));
  settle();
  cluster_.objects.erase({"StatefulSet", "shop"});
  ASSERT_TRUE(look());
  EXPECT_EQ(budget()["perPod"], 2);
  const auto outcome = look();
  ASSERT_TRUE(outcome);
  EXPECT_LE(outcome->requeue_after, kEnds);
  now_.steady += kEnds;
  settle();
  EXPECT_EQ(budget()["perPod"], 9);
  EXPECT_FALSE(budget().contains("otherWorkloads"));
}

TEST_F(BesideWorkloads, ThatRestNothingIsWritten) {
  cluster_.put(workload("shop", 1, "6"));
  settle();
  cluster_.writes.clear();
  for (int i = 0; i < 20; ++i) ASSERT_TRUE(look());
  EXPECT_THAT(cluster_.writes, IsEmpty());
}

TEST_F(BesideWorkloads, ABadAnnotationStopsNobody) {
  cluster_.put(workload("shop", 1, "lots"));
  cluster_.put(workload("web", 1, "6"));
  settle();
  EXPECT_EQ(condition(kReady), "True Ready");
  EXPECT_EQ(budget()["otherWorkloads"], 6);
  EXPECT_THAT(events(), Contains("InvalidDeclaration").Times(1));
}

}  // namespace
}  // namespace storagepool::reconcile
