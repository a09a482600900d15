// Several workers with one Reconciler, as the manager has them.
#include <algorithm>
#include <atomic>
#include <chrono>
#include <functional>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "operator/kube/workqueue.h"
#include "operator/reconcile/status/conditions.h"
#include "operator/reconcile/reconcile.h"
#include "operator/reconcile/testing/fake_cluster.h"
#include "operator/reconcile/testing/reconcile_fixture.h"

namespace storagepool::reconcile {
namespace {

// A FakeCluster for many threads. After each write `judge` looks at it.
class GuardedCluster final : public Cluster, public pods::Pods {
 public:
  explicit GuardedCluster(std::function<void(FakeCluster&)> judge) : judge_(std::move(judge)) {}

  template <typename Use>
  auto with(Use use) const {
    const std::lock_guard lock(mutex_);
    return use(cluster_);
  }
  template <typename Write>
  auto write(Write write) {
    const std::lock_guard lock(mutex_);
    auto result = write(cluster_);
    judge_(cluster_);
    return result;
  }

  std::uint64_t version(const kube::ObjectKey& pool) const override {
    return with([&](FakeCluster& c) { return c.version(pool); });
  }
  kube::ObjectPtr cached(const kube::ResourceType& type, const kube::ObjectKey& key) const override {
    return with([&](FakeCluster& c) { return c.cached(type, key); });
  }
  std::vector<kube::ObjectPtr> cached_storage_pools() const override {
    return with([&](FakeCluster& c) { return c.cached_storage_pools(); });
  }
  std::uint64_t cached_version(const kube::ResourceType& type, const kube::ObjectKey& key) const override {
    return with([&](FakeCluster& c) { return c.cached_version(type, key); });
  }
  std::vector<std::string> cached_names(const kube::ResourceType& type,
                                        const kube::ObjectKey& pool) const override {
    return with([&](FakeCluster& c) { return c.cached_names(type, pool); });
  }
  std::vector<std::string> cached_namespaces() const override {
    return with([&](FakeCluster& c) { return c.cached_namespaces(); });
  }
  std::vector<kube::ObjectPtr> cached_autoscalers(const kube::ObjectKey& pool) const override {
    return with([&](FakeCluster& c) { return c.cached_autoscalers(pool); });
  }
  std::vector<DeclaredWorkload> cached_workloads() const override {
    return with([](FakeCluster& c) { return c.cached_workloads(); });
  }
  std::uint64_t workloads_version() const override {
    return with([](FakeCluster& c) { return c.workloads_version(); });
  }
  Result<PodList> list_pods(const kube::ObjectKey& pool) override {
    return with([&](FakeCluster& c) { return c.list_pods(pool); });
  }
  Result<std::vector<Json>> list_claims(const kube::ObjectKey& pool) override {
    return with([&](FakeCluster& c) { return c.list_claims(pool); });
  }
  Result<std::vector<Json>> list_events(const std::string& name_space, const std::string& kind,
                                        const std::string& uid) override {
    return with([&](FakeCluster& c) { return c.list_events(name_space, kind, uid); });
  }
  Result<void> create_secret(const Json& secret) override {
    return write([&](FakeCluster& c) { return c.create_secret(secret); });
  }
  Result<Json> create(const kube::ResourceType& type, const Json& object) override {
    return write([&](FakeCluster& c) { return c.create(type, object); });
  }
  Result<Json> peek(const kube::ResourceType& type, const kube::ObjectKey& key) override {
    return with([&](FakeCluster& c) { return c.peek(type, key); });
  }
  Result<Json> apply(const kube::ResourceType& type, const Json& object) override {
    return write([&](FakeCluster& c) { return c.apply(type, object); });
  }
  Result<Json> apply_status(const Json& object) override {
    return write([&](FakeCluster& c) { return c.apply_status(object); });
  }
  Result<Json> merge_patch(const kube::ResourceType& type, const kube::ObjectKey& key,
                           const Json& patch) override {
    return write([&](FakeCluster& c) { return c.merge_patch(type, key, patch); });
  }
  Result<void> remove(const kube::ResourceType& type, const kube::ObjectKey& key,
                      const std::string& uid) override {
    return write([&](FakeCluster& c) { return c.remove(type, key, uid); });
  }
  void record(const kube::Event& event) override {
    with([&](FakeCluster& c) { c.record(event); });
  }
  pods::Answer latest(const kube::ObjectKey& pool, const pods::PodRun& run) const override {
    return with([&](FakeCluster& c) { return c.latest(pool, run); });
  }
  void follow(const kube::ObjectKey& pool, const pods::WantedPods& wanted) override {
    with([&](FakeCluster& c) { c.follow(pool, wanted); });
  }

