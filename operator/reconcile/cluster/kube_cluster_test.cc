// Over a transport that answers from the test: what was written is read at once.
#include "operator/reconcile/cluster/kube_cluster.h"

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <map>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "operator/kube/object.h"
#include "operator/kube/testing/fake_transport.h"
#include "operator/render/render.h"

namespace storagepool::reconcile {
namespace {

using namespace std::chrono_literals;
using kube::ApiError;
using kube::Json;

// Lists next to nothing; watches tell what a test has them tell.
class KubeClusterTest : public ::testing::Test {
 protected:
  KubeClusterTest() {
    cluster_.start();
    const auto deadline = std::chrono::steady_clock::now() + 30s;
    while (!cluster_.waiting_for().empty() && std::chrono::steady_clock::now() < deadline)
      std::this_thread::sleep_for(1ms);
    EXPECT_EQ(cluster_.waiting_for(), "");
  }
  ~KubeClusterTest() override { cluster_.stop(); }

  tl::expected<std::string, ApiError> answer(const kube::ApiRequest& request) {
    if (request.method == kube::Method::kGet && request.path.ends_with("/horizontalpodautoscalers"))
      return autoscalers().dump();
    if (request.method == kube::Method::kGet && request.path.ends_with("/deployments"))
      return workloads().dump();
    if (request.method == kube::Method::kGet) return R"({"metadata":{"resourceVersion":"5"},"items":[]})";
    ++writes_;
    Json stored = Json::parse(request.body);
    stored["metadata"]["resourceVersion"] = std::to_string(10 + writes_);
    stored["metadata"]["name"] = "audit";
    stored["metadata"]["namespace"] = "team";
    return stored.dump();
  }
  tl::expected<void, ApiError> stream(const kube::StreamRequest& request, const kube::LineHandler& on_line,
                                      const std::stop_token& stop) {
    std::unique_lock lock(mutex_);
    while (held_.wait(lock, stop, [&] { return !told_[request.path].empty(); })) {
      const auto lines = std::exchange(told_[request.path], {});
      lock.unlock();
      for (const std::string& line : lines) on_line(line);
      lock.lock();
    }
    return tl::unexpected(ApiError{.reason = std::string(kube::kReasonCancelled)});
  }
  // The watch of StoragePools tells of one; with which priority it is to be looked at.
  kube::Priority told(const char* type, int version, int generation) {
    const Json event{{"type", type},
                     {"object",
                      {{"apiVersion", "storagepool.dev/v1alpha1"},
                       {"kind", "StoragePool"},
                       {"metadata",
                        {{"name", "audit"},
                         {"namespace", "team"},
                         {"resourceVersion", std::to_string(version)},
                         {"generation", generation}}}}}};
    std::unique_lock lock(mutex_);
    priority_.reset();
    told_[kube::collection_path(kube::resources::kStoragePools, "")].push_back(event.dump());
    held_.notify_all();
    EXPECT_TRUE(held_.wait_for(lock, 30s, [&] { return priority_.has_value(); }));
    return priority_.value_or(kube::Priority::kResync);
  }
  void changed(kube::Priority priority) {
    const std::lock_guard lock(mutex_);
    priority_ = priority;
    held_.notify_all();
  }
  // "audit" declares what it holds, "plain" nothing.
  static Json workloads() {
    Json list = Json::parse(R"({"metadata":{"resourceVersion":"5"},"items":[]})");
    for (const char* name : {"audit", "plain"})
      list["items"].push_back(
          {{"metadata", {{"name", name}, {"namespace", "team"}, {"resourceVersion", "4"}}}});
    list["items"][0]["metadata"]["annotations"]["storagepool.dev/server"] = "db:5432";
    return list;
  }
  static Json autoscalers() {
    Json list = Json::parse(R"({"metadata":{"resourceVersion":"5"},"items":[]})");
    for (const char* kind : {"StoragePool", "Deployment"}) {
      list["items"].push_back(
          {{"metadata", {{"name", kind}, {"namespace", "team"}, {"resourceVersion", "4"}}},
           {"spec",
            {{"maxReplicas", 7},
             {"scaleTargetRef",
              {{"apiVersion", kind == std::string_view("Deployment") ? "apps/v1" : "storagepool.dev/v1"},
               {"kind", kind},
               {"name", "audit"}}}}}});
    }
    return list;
  }
  std::string version_of(const kube::ResourceType& type) const {
    const kube::ObjectPtr object = cluster_.cached(type, {"team", "audit"});
    return object ? kube::metadata_string(*object, "resourceVersion") : "none";
  }

