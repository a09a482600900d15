#include "operator/manager/workload_metrics.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace storagepool::manager {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

reconcile::CountedWorkload counted(const std::string& name, const std::string& server, std::int64_t pods,
                                   bool readable = true) {
  return {.kind = "Deployment",
          .key = {"team", name},
          .counts = {.server = server, .pods = pods, .connections = pods * 20},
          .readable = readable};
}

TEST(WorkloadMetrics, TellWhatEachHoldsAndForgetWhoIsGone) {
  runtime::Metrics metrics;
  WorkloadMetrics shown(metrics);
  // Made anew, with pods of before.
  shown.publish(
      {counted("shop", "db.team:5432", 3), counted("shop", "db.team:5432", 1), counted("web", "", 0, false)});
  const std::string labels = R"({kind="Deployment",name="shop",namespace="team",server="db.team:5432"})";
  EXPECT_THAT(metrics.serialize(), HasSubstr("storagepool_other_workload_pods" + labels + " 4\n"));
  EXPECT_THAT(metrics.serialize(), HasSubstr("storagepool_other_workload_connections" + labels + " 80\n"));
  EXPECT_THAT(
      metrics.serialize(),
      HasSubstr(R"(storagepool_other_workload_invalid{kind="Deployment",name="web",namespace="team"} 1)"));
  EXPECT_THAT(metrics.serialize(), Not(HasSubstr(R"(server="")")));
  shown.publish({counted("web", "db.team:5432", 2)});
  EXPECT_THAT(metrics.serialize(), Not(HasSubstr("shop")));
  EXPECT_THAT(metrics.serialize(), Not(HasSubstr("_invalid{")));
  shown.publish({});
  EXPECT_THAT(metrics.serialize(), Not(HasSubstr("_workload_pods{")));
}

}  // namespace
}  // namespace storagepool::manager
