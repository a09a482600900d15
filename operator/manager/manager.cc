#include "operator/manager/manager.h"

#include <atomic>
#include <chrono>
#include <cstdlib>
#include <memory>
#include <mutex>
#include <thread>
#include <utility>

#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>

#include "operator/kube/events.h"
#include "operator/kube/object.h"
#include "operator/kube/transport/cpprest_transport.h"
#include "operator/manager/controller.h"
#include "operator/manager/health.h"
#include "operator/manager/issuer_watch.h"
#include "operator/manager/leadership.h"
#include "operator/manager/operator_key.h"
#include "operator/manager/page/page.h"
#include "operator/manager/workload_metrics.h"
#include "operator/pods/live_pods.h"
#include "operator/reconcile/cluster/kube_cluster.h"
#include "operator/reconcile/view/pod_state.h"
#include "operator/reconcile/reconcile.h"
#include "operator/render/render.h"
#include "operator/witness/live_witness.h"
#include "pool/common/http/router.h"
#include "pool/common/http/server.h"
#include "pool/common/runtime/check.h"
#include "pool/common/runtime/clock.h"
#include "pool/common/runtime/loop/coroutine.h"
#include "pool/common/runtime/log.h"
#include "pool/common/runtime/metrics/metrics.h"
#include "pool/common/runtime/loop/pause.h"
#include "pool/common/runtime/startup_code.h"
#include "pool/common/runtime/loop/stop_signal.h"
#include "pool/common/tlog/note_key.h"

namespace storagepool::manager {
namespace {

using namespace std::chrono_literals;
using boost::asio::awaitable;
using http::Request;
using http::Response;

constexpr auto kKeyRetry = 1s;
constexpr auto kSyncPoll = 20ms;
// So long the first ConfigMap waits for who signs the tokens of service accounts.
constexpr auto kIssuerPatience = 3s;
constexpr auto kDrainDeadline = 2s;

// Why the operator is not ready; empty: it is. Written by the worker, read by the health port.
class Readiness {
 public:
  void set(std::string reason) {
    const std::lock_guard lock(mutex_);
    reason_ = std::move(reason);
  }
  std::string reason() const {
    const std::lock_guard lock(mutex_);
    return reason_;
  }

 private:
  mutable std::mutex mutex_;
  std::string reason_ = "starting";
};

// What the pods have said, for the page, while there is somebody who asks them.
class Heard {
 public:
  std::optional<Answers> of(const kube::ObjectKey& storage_pool) const {
    const std::lock_guard lock(mutex_);
    return source_ ? source_(storage_pool) : std::nullopt;
  }
  void from(AnswersOf source) {
    const std::lock_guard lock(mutex_);
    source_ = std::move(source);
  }

