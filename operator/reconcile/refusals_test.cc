// A pod for which PostgreSQL had no connection left (53300): nothing grows until that is over.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "operator/reconcile/testing/reconcile_fixture.h"

namespace storagepool::reconcile {
namespace {

using ::testing::Contains;
using ::testing::Each;
using ::testing::HasSubstr;
using ::testing::StartsWith;

constexpr const char* kWords =
    "connecting to db:5432/audit: the server has no connection left for this user (53300)";

class ConnectionsRefused : public Reconcile {
 protected:
  void refuse(const std::string& pod, std::int64_t count = 1) {
    cluster_.pod(pod).facts.refused = settings::Refusals{count, 5, kWords};
  }
  void is_over(const std::string& pod) { cluster_.pod(pod).facts.refused.reset(); }
  void max_connections(std::int64_t most) {
    for (auto& [address, pod] : cluster_.pods) pod.facts.facts->max_connections = most;
  }
};

TEST_F(ConnectionsRefused, AreToldAtOnceAndGoWhenItIsOver) {
  settle();
  refuse("audit-1");
  ASSERT_TRUE(look());
  EXPECT_EQ(condition(kRolloutBlocked), "True ConnectionsRefused");
  EXPECT_THAT(message(kRolloutBlocked),
              StartsWith("audit-1: " + std::string(kWords) + ". Neither limits nor"));
  EXPECT_EQ(condition(kReady), "True Ready") << "pods that are open work on";
  EXPECT_EQ(report_period(), 2s);
  EXPECT_THAT(events(), Contains("ConnectionsRefused"));
  cluster_.writes.clear();
  for (std::int64_t count = 2; count < 20; ++count) {
    refuse("audit-1", count);
    ASSERT_TRUE(look());
  }
  EXPECT_THAT(cluster_.writes, ::testing::IsEmpty()) << "more of the same is nothing new";
  is_over("audit-1");
  ASSERT_TRUE(look());
  EXPECT_EQ(condition(kRolloutBlocked), "False NotBlocked");
}

TEST_F(ConnectionsRefused, NeitherLimitsNorReplicasGrowMeanwhile) {
  settle();
  refuse("audit-0");
  max_connections(100);
  change_spec("/spec/replicas", 5);
  settle();
  EXPECT_EQ(status()["connectionBudget"]["usable"], 87);
  EXPECT_EQ(status()["connectionBudget"]["granted"], 27);
  EXPECT_EQ(cluster_.get("StatefulSet", "audit")["spec"]["replicas"], 3);
  EXPECT_EQ(condition(kRolloutBlocked), "True ConnectionsRefused");
  EXPECT_EQ(condition(kReady), "False ConnectionsRefused");
  is_over("audit-0");
  settle();
  EXPECT_EQ(status()["ready"], "5/5");
  EXPECT_EQ(status()["connectionBudget"]["perPod"], 17);
}

TEST_F(ConnectionsRefused, LimitsStillComeDown) {
  settle();
  refuse("audit-0");
  max_connections(30);
  settle();
  EXPECT_EQ(status()["connectionBudget"]["perPod"], 5);
  EXPECT_EQ(status()["connectionBudget"]["granted"], 15);
  change_spec("/spec/replicas", 1);
  settle();
  EXPECT_EQ(cluster_.get("StatefulSet", "audit")["spec"]["replicas"], 1);
  EXPECT_EQ(status()["connectionBudget"]["perPod"], 5) << "not yet";
}

TEST_F(ConnectionsRefused, OfAPodThatIsGoneAreForgotten) {
  settle();
  refuse("audit-2");
  ASSERT_TRUE(look());
  change_spec("/spec/replicas", 2);
  settle();
  EXPECT_EQ(condition(kRolloutBlocked), "False NotBlocked");
  EXPECT_EQ(status()["connectionBudget"]["perPod"], 13);
}

}  // namespace
}  // namespace storagepool::reconcile
