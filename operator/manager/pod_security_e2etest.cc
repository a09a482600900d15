// Pod Security's level `restricted`, as the API server's own admission enforces it, lets the pods in: the
// operator's from the chart, and those that the operator's program makes of a StoragePool.
#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "operator/kube/object.h"
#include "operator/manager/testing/control_plane.h"
#include "operator/manager/testing/fleet.h"
#include "pool/common/json/json.h"

namespace storagepool::manager {
namespace {

using namespace std::chrono_literals;
using kube::Json;
using testing::eventually;

constexpr std::uint16_t kPort = 18291;

class PodSecurity : public ::testing::Test {
 protected:
  PodSecurity() {
    control_plane_.define_storage_pools();
    const Json enforced{
        {"metadata",
         {{"name", "restricted"}, {"labels", {{"pod-security.kubernetes.io/enforce", "restricted"}}}}}};
    EXPECT_TRUE(control_plane_.client().create(kube::resources::kNamespaces, enforced));
  }

  // What the API server says to a pod of a Deployment or StatefulSet, which it does not keep; empty: it takes
  // it.
  std::string refusal(const Json& owner) const {
    const Json& made = owner.at("spec");
    Json spec = made.at("template").at("spec");
    const Json claims = made.value("volumeClaimTemplates", Json::array());
    for (const Json& claim : claims) {
      const Json& name = claim.at("metadata").at("name");
      spec["volumes"].push_back({{"name", name}, {"persistentVolumeClaim", {{"claimName", name}}}});
    }
    const Json pod{{"apiVersion", "v1"},
                   {"kind", "Pod"},
                   {"metadata", {{"name", "tried"}, {"namespace", "restricted"}}},
                   {"spec", spec}};
    const auto answer = control_plane_.transport().request({.method = kube::Method::kPost,
                                                            .path = "/api/v1/namespaces/restricted/pods",
                                                            .query = {{"dryRun", "All"}},
                                                            .content_type = "application/json",
                                                            .body = pod.dump()});
    return answer ? "" : answer.error().to_string();
  }

  testing::ControlPlane control_plane_;
};

TEST_F(PodSecurity, TheOperatorsPodIsLetInWhereRestrictedIsEnforced) {
  const std::string rendered = control_plane_.file("deployment.json");
  const std::string log = control_plane_.file("command.log");
  const std::string command = "helm template storagepool " STORAGEPOOL_SOURCE_DIR
                              "/charts/storagepool --namespace default --show-only templates/deployment.yaml "
                              "--set page.enabled=true | "
                              "kubectl --kubeconfig=" +
                              control_plane_.kubeconfig() + " create -f - --dry-run=client -o json >" +
                              rendered;
  ASSERT_EQ(testing::Process({"sh", "-c", command}, log).exit_code(), 0) << testing::tail_of(log);
  const Json deployment = Json::parse(testing::tail_of(rendered, 1 << 20));
  EXPECT_EQ(refusal(deployment), "");
  Json without = deployment;
  Json& spec = without["spec"]["template"]["spec"];
  spec.erase("securityContext");
  spec["containers"][0].erase("securityContext");
  EXPECT_NE(refusal(without).find("violates PodSecurity \"restricted:latest\""), std::string::npos);
}

TEST_F(PodSecurity, PodsOfAStoragePoolAreLetInWhereRestrictedIsEnforced) {
  const Json postgres{{"host", "db"},
                      {"database", "audit"},
                      {"credentialsSecretRef", {{"name", "creds"}}},
                      {"sslMode", "verify-full"},
                      {"caSecretRef", {{"name", "ca"}}}};
  const std::vector<Json> specs = {
      {{"replicas", 1}, {"postgres", postgres}},
      {{"replicas", 1},
       {"postgres", postgres},
       {"journal", {{"persistence", "Ephemeral"}}},
       {"tls", {{"secretRef", {{"name", "tls"}}}}},
       {"auth", {{"mode", "Token"}, {"secretRef", {{"name", "clients"}}}}}},
  };
  const std::string log = control_plane_.file("operator.log");
  const testing::Process program(
      {testing::operator_program(), "--kubeconfig=" + control_plane_.kubeconfig(), "--namespace=default",
       "--resync=1s", "--health-probe-bind-address=127.0.0.1:" + std::to_string(kPort),
       "--metrics-bind-address=127.0.0.1:0"},
      log);
  for (std::size_t i = 0; i < specs.size(); ++i) {
    const std::string name = "audit-" + std::to_string(i);
    const auto made = control_plane_.client().create(
        kube::resources::kStoragePools,
        {{"metadata", {{"name", name}, {"namespace", "restricted"}}}, {"spec", specs[i]}});
    ASSERT_TRUE(made) << made.error().to_string();
    std::optional<Json> set;
    ASSERT_TRUE(eventually(
        [&] {
          auto found = control_plane_.client().get(kube::resources::kStatefulSets, {"restricted", name});
          if (found) set = std::move(*found);
          return set.has_value();
        },
        60s, 20ms))
        << testing::tail_of(log);
    EXPECT_EQ(refusal(*set), "") << specs[i].dump();
  }
}

}  // namespace
}  // namespace storagepool::manager