 private:
  mutable std::mutex mutex_;
  AnswersOf source_;
};

Answers answers_of(const kube::ObjectKey& storage_pool, const reconcile::KubeCluster& cluster,
                   const pods::Pods& pods) {
  std::vector<reconcile::PodState> states;
  for (const std::string& name : cluster.cached_names(kube::resources::kPods, storage_pool)) {
    const kube::ObjectPtr object = cluster.cached(kube::resources::kPods, {storage_pool.name_space, name});
    auto view = object ? reconcile::read_pod(*object, storage_pool.name) : std::nullopt;
    if (view) states.push_back({.view = std::move(*view)});
  }
  Answers answers;
  for (const reconcile::PodState& state : states)
    answers[state.view.name] = pods.latest(storage_pool, reconcile::run_of(state.view, states));
  return answers;
}

Response answer(unsigned status, const kube::Json& body) {
  Response response;
  response.status = status;
  response.body = body.dump(-1, ' ', false, kube::Json::error_handler_t::replace);
  return response;
}

awaitable<Response> healthz(Request&) {
  co_return liveness(runtime::steady_now());
}

awaitable<Response> readyz(const Readiness& readiness) {
  const std::string reason = readiness.reason();
  if (reason.empty()) co_return answer(200, {{"status", "ready"}});
  co_return answer(503, {{"status", "not ready"}, {"reasons", {reason}}});
}

awaitable<Response> metrics_page(runtime::Metrics& metrics) {
  Response response;
  response.content_type = runtime::Metrics::kContentType;
  response.body = metrics.serialize();
  co_return response;
}

awaitable<void> drain(const std::vector<std::unique_ptr<http::Server>>& servers,
                      boost::asio::io_context& context) {
  const auto deadline = runtime::steady_now() + kDrainDeadline;
  for (const auto& server : servers) co_await server->drain(deadline);
  context.stop();
}

// What runs beside the event loop: everything that blocks.
class Work {
 public:
  Work(const Options& options, const kube::ClientConfig& config, kube::Transport& transport,
       Leadership& leadership, runtime::Metrics& metrics, Readiness& readiness, Heard& heard)
      : options_(options),
        config_(config),
        name_space_(name_space_of(options, config)),
        transport_(transport),
        leadership_(leadership),
        fence_(transport, [this] { return leadership_.leads_until(); }),
        metrics_(metrics),
        readiness_(readiness),
        heard_(heard),
        queue_(metrics, "storagepool") {}

  // False: something is wrong that waiting does not cure.
  bool run(const std::stop_token& stop) {
    const std::stop_callback shut_down(stop, [this] { queue_.shut_down(); });
    if (!wait_for_place(stop)) return true;
    const kube::Client client(fence_, kFieldManager);
    const auto key = load_key(client, kOperatorKeySecret, stop);
    if (!key) return stop.stop_requested();
    const pods::Signer signer(*key);
    kube::EventRecorder recorder(client, "storagepool.dev/operator", kFieldManager);
    reconcile::KubeCluster cluster(
        fence_, client, recorder, metrics_,
        {.namespaces = options_.watch_namespaces, .other_workloads = options_.other_workloads},
        [this](const kube::ObjectKey& pool, kube::Priority priority) { queue_.add(pool, priority); });
    cluster.start();
    IssuerWatch issuer(
        transport_, [this] { return own_token(); }, [&] { wake_all(cluster); });
    if (!wait_for_caches(cluster, stop)) return true;
    std::optional<witness::LiveWitness> witness;
    if (auto of_witness = witness_key(client, stop)) {
      witness.emplace(witness::LiveWitness::Parts{
          .client = client,
          .name_space = name_space_,
          .key = *std::move(of_witness),
          .metrics = metrics_,
          .storage_pool =
              [&cluster](const kube::ObjectKey& pool) {
                return cluster.cached(kube::resources::kStoragePools, pool);
              },
          .record = [&recorder](const kube::Event& event) { recorder.record(event); },
          .watched = options_.watch_namespaces});
      if (!load_floors(*witness, stop)) return true;
    }
    if (!issuer.wait(kIssuerPatience, stop)) log::warn("going on without the keys of service-account tokens");
    log::info("caches are filled, reconciling");
    runtime::release_startup_code();
    readiness_.set("");
    if (witness) witness->start();
    pods::LivePods pods(
        render::kAdminPort, signer, metrics_,
        [this](const kube::ObjectKey& pool) { queue_.add(pool, kube::Priority::kChange); },
        witness ? visits_of(*witness) : pods::LivePods::Visit());
    WorkloadMetrics workload_metrics(metrics_);
    reconcile::Reconciler reconciler(
        cluster, pods,
        {.default_image = options_.default_image,
         .operator_key = signer.public_key(),
         .token_issuer = [&issuer] { return issuer.current(); },
         .resync = options_.resync,
         .wake = [this](const kube::ObjectKey& pool) { queue_.add(pool, kube::Priority::kChange); },
         .tell_workloads = [&](const auto& workloads) { workload_metrics.publish(workloads); }});
    heard_.from([&](const kube::ObjectKey& pool) { return answers_of(pool, cluster, pods); });
    Controller(queue_, reconciler, metrics_).run(options_.max_concurrent_reconciles);
    heard_.from({});
    readiness_.set("stopping");
    return true;
  }

