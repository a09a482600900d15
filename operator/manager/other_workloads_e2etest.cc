// Deployments and StatefulSets of others beside StoragePools under the operator's program, on a real API
// server.
#include <string>

#include <gtest/gtest.h>

#include "operator/kube/object.h"
#include "operator/manager/testing/fleet.h"
#include "operator/reconcile/status/conditions.h"
#include "pool/common/json/json.h"

namespace storagepool::manager {
namespace {

using namespace std::chrono_literals;
using kube::Json;
using testing::Conduct;
using testing::eventually;
using testing::fetch;

constexpr auto kComesWithin = 120s;
// max_connections 100, 3 for superusers, 10 in reserve.
constexpr std::int64_t kUsable = 87;
constexpr std::int64_t kAsked = 60;

class OtherWorkloadsBeside : public testing::Fleet {
 protected:
  OtherWorkloadsBeside() : Fleet(2, [](int) { return Conduct::kAnswers; }) {}

  void start() {
    operator_.reset();
    const auto at = [](std::uint16_t port) { return "127.0.0.1:" + std::to_string(port); };
    operator_ = std::make_unique<testing::Process>(
        std::vector<std::string>{testing::operator_program(), "--kubeconfig=" + control_plane_->kubeconfig(),
                                 "--namespace=default", "--default-image=example.invalid/pods:1",
                                 "--health-probe-bind-address=" + at(kHealthPort),
                                 "--metrics-bind-address=" + at(kMetricsPort), "--other-workloads"},
        log());
    ASSERT_TRUE(eventually([&] { return fetch(kHealthPort, "/readyz").find("200 OK") != std::string::npos; },
                           kComesWithin, 20ms))
        << testing::tail_of(log());
  }
  // In another namespace than the StoragePools'.
  static Json workload(const kube::ResourceType& type, const std::string& name, std::int64_t replicas,
                       const std::string& connections, const std::string& server) {
    const Json labels{{"app", name}};
    Json object{
        {"apiVersion", type.api_version()},
        {"kind", type.kind},
        {"metadata",
         {{"name", name},
          {"namespace", "kube-system"},
          {"annotations",
           {{"storagepool.dev/server", server}, {"storagepool.dev/connections-per-pod", connections}}}}},
        {"spec",
         {{"replicas", replicas},
          {"selector", {{"matchLabels", labels}}},
          {"template",
           {{"metadata", {{"labels", labels}}},
            {"spec", {{"containers", {{{"name", "c"}, {"image", "example.invalid/c:1"}}}}}}}}}}};
    if (type.kind == "Deployment") object["spec"]["strategy"]["type"] = "Recreate";
    return object;
  }
  void create(const kube::ResourceType& type, const Json& object) {
    const auto made = control_plane_->client().create(type, object);
    ASSERT_TRUE(made) << made.error().to_string();
  }
  void patch(const kube::ResourceType& type, const std::string& name, const Json& change) {
    const auto made = control_plane_->client().merge_patch(type, {"kube-system", name}, change);
    ASSERT_TRUE(made) << made.error().to_string();
  }
  Json pool(int number) const {
    const auto list = control_plane_->client().list(kube::resources::kStoragePools);
    for (const Json& object : list ? list->items : std::vector<Json>()) {
      if (kube::key_of(object) == key_of(number)) return object;
    }
    return {};
  }
  // The limit of p0's one pod and what others declare.
  ::testing::AssertionResult comes_to(std::int64_t limit, std::int64_t others) {
    const auto as_wanted = [&] {
      const Json status = json::member(pool(0), "status");
      return limit_in_force(0) == limit &&
             json::integer_at(status, "/connectionBudget/granted", 0) == limit &&
             json::integer_at(status, "/connectionBudget/otherWorkloads", 0) == others;
    };
    if (eventually(as_wanted, kComesWithin, 20ms)) return ::testing::AssertionSuccess();
    return ::testing::AssertionFailure() << pool(0).dump(2) << testing::tail_of(log());
  }
  std::vector<std::string> events_of(const std::string& name) const {
    std::vector<std::string> found;
    const auto list = control_plane_->client().list(kube::resources::kEvents, {.name_space = "kube-system"});
    for (const Json& event : list ? list->items : std::vector<Json>()) {
      if (json::text_at(event, "/regarding/name") == name)
        found.push_back(json::text_at(event, "/reason") + ": " + json::text_at(event, "/note"));
    }
    return found;
  }
};

TEST_F(OtherWorkloadsBeside, HaveTheirPartAndStoragePoolsGiveWay) {
  const auto& deployments = kube::resources::kDeployments;
  start();
  make_storage_pools(2);
  ASSERT_TRUE(set_limit(0, kAsked));
  ASSERT_TRUE(comes_to(kAsked, 0));

  create(deployments, workload(deployments, "shop", 2, "20", "db0.default.svc:5432"));
  ASSERT_TRUE(comes_to(kUsable - 40, 40));
  EXPECT_EQ(metric("storagepool_other_workload_connections"), 40);
  EXPECT_NE(pool(0).dump().find("1 other workload with 2 pods may hold 40"), std::string::npos);

  // It grows, which nobody can keep it from.
  patch(deployments, "shop", {{"spec", {{"replicas", 4}}}});
  ASSERT_TRUE(comes_to(kUsable - 80, 80));

  // Who starts anew knows of it before anything grows.
  start();
  EXPECT_TRUE(comes_to(kUsable - 80, 80));

  // One that cannot be read is told so, and stops neither the other nor the StoragePools.
  const auto& sets = kube::resources::kStatefulSets;
  create(sets, workload(sets, "bad", 2, "many", "db1.default:5432"));
  EXPECT_TRUE(eventually([&] { return events_of("bad").size() == 1; }, kComesWithin, 50ms));
  EXPECT_EQ(
      events_of("bad").front(),
      "InvalidDeclaration: storagepool.dev/connections-per-pod: got \"many\"; allowed: a whole number from 1 "
      "to 10000, in quotes. Until then its connections are not counted");
  EXPECT_EQ(metric("storagepool_other_workload_invalid"), 1);
  patch(sets, "bad", {{"metadata", {{"annotations", {{"storagepool.dev/connections-per-pod", "1"}}}}}});
  EXPECT_TRUE(
      eventually([&] { return metric("storagepool_other_workload_connections") == 82; }, kComesWithin, 20ms));
  EXPECT_EQ(metric("storagepool_other_workload_invalid"), 0);

  // An autoscaler may ask for more at any moment.
  const Json autoscaler{
      {"apiVersion", "autoscaling/v2"},
      {"kind", "HorizontalPodAutoscaler"},
      {"metadata", {{"name", "bad"}, {"namespace", "kube-system"}}},
      {"spec",
       {{"maxReplicas", 5},
        {"scaleTargetRef", {{"apiVersion", "apps/v1"}, {"kind", "StatefulSet"}, {"name", "bad"}}}}}};
  create(kube::resources::kHorizontalPodAutoscalers, autoscaler);
  EXPECT_TRUE(
      eventually([&] { return metric("storagepool_other_workload_connections") == 85; }, kComesWithin, 20ms));
}

}  // namespace
}  // namespace storagepool::manager
