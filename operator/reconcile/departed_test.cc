#include "operator/reconcile/view/departed.h"

#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "operator/reconcile/testing/reconcile_fixture.h"

namespace storagepool::reconcile {
namespace {

using ::testing::HasSubstr;

// Of a StatefulSet whose replicas went from 3 to 1.
class DepartedPods : public ::testing::Test {
 protected:
  static PodState pod(int ordinal, bool ended = false) {
    PodState pod;
    pod.view.name = "audit-" + std::to_string(ordinal);
    pod.view.uid = "uid-" + std::to_string(ordinal);
    pod.view.ordinal = ordinal;
    pod.view.started = !ended;
    pod.view.ended = ended;
    return pod;
  }
  void see(const std::vector<PodState>& pods, bool settled = true) { follow(pods, settled, std::nullopt); }
  void list(const std::vector<PodState>& pods) { follow(pods, true, now_); }
  void follow(const std::vector<PodState>& pods, bool settled, std::optional<Departed::Time> listed) {
    departed_.follow({.pods = pods, .replicas = 1, .peak_pods = 3, .settled = settled, .listed = listed},
                     now_);
  }
  // An operator that has been at work for long.
  void settle() {
    see({pod(0), pod(1), pod(2)});
    now_ += 1h;
  }
  bool linger() const { return departed_.may_linger(now_); }