 private:
  // An operator that waits for another's end is as it should be.
  bool wait_for_place(const std::stop_token& stop) {
    const kube::Client client(transport_, kFieldManager);
    kube::EventRecorder recorder(client, "storagepool.dev/operator", kFieldManager);
    return leadership_.wait(stop, [&](const Hindrance& hindrance) {
      const bool is_next = hindrance.trouble.empty() && !hindrance.holder.empty();
      readiness_.set(is_next || !hindrance.trouble.empty() ? hindrance.trouble : "waiting for the Lease");
      if (is_next) log::info("another operator leads, waiting for its place", {{"holder", hindrance.holder}});
      if (hindrance.owner.empty()) return;
      recorder.record({.regarding = {{"apiVersion", kube::resources::kLeases.api_version()},
                                     {"kind", kube::resources::kLeases.kind},
                                     {"namespace", name_space_},
                                     {"name", kLease}},
                       .type = kube::EventType::kWarning,
                       .reason = "OtherInstallation",
                       .action = "Lead",
                       .note = hindrance.trouble});
    });
  }

  static pods::LivePods::Visit visits_of(witness::LiveWitness& witness) {
    return [&witness](pods::Client& pod, kube::ObjectKey pool, pods::Answer& answer) {
      return witness.visit(pod, std::move(pool), answer);
    };
  }

  // Without one everything else goes on. Its name says whose it is; its verifier key is told in the log, and
  // beside what it has cosigned.
  std::optional<tlog::NoteKey> witness_key(const kube::Client& client, const std::stop_token& stop) {
    const auto seed = load_key(client, kWitnessKeySecret, stop);
    if (!seed) return std::nullopt;
    auto key =
        tlog::NoteKey::of_seed(tlog::KeyKind::kWitness, "storagepool.dev/witness/" + name_space_, *seed);
    STORAGEPOOL_INVARIANT(key, "no key of a witness can be made", {"characters", name_space_.size()});
    log::info("checkpoints of logs are cosigned", {{"vkey", key->public_text()}});
    return std::move(*key);
  }

  bool load_floors(witness::LiveWitness& witness, const std::stop_token& stop) {
    for (auto loaded = witness.load(); !loaded; loaded = witness.load()) {
      readiness_.set("what is kept of logs: " + loaded.error().to_string());
      if (!runtime::pause_for(kKeyRetry, stop)) return false;
    }
    return true;
  }

  std::optional<std::string> load_key(const kube::Client& client, const std::string& secret,
                                      const std::stop_token& stop) {
    bool warned = false;
    while (!stop.stop_requested()) {
      auto key = load_or_create_key(client, name_space_, secret);
      if (key) return std::move(*key);
      readiness_.set("the key of the Secret " + secret + ": " + key.error().to_string());
      if (key.error().is_invalid() || (key.error().status == 403 && secret == kWitnessKeySecret)) {
        log::error("a key of the operator is unusable", {{"detail", key.error().to_string()}});
        return std::nullopt;
      }
      if (!std::exchange(warned, true)) {
        log::warn("cannot load a key of the operator, trying again",
                  {{"namespace", name_space_}, {"secret", secret}, {"detail", key.error().to_string()}});
      }
      if (!runtime::pause_for(kKeyRetry, stop)) break;
    }
    return std::nullopt;
  }

  void wake_all(const reconcile::KubeCluster& cluster) {
    for (const kube::ObjectPtr& object : cluster.cached_storage_pools()) {
      queue_.add(kube::key_of(*object), kube::Priority::kChange);
    }
  }

  bool wait_for_caches(const reconcile::KubeCluster& cluster, const std::stop_token& stop) {
    for (std::string kinds = cluster.waiting_for(); !kinds.empty(); kinds = cluster.waiting_for()) {
      readiness_.set("waiting for the first list of " + kinds);
      if (!runtime::pause_for(kSyncPoll, stop)) return false;
    }
    return true;
  }