 private:
  std::function<void(FakeCluster&)> judge_;
  mutable std::mutex mutex_;
  mutable FakeCluster cluster_;
};

constexpr std::int64_t kUsable = 27;
const std::vector<std::string> kNames{"a", "b", "c", "d", "e"};

// What the pods of all StoragePools may hold together, by the numbers in their objects.
std::int64_t claimed(FakeCluster& cluster) {
  std::int64_t sum = 0;
  for (const std::string& name : kNames) {
    if (!cluster.has("ConfigMap", name + "-config") || !cluster.has("StatefulSet", name)) continue;
    const auto number = [&](const Json& object, std::string_view annotation) {
      return std::stoll(kube::annotation(object, annotation));
    };
    sum += number(cluster.get("ConfigMap", name + "-config"), render::kCeilingAnnotation) *
           number(cluster.get("StatefulSet", name), render::kPeakPodsAnnotation);
  }
  return sum;
}

Json storage_pool_named(const std::string& name, int replicas) {
  return {{"apiVersion", "storagepool.dev/v1alpha1"},
          {"kind", "StoragePool"},
          {"metadata", {{"name", name}, {"namespace", "team"}}},
          {"spec",
           {{"replicas", replicas},
            {"postgres", {{"host", "db"}, {"database", name}, {"credentialsSecretRef", {{"name", name}}}}}}}};
}

TEST(Workers, ShareOneServerAndNeverClaimMoreThanItGives) {
  std::int64_t most = 0;
  GuardedCluster cluster([&](FakeCluster& seen) { most = std::max(most, claimed(seen)); });
  cluster.with([](FakeCluster& c) {
    settings::ServerFacts facts;
    facts.system_identifier = "7";
    facts.max_connections = 40;
    facts.superuser_reserved_connections = 3;
    c.new_pods_say.reachable = true;
    c.new_pods_say.facts = facts;
    c.asked = runtime::TimePoint::max();
    for (const std::string& name : kNames) c.put(storage_pool_named(name, 2));
  });
  Reconciler reconciler(cluster, cluster,
                        {.default_image = "img:1",
                         .operator_key = "k4.public.of-the-test",
                         .token_issuer = [] { return KnownIssuer{}; },
                         .resync = 10s});
  runtime::Metrics metrics;
  kube::WorkQueue queue(metrics, "storagepool");
  std::atomic<int> looks{0};
  // Each round wants other sizes of all, while the workers are at it.
  constexpr int kRounds = 6;
  constexpr int kLooksOfARound = 60;
  const auto await = [&](int count) {
    const auto deadline = std::chrono::steady_clock::now() + 120s;
    while (looks < count && std::chrono::steady_clock::now() < deadline) std::this_thread::sleep_for(1ms);
    EXPECT_GE(looks, count);
  };
  {
    std::vector<std::jthread> workers;
    for (int i = 0; i < 4; ++i) {
      workers.emplace_back([&] {
        while (const auto key = queue.get()) {
          const int look = looks++;
          // Time goes on by itself: what waits for it is not held up.
          const Moment now{.steady = runtime::TimePoint(1h) + 1s * look,
                           .wall = runtime::Timestamp(1'790'000'000s) + 1s * look};
          const auto outcome = reconciler.reconcile(*key, now);
          cluster.with([&](FakeCluster& c) {
            if (c.has("StatefulSet", key->name)) c.run_controller(key->name);
          });
          if (look < kRounds * kLooksOfARound) queue.add(*key, kube::Priority::kChange);
          queue.done(*key);
          if (outcome || outcome.error().is_conflict()) continue;
          ADD_FAILURE() << outcome.error().to_string();
        }
      });
    }
    for (const std::string& name : kNames) queue.add({"team", name}, kube::Priority::kUser);
    for (int round = 0; round < kRounds; ++round) {
      await(round * kLooksOfARound);
      cluster.with([&](FakeCluster& c) {
        for (std::size_t i = 0; i < kNames.size(); ++i) {
          Json object = c.get("StoragePool", kNames[i]);
          object["spec"]["replicas"] = 1 + (static_cast<int>(i) + round) % 3;
          object["spec"]["pool"]["maxOpenConns"] = 2 + (static_cast<int>(i) + 2 * round) % 7;
          c.put(object);
        }
      });
    }
    await(kRounds * kLooksOfARound);
    queue.shut_down();
  }
  EXPECT_LE(most, kUsable);
  EXPECT_GE(most, kUsable / 2) << "they came to use it";
}

}  // namespace
}  // namespace storagepool::reconcile
