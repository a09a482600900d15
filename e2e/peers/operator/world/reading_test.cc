#include "e2e/peers/operator/world/reading.h"

#include <unistd.h>

#include <gtest/gtest.h>

namespace storagepool::peers {
namespace {

constexpr const char* kMetrics = R"(# HELP apiserver_request_total Counter of apiserver requests
apiserver_request_total{code="200",component="apiserver",dry_run="",group="",resource="configmaps",scope="resource",subresource="",verb="APPLY",version="v1"} 3
apiserver_request_total{code="201",component="apiserver",dry_run="",group="",resource="configmaps",scope="resource",subresource="",verb="APPLY",version="v1"} 4
apiserver_request_total{code="200",component="apiserver",dry_run="All",group="",resource="configmaps",scope="resource",subresource="",verb="APPLY",version="v1"} 9
apiserver_request_total{code="200",component="apiserver",dry_run="",group="",resource="configmaps",scope="cluster",subresource="",verb="LIST",version="v1"} 9
apiserver_request_total{code="200",component="apiserver",dry_run="",group="coordination.k8s.io",resource="leases",scope="resource",subresource="",verb="PUT",version="v1"} 9
apiserver_request_total{code="200",component="apiserver",dry_run="",group="",resource="pods",scope="resource",subresource="status",verb="PATCH",version="v1"} 9
apiserver_request_total{code="201",component="apiserver",dry_run="",group="networking.k8s.io",resource="ipaddresses",scope="resource",subresource="",verb="POST",version="v1"} 9
apiserver_request_total{code="200",component="apiserver",dry_run="",group="storagepool.dev",resource="storagepools",scope="resource",subresource="",verb="PATCH",version="v1alpha1"} 5
apiserver_request_total{code="200",component="apiserver",dry_run="",group="storagepool.dev",resource="storagepools",scope="resource",subresource="status",verb="APPLY",version="v1alpha1"} 2
apiserver_request_total_of_another_name{verb="POST",resource="configmaps"} 9
)";

TEST(OperatorWorldReading, CountsTheWritesThatAreTheOperators) {
  const Writes expected{{"APPLY configmaps", 7}, {"PATCH storagepools", 5}, {"APPLY storagepools/status", 2}};
  EXPECT_EQ(writes_in(kMetrics), expected);
}

TEST(OperatorWorldReading, FiguresAreOfTheTimeBetween) {
  const Reading before{
      .at = {}, .cpu_seconds = 1, .bytes = 100, .looks = 10, .writes = {{"APPLY configmaps", 4}}};
  const Reading after{.at = before.at + std::chrono::seconds(2),
                      .cpu_seconds = 1.5,
                      .bytes = 300,
                      .looks = 30,
                      .writes = writes_in(kMetrics)};
  const auto json = figures(before, after, {.now_mib = 20, .peak_mib = 30}, 4);
  EXPECT_EQ(json["seconds"], 2);
  EXPECT_EQ(json["reconciles_per_second"], 10);
  EXPECT_EQ(json["cpu_seconds"], 0.5);
  EXPECT_EQ(json["bytes"], 200);
  EXPECT_EQ(json["writes"], 3 + 1 + 2);
  EXPECT_EQ(json["writes_by"]["PATCH storagepools"], 1) << "the rest is users'";
}

TEST(OperatorWorldReading, AProcessHasTimeAndMemory) {
  volatile double sum = 0;
  while (cpu_seconds_of(getpid()) < 0.02) sum = sum + 1;
  forget_peak(getpid());
  const Memory memory = memory_of(getpid());
  EXPECT_GT(memory.now_mib, 1);
  EXPECT_GE(memory.peak_mib, memory.now_mib / 2);
}

}  // namespace
}  // namespace storagepool::peers