  // A token that the API server has issued, if that is how the operator logs in.
  std::string own_token() const {
    if (config_.token_file.empty()) return config_.token;
    return kube::read_config_file(config_.token_file).value_or("");
  }

  const Options& options_;
  const kube::ClientConfig& config_;
  std::string name_space_;
  kube::Transport& transport_;
  Leadership& leadership_;
  Fence fence_;
  runtime::Metrics& metrics_;
  Readiness& readiness_;
  Heard& heard_;
  kube::WorkQueue queue_;
};

}  // namespace

int run(const Options& options) {
  const auto config = kube::load_config(options.kubeconfig);
  if (!config) {
    log::error("no way to the Kubernetes API", {{"detail", config.error()}});
    return 2;
  }
  boost::asio::io_context context(1);
  std::jthread worker;
  runtime::Metrics metrics;
  Readiness readiness;
  Heard heard;
  std::optional<Page> page;
  std::vector<std::unique_ptr<http::Server>> servers;
  // Before any other thread is there, so that all of them leave the signals to it.
  runtime::StopSignal stop_signal(context.get_executor(), [&](int signal) {
    log::info("stopping", {{"signal", signal}});
    worker.request_stop();
    runtime::spawn(context.get_executor(), "drain", drain(servers, context));
  });
  kube::initialize_http_threads();
  const auto transport = kube::make_transport(*config, &metrics);
  const auto of_lease = kube::make_transport(*config, &metrics);
  if (!transport || !of_lease) {
    log::error("no way to the Kubernetes API",
               {{"detail", transport ? of_lease.error() : transport.error()}});
    return 2;
  }

  http::Router health_routes;
  health_routes.add("GET", "/healthz", healthz);
  health_routes.add("GET", "/readyz", [&](const Request&) { return readyz(readiness); });
  http::Router metrics_routes;
  metrics_routes.add("GET", "/metrics", [&](const Request&) { return metrics_page(metrics); });
  http::Router page_routes;
  const auto listen = [&](const char* what, const http::Router& routes, const std::optional<Address>& at) {
    if (!at) return true;
    const http::Limits limits{.body_bytes = 1024, .max_connections = 64};
    servers.push_back(std::make_unique<http::Server>(context.get_executor(), limits, routes.handler()));
    const auto bound = servers.back()->listen(at->host, at->port);
    if (bound) log::info("listening", {{"for", what}, {"port", *bound}, {"version", STORAGEPOOL_VERSION}});
    if (!bound) log::error("cannot listen", {{"for", what}, {"detail", bound.error()}});
    return bound.has_value();
  };
  if (!listen("health", health_routes, options.health)) return 1;
  if (!listen("metrics", metrics_routes, options.metrics)) return 1;
  if (options.page) {
    page.emplace([&](const auto& who, const auto& stop) { return storage_pools_as(who, *config, stop); },
                 [&](const kube::ObjectKey& pool) { return heard.of(pool); });
    page->add_routes(page_routes);
    if (!listen("page", page_routes, options.page)) return 1;
  }

  std::atomic<bool> well = true;
  // Who has lost its place ends at once: its threads may wait for the API server for long, and what they
  // would write then is another's.
  Leadership leadership(
      **of_lease, metrics, name_space_of(options, *config), leader_identity(options.pod_name),
      [] { std::_Exit(1); }, options.watch_namespaces);
  worker = std::jthread([&](const std::stop_token& stop) {
    Work work(options, *config, **transport, leadership, metrics, readiness, heard);
    if (work.run(stop)) return;
    well = false;
    boost::asio::post(context, [&] { context.stop(); });
  });
  context.run();
  worker.request_stop();
  worker.join();
  log::info("stopped");
  return well ? 0 : 1;
}

}  // namespace storagepool::manager
