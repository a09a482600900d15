// Flux's kustomize-controller, as it ships, over StoragePools: it applies them, waits for their health,
// corrects what others have changed, and prunes. The test stands for its source-controller: it writes what a
// source has in its status, and serves the archive. $STORAGEPOOL_KUSTOMIZE_CONTROLLER is the program's
// folder, with the controller's CRD (hack/flux).
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "operator/kube/object.h"
#include "operator/manager/testing/fleet.h"
#include "operator/render/render.h"
#include "operator/reconcile/status/conditions.h"
#include "pool/common/encoding/sha256.h"
#include "pool/common/json/json.h"

namespace storagepool::manager {
namespace {

using namespace std::chrono_literals;
using kube::Json;
using testing::Conduct;
using testing::eventually;
using testing::Process;

constexpr auto kLimit = 180s;
constexpr std::uint16_t kArchivePort = 18090;
constexpr std::uint16_t kFluxMetricsPort = 18091;
constexpr kube::ResourceType kKustomizations{"kustomize.toolkit.fluxcd.io", "v1", "kustomizations",
                                             "Kustomization"};
constexpr kube::ResourceType kGitRepositories{"source.toolkit.fluxcd.io", "v1", "gitrepositories",
                                              "GitRepository"};
constexpr kube::ResourceType kBuckets{"source.toolkit.fluxcd.io", "v1", "buckets", "Bucket"};
constexpr kube::ResourceType kOciRepositories{"source.toolkit.fluxcd.io", "v1", "ocirepositories",
                                              "OCIRepository"};
const kube::ObjectKey kKey{"default", "pools"};

std::string text_of(const std::string& file) {
  std::ifstream stream(file);
  return {std::istreambuf_iterator<char>(stream), {}};
}

class Flux : public testing::Fleet {
 protected:
  Flux() : Fleet(1, [](int) { return Conduct::kAnswers; }) {}

  void SetUp() override {
    const char* folder = std::getenv("STORAGEPOOL_KUSTOMIZE_CONTROLLER");
    ASSERT_NE(folder, nullptr) << "hack/flux names it";
    Fleet::SetUp();
    start_operator(control_plane_->kubeconfig());
    define_kinds(text_of(std::string(folder) + "/kustomizations.yaml"));
    std::filesystem::create_directory(control_plane_->file("archives"));
    archives_ = std::make_unique<Process>(
        std::vector<std::string>{"python3", "-m", "http.server", std::to_string(kArchivePort),
                                 "--bind=127.0.0.1", "--directory=" + control_plane_->file("archives")},
        control_plane_->file("archives.log"));
    garbage_collector_ = std::make_unique<Process>(
        std::vector<std::string>{"kube-controller-manager", "--kubeconfig=" + control_plane_->kubeconfig(),
                                 "--controllers=garbage-collector-controller", "--leader-elect=false",
                                 "--secure-port=0"},
        control_plane_->file("garbage-collector.log"));
    flux_ = std::make_unique<Process>(
        std::vector<std::string>{
            "env", "KUBECONFIG=" + control_plane_->kubeconfig(), "RUNTIME_NAMESPACE=default",
            "TMPDIR=" + control_plane_->file(""), std::string(folder) + "/bin/kustomize-controller",
            "--health-addr=127.0.0.1:0", "--metrics-addr=127.0.0.1:" + std::to_string(kFluxMetricsPort)},
        control_plane_->file("flux.log"));
    ASSERT_TRUE(control_plane_->client().create(
        kGitRepositories, {{"metadata", {{"name", kKey.name}, {"namespace", kKey.name_space}}},
                           {"spec", {{"interval", "1h"}, {"url", "https://git.invalid/pools"}}}}));
  }

