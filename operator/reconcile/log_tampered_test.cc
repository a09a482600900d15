#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "operator/reconcile/status/conditions.h"
#include "operator/reconcile/testing/reconcile_fixture.h"

namespace storagepool::reconcile {
namespace {

class LogTampered : public Reconcile {
 protected:
  void pods_say(const std::string& alarm, const std::string& detail) {
    for (auto& [address, pod] : cluster_.pods)
      pod.facts.log = settings::LogFacts{.size = 5, .floor = 7, .alarm = alarm, .detail = detail, .epoch = 1};
    ASSERT_TRUE(look());
  }
};

TEST_F(LogTampered, IsSaidOnceAsThePodsSayItAndNothingWaitsForIt) {
  settle();
  pods_say("", "");
  EXPECT_EQ(condition_of(kLogTampered).type, "");
  pods_say("LogRolledBack", "it has 5 entries, not 7");
  EXPECT_EQ(condition(kLogTampered), "True LogRolledBack");
  EXPECT_THAT(message(kLogTampered), ::testing::HasSubstr("audit-0: it has 5 entries, not 7"));
  EXPECT_EQ(condition(kReady), "True Ready");
  EXPECT_THAT(events(), ::testing::Contains("LogRolledBack").Times(1));
  cluster_.writes.clear();
  pods_say("LogRolledBack", "it has 5 entries, not 7");
  EXPECT_THAT(cluster_.writes, ::testing::IsEmpty());
  pods_say("", "");
  EXPECT_EQ(condition(kLogTampered), "False AsWitnessed");
}

TEST_F(LogTampered, APodDoesNotChooseAReasonThatTheApiServerRefuses) {
  settle();
  pods_say("no word; " + std::string(100, 'x'), "\nodd");
  EXPECT_EQ(condition(kLogTampered), "True LogNotAsLeft");
}

}  // namespace
}  // namespace storagepool::reconcile
