// What a look at a StoragePool costs where nothing is to be done: of 200 with 3 pods each, whose objects are
// in the caches as the API server lists them, packed. Whole looks are those at what is not settled, and those
// after a pod has said something new.
#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <utility>

#include <benchmark/benchmark.h>

#include "operator/kube/events.h"
#include "operator/kube/testing/fake_transport.h"
#include "operator/reconcile/cluster/kube_cluster.h"
#include "operator/reconcile/reconcile.h"
#include "operator/reconcile/testing/fake_cluster.h"

namespace storagepool::reconcile {
namespace {

using namespace std::chrono_literals;

constexpr int kStoragePools = 200;
constexpr int kPods = 3;
const Moment kNow{.steady = runtime::TimePoint(1h), .wall = runtime::Timestamp(1'790'000'000s)};

Options options() {
  return {.default_image = "example.invalid/datastorage:1",
          .operator_key = "k4.public.of-the-benchmark",
          .token_issuer = [] { return KnownIssuer(); }};
}

// Pods that say the same whenever they are asked.
class Answers final : public pods::Pods {
 public:
  std::map<kube::ObjectKey, std::map<std::string, pods::Answer>> said;  // by the pods' uids
  std::uint64_t news = 1;

  pods::Answer latest(const kube::ObjectKey& storage_pool, const pods::PodRun& run) const override {
    return said.at(storage_pool).at(run.uid);
  }
  std::uint64_t version(const kube::ObjectKey&) const override { return news; }
  void follow(const kube::ObjectKey&, const pods::WantedPods&) override {}
};

// An API server with all of them, Ready; it takes no write.
class Fleet {
 public:
  Fleet() {
    for (int i = 0; i < kStoragePools; ++i)
      make({"team-" + std::to_string(i % 20), "audit-" + std::to_string(i)});
    cluster_.start();
    while (!cluster_.waiting_for().empty()) std::this_thread::sleep_for(1ms);
  }
  ~Fleet() { cluster_.stop(); }

  Cluster& cluster() { return cluster_; }
  Answers& answers() { return answers_; }
  const std::vector<kube::ObjectKey>& keys() const { return keys_; }
  int writes() const { return writes_; }

 private:
  void make(const kube::ObjectKey& key) {
    FakeCluster one;
    one.new_pods_say.reachable = true;
    one.new_pods_say.facts.emplace().max_connections = 100;
    one.put({{"apiVersion", "storagepool.dev/v1alpha1"},
             {"kind", "StoragePool"},
             {"metadata", {{"name", key.name}, {"namespace", key.name_space}, {"uid", "uid-of-" + key.name}}},
             {"spec",
              {{"replicas", kPods},
               {"auth", {{"mode", "None"}}},
               {"postgres",
                {{"host", "db." + key.name},
                 {"database", "audit"},
                 {"credentialsSecretRef", {{"name", "creds"}}}}}}}});
    Reconciler reconciler(one, one, options());
    for (int i = 0; i < 10; ++i) {
      static_cast<void>(reconciler.reconcile(key, kNow));
      if (one.has("StatefulSet", key.name)) one.run_controller(key.name);
    }
    keys_.push_back(key);
    for (auto& [id, object] : one.objects) {
      object["metadata"]["namespace"] = key.name_space;
      if (id.first == "Pod") {
        const std::string uid = object["metadata"]["uid"];
        answers_.said[key][uid] =
            one.latest(key, {.uid = uid, .ip = object["status"]["podIP"].get<std::string>(), .restarts = 0});
      }
      items_[id.first].push_back(std::move(object));
    }
  }
  tl::expected<std::string, kube::ApiError> answer(const kube::ApiRequest& request) {
    if (request.method != kube::Method::kGet) {
      ++writes_;
      return tl::unexpected(kube::ApiError{.status = 503});
    }
    Json items = Json::array();
    for (const auto& [kind, objects] : items_) {
      std::string plural = kind + "s";
      std::transform(plural.begin(), plural.end(), plural.begin(), ::tolower);
      if (request.path.ends_with("/" + plural)) items = objects;
    }
    return Json{{"metadata", {{"resourceVersion", "1000000"}}}, {"items", std::move(items)}}.dump();
  }
  tl::expected<void, kube::ApiError> stream(std::stop_token stop) {
    std::mutex mutex;
    std::unique_lock lock(mutex);
    std::condition_variable_any stopped;
    stopped.wait(lock, stop, [] { return false; });
    return tl::unexpected(kube::ApiError{.reason = std::string(kube::kReasonCancelled)});
  }

  Answers answers_;
  std::vector<kube::ObjectKey> keys_;
  std::map<std::string, std::vector<Json>> items_;  // by kind
  int writes_ = 0;
  kube::FakeTransport transport_{[this](const kube::ApiRequest& request) { return answer(request); },
                                 [this](const kube::StreamRequest&, const kube::LineHandler&,
                                        std::stop_token stop) { return stream(stop); }};
  kube::Client client_{transport_, "benchmark"};
  kube::EventRecorder recorder_{client_, "benchmark", "benchmark"};
  runtime::Metrics metrics_;
  KubeCluster cluster_{transport_, client_, recorder_, metrics_, {}, [](const auto&, auto) {}};
};

Fleet& fleet() {
  static Fleet fleet;
  return fleet;
}

// One look for each iteration, at one StoragePool after the other.
template <typename Before>
void look(benchmark::State& state, Reconciler& reconciler, Before before) {
  std::size_t next = 0;
  int failed = 0;
  int settled = 0;
  for (auto _ : state) {
    before();
    const auto outcome = reconciler.reconcile(fleet().keys()[next++ % kStoragePools], kNow);
    failed += !outcome;
    settled += outcome && outcome->settled;
  }
  state.counters["settled"] = settled;
  if (failed > 0 || fleet().writes() > 0) state.SkipWithError("there was something to be done");
}

void look_at_all(Reconciler& reconciler) {
  for (const kube::ObjectKey& key : fleet().keys()) static_cast<void>(reconciler.reconcile(key, kNow));
}

void BM_SettledLook(benchmark::State& state) {
  Reconciler reconciler(fleet().cluster(), fleet().answers(), options());
  look_at_all(reconciler);
  look(state, reconciler, [] {});
}
BENCHMARK(BM_SettledLook);

void BM_WholeLook(benchmark::State& state) {
  Reconciler reconciler(fleet().cluster(), fleet().answers(), options());
  look_at_all(reconciler);
  look(state, reconciler, [] { ++fleet().answers().news; });
}
BENCHMARK(BM_WholeLook);

// All of them, by an operator that was started anew.
void BM_FirstLooks(benchmark::State& state) {
  for (auto _ : state) {
    Reconciler reconciler(fleet().cluster(), fleet().answers(), options());
    look_at_all(reconciler);
  }
  if (fleet().writes() > 0) state.SkipWithError("there was something to be done");
  state.SetItemsProcessed(state.iterations() * kStoragePools);
}
BENCHMARK(BM_FirstLooks)->Unit(benchmark::kMillisecond);

}  // namespace
}  // namespace storagepool::reconcile