  // The kinds of Flux; of those that the test plays, no more than that they are there.
  void define_kinds(const std::string& kustomizations) {
    const auto apply = [this](const std::string& name, const std::string& body) {
      const auto made = control_plane_->transport().request(
          {.method = kube::Method::kPatch,
           .path = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions/" + name,
           .query = {{"fieldManager", "test"}},
           .content_type = "application/apply-patch+yaml",
           .body = body});
      ASSERT_TRUE(made) << made.error().to_string();
    };
    apply("kustomizations.kustomize.toolkit.fluxcd.io", kustomizations);
    for (const kube::ResourceType& type : {kGitRepositories, kBuckets, kOciRepositories}) {
      const std::string name = std::string(type.plural) + "." + std::string(type.group);
      const Json any{{"type", "object"}, {"x-kubernetes-preserve-unknown-fields", true}};
      const Json version{{"name", type.version},
                         {"served", true},
                         {"storage", true},
                         {"schema", {{"openAPIV3Schema", any}}},
                         {"subresources", {{"status", Json::object()}}}};
      const Json definition{{"apiVersion", "apiextensions.k8s.io/v1"},
                            {"kind", "CustomResourceDefinition"},
                            {"metadata", {{"name", name}}},
                            {"spec",
                             {{"group", type.group},
                              {"names", {{"kind", type.kind}, {"plural", type.plural}}},
                              {"scope", "Namespaced"},
                              {"versions", Json::array({version})}}}};
      apply(name, definition.dump());
    }
    for (const kube::ResourceType& type : {kKustomizations, kGitRepositories, kBuckets, kOciRepositories})
      ASSERT_TRUE(eventually([&] { return control_plane_->client().list(type).has_value(); }, kLimit, 50ms));
  }

  // A revision with these files is what the source has from now on.
  void publish(const std::string& revision, const std::map<std::string, Json>& files) {
    const std::string folder = control_plane_->file("revision." + revision);
    std::filesystem::create_directory(folder);
    for (const auto& [name, object] : files) std::ofstream(folder + "/" + name) << object.dump();
    const std::string archive = control_plane_->file("archives/" + revision + ".tar.gz");
    ASSERT_EQ(
        Process({"tar", "-czf", archive, "-C", folder, "."}, control_plane_->file("tar.log")).exit_code(), 0);
    const Json artifact{
        {"path", revision + ".tar.gz"},
        {"url", "http://127.0.0.1:" + std::to_string(kArchivePort) + "/" + revision + ".tar.gz"},
        {"revision", revision},
        {"digest", "sha256:" + encoding::sha256_hex(text_of(archive))},
        {"lastUpdateTime", "2026-01-01T00:00:00Z"}};
    const auto written = control_plane_->client().merge_patch(
        kGitRepositories, kKey, {{"status", {{"artifact", artifact}}}}, "status");
    ASSERT_TRUE(written) << written.error().to_string();
  }
  // One with p0 as `spec` changes it, and something else.
  void publish_pool(const std::string& revision, const Json& spec) {
    Json pool = storage_pool(0);
    pool["apiVersion"] = kube::resources::kStoragePools.api_version();
    pool["kind"] = kube::resources::kStoragePools.kind;
    pool["spec"].merge_patch(spec);
    publish(revision, {{"pool.yaml", pool}, {"other.yaml", other()}});
  }
  static Json other() {
    return {{"apiVersion", "v1"},
            {"kind", "ConfigMap"},
            {"metadata", {{"name", "other"}, {"namespace", kKey.name_space}}}};
  }

  // What the Kustomization says of a revision: its condition Ready; empty while that is about another.
  struct Said {
    std::string status;
    std::string reason;
    std::string message;
    std::string applied;  // the revision that was well
  };
  Said said(const std::string& revision) const {
    const auto got = control_plane_->client().get(kKustomizations, kKey);
    if (!got || json::text_at(*got, "/status/lastAttemptedRevision") != revision) return {};
    for (const Json& each : json::at(*got, "/status/conditions")) {
      if (json::text_of(json::member(each, "type")) != "Ready") continue;
      return {json::text_of(json::member(each, "status")), json::text_of(json::member(each, "reason")),
              json::text_of(json::member(each, "message")),
              json::text_at(*got, "/status/lastAppliedRevision")};
    }
    return {};
  }
  bool is_well(const std::string& revision) const {
    const Said now = said(revision);
    return now.status == "True" && now.applied == revision;
  }
  void await_health(const std::string& revision) const {
    ASSERT_TRUE(eventually([&] { return is_well(revision); }, kLimit, 50ms))
        << revision << ": " << said(revision).message << "\n"
        << testing::tail_of(control_plane_->file("flux.log")) << testing::tail_of(log());
  }
  // Its health check has failed, and says why.
  void await_failure(const std::string& revision, const std::string& verdict) const {
    const auto failed = [&] {
      const Said now = said(revision);
      return now.reason == "HealthCheckFailed" && now.message.find(verdict) != std::string::npos;
    };
    ASSERT_TRUE(eventually(failed, kLimit, 50ms)) << revision << ": " << said(revision).message << "\n"
                                                  << testing::tail_of(control_plane_->file("flux.log"));
  }
  Json pool_now() const {
    const auto got = control_plane_->client().get(kube::resources::kStoragePools, key_of(0));
    return got ? *got : Json();
  }
  bool pool_is(const char* type, reconcile::Truth truth, const std::string& reason) const {
    const reconcile::Status status = reconcile::parse_status(json::member(pool_now(), "status"));
    const reconcile::Condition* found = reconcile::find_condition(status, type);
    return found != nullptr && found->status == truth && found->reason == reason;
  }
  std::size_t children() const {
    std::size_t count = 0;
    for (const kube::ResourceType& type :
         {kube::resources::kStatefulSets, kube::resources::kConfigMaps, kube::resources::kServices,
          kube::resources::kPodDisruptionBudgets}) {
      const auto list = control_plane_->client().list(type, {.label_selector = render::managed_selector()});
      EXPECT_TRUE(list) << list.error().to_string();
      count += list ? list->items.size() : 0;
    }
    return count;
  }
  // How often Flux has looked at the Kustomization.
  static double looks() { return metric("controller_runtime_reconcile_total", kFluxMetricsPort); }

