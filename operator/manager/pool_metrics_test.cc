#include "operator/manager/pool_metrics.h"

#include <chrono>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace storagepool::manager {
namespace {

using namespace std::chrono_literals;
using ::testing::HasSubstr;
using ::testing::Not;

const kube::ObjectKey kAudit{"team", "audit"};

reconcile::Outcome outcome(const std::string& server, std::int64_t granted) {
  reconcile::Outcome outcome;
  outcome.requeue_after = 10s;
  outcome.budget = {.server = server, .usable = 87, .share = 87, .granted = granted, .per_pod = granted / 3};
  return outcome;
}

class PoolMetricsTest : public ::testing::Test {
 protected:
  std::string text() { return metrics_.serialize(); }
  runtime::Metrics metrics_;
  PoolMetrics pools_{metrics_};
};

TEST_F(PoolMetricsTest, ABudgetHasTheServersName) {
  pools_.publish(kAudit, outcome("db.team.svc:5432", 30));
  EXPECT_THAT(
      text(),
      HasSubstr(R"(connections_granted{name="audit",namespace="team",server="db.team.svc:5432"} 30)"));
  EXPECT_THAT(
      text(),
      HasSubstr(R"(connections_per_pod{name="audit",namespace="team",server="db.team.svc:5432"} 10)"));
  pools_.publish(kAudit, outcome("7301", 60));
  EXPECT_THAT(text(), HasSubstr(R"(connections_granted{name="audit",namespace="team",server="7301"} 60)"));
  EXPECT_THAT(text(), Not(HasSubstr("db.team.svc"))) << "it is one server";
  EXPECT_THAT(text(), HasSubstr("storagepool_managed 1"));
}

TEST_F(PoolMetricsTest, ComplaintsComeAndGo) {
  auto seen = outcome("7301", 60);
  seen.complaints = {{"Ready", "False", "Progressing"}, {"BudgetExceeded", "True", "LimitsReduced"}};
  pools_.publish(kAudit, seen);
  EXPECT_THAT(
      text(),
      HasSubstr(
          R"(condition{name="audit",namespace="team",reason="Progressing",status="False",type="Ready"} 1)"));
  EXPECT_THAT(text(), HasSubstr(R"(reason="LimitsReduced",status="True",type="BudgetExceeded"} 1)"));
  seen.complaints = {{"BudgetExceeded", "True", "MinimumDoesNotFit"}};
  pools_.publish(kAudit, seen);
  EXPECT_THAT(text(), Not(HasSubstr("Ready")));
  EXPECT_THAT(text(), Not(HasSubstr("LimitsReduced"))) << "one reason at a time";
  EXPECT_THAT(text(), HasSubstr(R"(reason="MinimumDoesNotFit",status="True",type="BudgetExceeded"} 1)"));
  pools_.publish(kAudit, outcome("7301", 60));
  EXPECT_THAT(text(), Not(HasSubstr("storagepool_condition{")));
}

TEST_F(PoolMetricsTest, NothingStaysOfOneThatIsGone) {
  auto seen = outcome("7301", 60);
  seen.complaints = {{"Ready", "False", "Progressing"}};
  pools_.publish(kAudit, seen);
  pools_.publish({"team", "other"}, outcome("7301", 9));
  EXPECT_THAT(text(), HasSubstr("storagepool_managed 2"));
  pools_.publish(kAudit, reconcile::Outcome{});
  EXPECT_THAT(text(), Not(HasSubstr("audit")));
  EXPECT_THAT(text(), HasSubstr("storagepool_managed 1"));
}

TEST_F(PoolMetricsTest, OneWithoutABudgetHasComplaintsOnly) {
  auto seen = outcome("", 0);
  seen.budget.reset();
  seen.complaints = {{"Stalled", "True", "InvalidSpec"}};
  pools_.publish(kAudit, seen);
  EXPECT_THAT(text(), HasSubstr(R"(reason="InvalidSpec",status="True",type="Stalled"} 1)"));
  EXPECT_THAT(text(), HasSubstr("storagepool_managed 0"));
}

}  // namespace
}  // namespace storagepool::manager
