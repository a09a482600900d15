// The operator's program where it watches some namespaces alone, with the rights that the chart gives it then
// and no others, as an API server that knows of rights has it.
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "operator/kube/object.h"
#include "operator/manager/installation.h"
#include "operator/manager/testing/control_plane.h"
#include "operator/manager/testing/fleet.h"
#include "operator/render/storage_pool.h"
#include "pool/common/json/json.h"

namespace storagepool::manager {
namespace {

using namespace std::chrono_literals;
using kube::Json;
using testing::eventually;

constexpr auto kSoon = 60s;
constexpr std::uint16_t kHealthPort = 18281;

class WatchedNamespaces : public ::testing::Test {
 protected:
  WatchedNamespaces() {
    control_plane_.define_storage_pools();
    for (const char* name : {"team-a", "team-b"}) {
      EXPECT_TRUE(
          control_plane_.client().create(kube::resources::kNamespaces, {{"metadata", {{"name", name}}}}));
    }
  }

  void run(const std::string& command) {
    const std::string log = control_plane_.file("command.log");
    ASSERT_EQ(testing::Process({"sh", "-c", command}, log).exit_code(), 0)
        << command << ": " << testing::tail_of(log);
  }
  // As `helm install` would, in the namespace default.
  void grant(const std::string& namespaces) {
    const std::string rendered = control_plane_.file("rights.yaml");
    run("helm template storagepool " STORAGEPOOL_SOURCE_DIR
        "/charts/storagepool --namespace default --show-only templates/rbac.yaml --set 'watchNamespaces={" +
        namespaces + "}' >" + rendered + " && kubectl --kubeconfig=" + control_plane_.kubeconfig() +
        " apply -f " + rendered);
  }
  void start(const std::string& namespaces) {
    operator_.reset();
    log_ = control_plane_.file(namespaces + ".log");
    operator_.emplace(
        std::vector<std::string>{testing::operator_program(),
                                 "--kubeconfig=" + control_plane_.kubeconfig_as("installed"),
                                 "--namespace=default", "--watch-namespaces=" + namespaces, "--resync=1s",
                                 "--health-probe-bind-address=127.0.0.1:" + std::to_string(kHealthPort),
                                 "--metrics-bind-address=127.0.0.1:0"},
        log_);
  }
  void make(const std::string& name_space) {
    const Json made{
        {"metadata", {{"name", "audit"}, {"namespace", name_space}}},
        {"spec",
         {{"replicas", 1},
          {"postgres",
           {{"host", "db"}, {"database", "audit"}, {"credentialsSecretRef", {{"name", "creds"}}}}}}}};
    const auto done = control_plane_.client().create(kube::resources::kStoragePools, made);
    ASSERT_TRUE(done) << done.error().to_string();
  }
  bool has_stateful_set(const std::string& name_space) const {
    return control_plane_.client().get(kube::resources::kStatefulSets, {name_space, "audit"}).has_value();
  }
  std::string readyz() const { return testing::fetch(kHealthPort, "/readyz"); }
  bool is_ready() const { return readyz().find("200 OK") != std::string::npos; }

  testing::ControlPlane control_plane_{testing::Authorization::kRoles};
  std::string log_;
  std::optional<testing::Process> operator_;
};

TEST_F(WatchedNamespaces, AreLookedAfterWithRightsThereAndNoneThatHoldsAStoragePoolIsDropped) {
  grant("team-a");
  start("team-a");
  make("team-a");
  make("team-b");
  ASSERT_TRUE(eventually([&] { return has_stateful_set("team-a"); }, kSoon, 20ms))
      << testing::tail_of(log_) << readyz();
  ASSERT_TRUE(eventually([&] { return is_ready(); }, kSoon, 20ms)) << readyz();
  const auto other = control_plane_.client().get(kube::resources::kStoragePools, {"team-b", "audit"});
  ASSERT_TRUE(other);
  EXPECT_FALSE(render::has_finalizer(*other)) << "it is nobody's";
  EXPECT_EQ(json::integer_at(*other, "/status/observedGeneration", 0), -1) << other->dump();
  EXPECT_FALSE(has_stateful_set("team-b"));
  EXPECT_EQ(testing::tail_of(log_, 1 << 20).find("forbidden"), std::string::npos) << testing::tail_of(log_);

  grant("team-a,team-b");
  start("team-a,team-b");
  ASSERT_TRUE(eventually([&] { return has_stateful_set("team-b"); }, kSoon, 20ms)) << testing::tail_of(log_);

  start("team-a");
  ASSERT_TRUE(
      eventually([&] { return readyz().find("would not be: team-b") != std::string::npos; }, kSoon, 20ms))
      << readyz() << testing::tail_of(log_);
  EXPECT_NE(readyz().find("503"), std::string::npos);
  const std::string remedy = "kubectl annotate crd storagepools.storagepool.dev --overwrite '";
  EXPECT_NE(readyz().find(remedy), std::string::npos) << readyz();
  run("kubectl --kubeconfig=" + control_plane_.kubeconfig() +
      " annotate crd storagepools.storagepool.dev --overwrite "
      "'storagepool.dev/installation=default/storagepool-operator watching team-a'");
  EXPECT_TRUE(eventually([&] { return is_ready(); }, kSoon, 20ms)) << readyz() << testing::tail_of(log_);
}

}  // namespace
}  // namespace storagepool::manager