  Departed departed_;
  Departed::Time now_{1h};
};

TEST_F(DepartedPods, AreListedBeforeAnythingIsBelieved) {
  settle();
  see({pod(0)});
  EXPECT_FALSE(linger()) << "to be listed";
  departed_.read({{"audit-0", 5}}, now_);
  now_ += 1s;
  list({pod(0)});
  EXPECT_TRUE(linger()) << "what was read before says nothing";
  departed_.read({{"audit-0", 5}}, now_);
  EXPECT_FALSE(linger());
}

TEST_F(DepartedPods, CountWhilePostgresqlShowsTheirSessions) {
  settle();
  list({pod(0)});
  EXPECT_EQ(departed_.words(now_), "");
  for (int second = 0; second < 300; ++second) {
    now_ += 1s;
    departed_.read({{"audit-0", 5}, {"audit-2", 7}}, now_);
    EXPECT_TRUE(linger());
  }
  EXPECT_THAT(departed_.words(now_), HasSubstr("audit-2 (7)"));
  now_ += 1s;
  departed_.read({{"audit-0", 5}}, now_);
  EXPECT_FALSE(linger());
}

TEST_F(DepartedPods, OfALongNameTheEndIsShown) {
  settle();
  list({pod(0)});
  departed_.read({{"dit-0", 5}}, now_);
  EXPECT_FALSE(linger());
}

TEST_F(DepartedPods, AreNotThereBecauseOneOfTheSameNameIsToStart) {
  settle();
  PodState pending = pod(0);
  pending.view.uid = "another";
  pending.view.started = false;
  see({pending});
  departed_.read({{"audit-0", 5}}, now_);
  EXPECT_TRUE(departed_.has_vanished(now_));
  pending.view.started = true;
  see({pending});
  departed_.read({{"audit-0", 5}}, now_ + 1s);
  EXPECT_FALSE(departed_.has_vanished(now_ + 1s)) << "it counts them itself";
}

TEST_F(DepartedPods, CountForAsLongAsPostgresqlMayTakeWhereNobodyReads) {
  settle();
  list({pod(0)});
  now_ += Departed::kLetGo - 1s;
  EXPECT_TRUE(linger());
  EXPECT_THAT(departed_.words(now_), HasSubstr("none that is left tells"));
  now_ += 1s;
  EXPECT_FALSE(linger());
}

TEST_F(DepartedPods, CountForThatLongAfterTheyWereShownLast) {
  settle();
  list({pod(0)});
  now_ += 20s;
  departed_.read({{"audit-1", 1}}, now_);
  now_ += Departed::kLetGo - 1s;
  EXPECT_TRUE(linger());
  now_ += 1s;
  EXPECT_FALSE(linger());
}

TEST_F(DepartedPods, HoldNothingWhenAllWereSeenToEnd) {
  settle();
  see({pod(0), pod(1), pod(2, true)});
  see({pod(0), pod(1, true)});
  list({pod(0)});
  EXPECT_FALSE(linger());
}

TEST_F(DepartedPods, MayHoldSomethingWhenOneWasNotSeenToEnd) {
  settle();
  see({pod(0), pod(1), pod(2, true)});
  list({pod(0)});
  EXPECT_TRUE(linger());
}

TEST_F(DepartedPods, MayHoldSomethingWhenTheyAreNotKnown) {
  see({pod(0), pod(1, true), pod(2, true)});
  list({pod(0)});
  EXPECT_TRUE(linger()) << "there may have been others before this operator";
}

TEST_F(DepartedPods, AreAwaitedAnewWhenMoreGo) {
  settle();
  list({pod(0), pod(1)});
  now_ += 1s;
  departed_.read({{"audit-0", 5}, {"audit-1", 5}}, now_);
  EXPECT_FALSE(linger());
  now_ += 1s;
  see({pod(0)});
  EXPECT_FALSE(linger()) << "to be listed";
  list({pod(0)});
  EXPECT_TRUE(linger());
}

TEST_F(DepartedPods, AreNotListedBeforeTheControllerHasSeenTheReplicas) {
  settle();
  follow({pod(0)}, false, now_);
  departed_.read({{"audit-0", 5}}, now_);
  now_ += 1s;
  list({pod(0)});
  EXPECT_TRUE(linger());
}

TEST_F(DepartedPods, HaveVanishedUntilSomebodyTellsOrTheTimeIsOver) {
  see({pod(0)});
  EXPECT_TRUE(departed_.has_vanished(now_)) << "before this operator began";
  now_ += Departed::kLetGo;
  EXPECT_FALSE(departed_.has_vanished(now_));
  see({});
  EXPECT_TRUE(departed_.has_vanished(now_));
  departed_.read({{"audit-0", 1}}, now_ + 30s);
  now_ += Departed::kLetGo;
  EXPECT_TRUE(departed_.has_vanished(now_)) << "it was shown";
  departed_.read({}, now_);
  EXPECT_FALSE(departed_.has_vanished(now_));
  see({pod(1)});
  see({pod(1, true)});
  see({});
  EXPECT_FALSE(departed_.has_vanished(now_)) << "it ended by itself";
}

class PodsThatAreGone : public Reconcile {
 protected:
  void scale_to(int replicas) { change_spec("/spec/replicas", replicas); }
  // Its node is lost, and its object with it.
  void lose(const std::string& pod) {
    cluster_.left_behind[pod] = 9;
    cluster_.remove_pod(pod);
  }
  Json budget() { return status()["connectionBudget"]; }
};

TEST_F(PodsThatAreGone, GiveTheirConnectionsBackOnceTheServerHasLetGo) {
  settle();
  EXPECT_EQ(budget()["granted"], 27);
  scale_to(2);
  ASSERT_TRUE(look());
  lose("audit-2");
  settle();
  EXPECT_EQ(budget()["granted"], 27);
  EXPECT_EQ(budget()["perPod"], 9) << "what the server still shows is not given to the others";
  EXPECT_EQ(condition(kRolloutBlocked), "True SessionsOfGonePods");
  EXPECT_THAT(message(kRolloutBlocked), HasSubstr("audit-2 (9)"));
  cluster_.left_behind.clear();
  settle();
  EXPECT_EQ(budget()["perPod"], 13);
  EXPECT_EQ(condition(kRolloutBlocked), "False NotBlocked");
}

TEST_F(PodsThatAreGone, AreWaitedForHalfAMinuteWhereNobodyCanTell) {
  settle();
  cluster_.tells_sessions = false;
  scale_to(2);
  ASSERT_TRUE(look());
  lose("audit-2");
  settle();
  EXPECT_EQ(budget()["perPod"], 9);
  for (int i = 0; i < 3; ++i) settle();
  EXPECT_EQ(budget()["perPod"], 13);
}

TEST_F(PodsThatAreGone, AreWaitedForBeforeADeletedStoragePoolIsReleased) {
  settle();
  pool()["metadata"]["deletionTimestamp"] = "2026-01-01T00:00:00Z";
  cluster_.put(pool());
  for (int i = 0; i < 5; ++i) ASSERT_TRUE(look());
  for (const char* pod : {"audit-0", "audit-1", "audit-2"}) lose(pod);
  settle();
  ASSERT_TRUE(cluster_.has("StoragePool", "audit"));
  EXPECT_EQ(condition(kRolloutBlocked), "True SessionsOfGonePods");
  for (int i = 0; i < 3 && cluster_.has("StoragePool", "audit"); ++i) settle();
  EXPECT_FALSE(cluster_.has("StoragePool", "audit"));
}

TEST_F(PodsThatAreGone, MayHoldMoreThanTheLimitThatFollows) {
  settle();
  cluster_.tells_sessions = false;
  lose("audit-1");
  cluster_.put(storage_pool("second", 1));
  settle("second");
  for (int i = 0; i < 5; ++i) ASSERT_TRUE(look());
  EXPECT_LT(budget()["perPod"], 9);
  EXPECT_EQ(budget()["granted"], 27);
  cluster_.tells_sessions = true;
  cluster_.left_behind.clear();
  for (int i = 0; i < 5; ++i) ASSERT_TRUE(look());
  EXPECT_LT(budget()["granted"], 27);
}

TEST_F(PodsThatAreGone, KeepNobodyWaitingWhenTheyEndedByThemselves) {
  settle();
  cluster_.tells_sessions = false;
  scale_to(2);
  settle();
  EXPECT_EQ(budget()["perPod"], 13);
  scale_to(0);
  settle();
  EXPECT_EQ(budget()["granted"], 0);
}

}  // namespace
}  // namespace storagepool::reconcile