  std::mutex mutex_;
  std::condition_variable_any held_;
  std::map<std::string, std::vector<std::string>> told_;  // by path
  std::optional<kube::Priority> priority_;
  std::atomic<int> writes_{0};
  kube::FakeTransport transport_{
      [this](const kube::ApiRequest& request) { return answer(request); },
      [this](const auto& request, const auto& on_line, const std::stop_token& stop) {
        return stream(request, on_line, stop);
      }};
  kube::Client client_{transport_, "me"};
  kube::EventRecorder recorder_{client_, "storagepool.dev/operator", "me"};
  runtime::Metrics metrics_;
  KubeCluster cluster_{transport_,
                       client_,
                       recorder_,
                       metrics_,
                       {.other_workloads = true},
                       [this](const auto&, kube::Priority priority) { changed(priority); }};
};

TEST_F(KubeClusterTest, WhatWasWrittenIsReadAtOnce) {
  const Json object{
      {"metadata", {{"name", "audit"}, {"namespace", "team"}, {"managedFields", Json::array()}}}};
  EXPECT_EQ(version_of(kube::resources::kServices), "none");
  ASSERT_TRUE(cluster_.create(kube::resources::kServices, object));
  EXPECT_EQ(transport_.requests().back().content_type, "application/apply-patch+yaml")
      << "owned as applied from the start";
  EXPECT_EQ(version_of(kube::resources::kServices), "11");
  ASSERT_TRUE(cluster_.apply(kube::resources::kServices, object));
  EXPECT_EQ(version_of(kube::resources::kServices), "12");
  ASSERT_TRUE(cluster_.merge_patch(kube::resources::kStoragePools, {"team", "audit"}, object));
  EXPECT_EQ(version_of(kube::resources::kStoragePools), "13");
  ASSERT_TRUE(cluster_.apply_status(object));
  EXPECT_EQ(version_of(kube::resources::kStoragePools), "14");
  EXPECT_FALSE((*cluster_.cached(kube::resources::kServices, {"team", "audit"}))["metadata"].contains(
      "managedFields"));
}

TEST_F(KubeClusterTest, AUsersChangeGoesAheadOfNewStoragePools) {
  EXPECT_EQ(told("ADDED", 21, 1), kube::Priority::kNew);
  EXPECT_EQ(told("MODIFIED", 22, 2), kube::Priority::kUser);
  EXPECT_EQ(told("DELETED", 23, 2), kube::Priority::kUser);
}

TEST_F(KubeClusterTest, AnAutoscalerIsOfTheStoragePoolThatItScales) {
  const auto autoscalers = cluster_.cached_autoscalers({"team", "audit"});
  ASSERT_EQ(autoscalers.size(), 1U);
  EXPECT_EQ(kube::metadata_string(*autoscalers.front(), "name"), "StoragePool");
  EXPECT_TRUE(cluster_.cached_autoscalers({"other", "audit"}).empty());
}

TEST_F(KubeClusterTest, OtherWorkloadsAreThoseThatDeclareWithWhatAnAutoscalerMayAskFor) {
  const auto found = cluster_.cached_workloads();
  ASSERT_EQ(found.size(), 1U);
  EXPECT_EQ(found.front().type.kind, "Deployment");
  EXPECT_EQ(kube::key_of(*found.front().object), (kube::ObjectKey{"team", "audit"}));
  EXPECT_EQ(found.front().max_replicas, 7);
  EXPECT_GT(cluster_.workloads_version(), 0U);
  // Those of StoragePools are in caches of their own.
  std::set<std::string> selectors;
  for (const kube::ApiRequest& request : transport_.requests()) {
    if (request.path == "/apis/apps/v1/statefulsets")
      selectors.insert(kube::parameter(request.query, "labelSelector"));
  }
  EXPECT_EQ(selectors, (std::set<std::string>{"app.kubernetes.io/managed-by=storagepool-operator",
                                              "app.kubernetes.io/managed-by!=storagepool-operator"}));
}

TEST_F(KubeClusterTest, OfNamespacesThatAreNamedEachHasCachesAndNothingElseIsRead) {
  const std::size_t before = transport_.requests().size();
  KubeCluster named(transport_, client_, recorder_, metrics_, {.namespaces = {"ops", "team"}},
                    [](const auto&, kube::Priority) {});
  named.start();
  const auto deadline = std::chrono::steady_clock::now() + 30s;
  while (!named.waiting_for().empty() && std::chrono::steady_clock::now() < deadline)
    std::this_thread::sleep_for(1ms);
  EXPECT_EQ(named.waiting_for(), "");
  std::set<std::string> everywhere;
  std::set<std::string> pods;
  const auto requests = transport_.requests();
  for (std::size_t i = before; i < requests.size(); ++i) {
    const std::string& path = requests[i].path;
    if (path.find("/namespaces/") == std::string::npos) everywhere.insert(path);
    if (path.ends_with("/pods")) pods.insert(path);
  }
  EXPECT_EQ(everywhere, std::set<std::string>{"/api/v1/namespaces"});
  EXPECT_EQ(pods, (std::set<std::string>{"/api/v1/namespaces/ops/pods", "/api/v1/namespaces/team/pods"}));
  const Json object{{"metadata", {{"name", "audit"}, {"namespace", "team"}}}};
  ASSERT_TRUE(named.create(kube::resources::kServices, object));
  EXPECT_TRUE(named.cached(kube::resources::kServices, {"team", "audit"}));
  EXPECT_FALSE(named.cached(kube::resources::kServices, {"ops", "audit"}));
  EXPECT_FALSE(named.cached(kube::resources::kServices, {"other", "audit"}));
  EXPECT_EQ(named.cached_version(kube::resources::kServices, {"other", "audit"}), 0U);
  named.stop();
}

TEST_F(KubeClusterTest, WhatIsNeverReadIsNotKept) {
  ASSERT_TRUE(
      cluster_.create(kube::resources::kSecrets, {{"metadata", {{"name", "audit"}, {"namespace", "team"}}}}));
  EXPECT_EQ(version_of(kube::resources::kSecrets), "none");
}

}  // namespace
}  // namespace storagepool::reconcile