 private:
  std::unique_ptr<Process> archives_;
  std::unique_ptr<Process> garbage_collector_;
  std::unique_ptr<Process> flux_;
};

TEST_F(Flux, AppliesWaitsForHealthCorrectsAndPrunes) {
  using reconcile::Truth;
  publish_pool("broken", {{"image", "example.invalid/broken:1"}});
  ASSERT_TRUE(control_plane_->client().create(
      kKustomizations, {{"metadata", {{"name", kKey.name}, {"namespace", kKey.name_space}}},
                        {"spec",
                         {{"interval", "1s"},
                          {"retryInterval", "1s"},
                          {"timeout", "30s"},
                          {"path", "./"},
                          {"prune", true},
                          {"wait", true},
                          {"sourceRef", {{"kind", kGitRepositories.kind}, {"name", kKey.name}}}}}}));
  await_failure("broken", "InProgress");
  EXPECT_TRUE(pool_is(reconcile::kReady, Truth::kFalse, "Progressing"));
  publish_pool("mended", {{"image", "example.invalid/pods:1"}});
  await_health("mended");
  EXPECT_TRUE(pool_is(reconcile::kReady, Truth::kTrue, "Ready"));

  publish_pool("smaller", {{"image", "example.invalid/pods:1"}, {"pool", {{"maxOpenConns", 5}}}});
  await_health("smaller");
  EXPECT_EQ(limit_in_force(0), 5) << "healthy is what is in force";

  // Nobody contradicts anybody.
  const std::string version = kube::metadata_string(pool_now(), "resourceVersion");
  const double before = looks();
  ASSERT_TRUE(eventually([&] { return looks() >= before + 3; }, kLimit, 50ms));
  EXPECT_EQ(kube::metadata_string(pool_now(), "resourceVersion"), version);

  // What somebody else changes, Flux sets back, and the operator follows.
  ASSERT_TRUE(set_limit(0, 7));
  ASSERT_TRUE(eventually(
      [&] {
        return json::integer_at(pool_now(), "/spec/pool/maxOpenConns", 0) == 5 && limit_in_force(0) == 5;
      },
      kLimit, 20ms))
      << pool_now();

  publish_pool("too-many", {{"pool", {{"maxOpenConns", 1000}}}, {"budget", {{"policy", "Strict"}}}});
  await_failure("too-many", "Failed");
  EXPECT_TRUE(pool_is(reconcile::kStalled, Truth::kTrue, "StrictPolicy"));
  publish_pool("enough", {{"pool", {{"maxOpenConns", 10}}}});
  await_health("enough");

  ASSERT_GT(children(), 0u);
  publish("empty", {{"other.yaml", other()}});
  ASSERT_TRUE(eventually([&] { return pool_is(reconcile::kReady, Truth::kFalse, "Draining"); }, kLimit, 20ms))
      << testing::tail_of(log());
  ASSERT_TRUE(eventually([&] { return replicas_wanted(0) == 0; }, kLimit, 20ms)) << testing::tail_of(log());
  end_pod(0);
  ASSERT_TRUE(eventually([&] { return pool_now().is_null() && children() == 0; }, kLimit, 100ms))
      << children() << testing::tail_of(log())
      << testing::tail_of(control_plane_->file("garbage-collector.log"));
  await_health("empty");
}

}  // namespace
}  // namespace storagepool::manager
