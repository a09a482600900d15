#include "e2e/peers/operator/world/world.h"

#include <atomic>
#include <cstdio>
#include <fstream>
#include <stdexcept>
#include <thread>
#include <utility>

#include "e2e/peers/operator/world/children.h"
#include "operator/kube/object.h"
#include "operator/manager/testing/scrape.h"
#include "operator/reconcile/status/conditions.h"
#include "operator/reconcile/status/status.h"
#include "operator/render/render.h"
#include "pool/common/json/json.h"

namespace storagepool::peers {
namespace {

using namespace std::chrono_literals;
using kube::Json;
using manager::testing::AdminPorts;
using manager::testing::Conduct;
using manager::testing::ControlPlane;
using manager::testing::Process;
namespace resources = kube::resources;

constexpr std::uint16_t kHealthPort = 18081;
constexpr std::uint16_t kMetricsPort = 18082;
constexpr int kClients = 6;
constexpr auto kActedOnLimit = 120s;
constexpr auto kStill = 3s;
constexpr std::int64_t kOfItself = 12;  // what a control plane writes in that time, Leases above all

const kube::ResourceType kChildren[] = {resources::kServiceAccounts, resources::kConfigMaps,
                                        resources::kServices, resources::kStatefulSets,
                                        resources::kPodDisruptionBudgets};

kube::ObjectKey key_of(int number) {
  return {kNameSpace, name_of(number)};
}

}  // namespace

void say(const std::string& text) {
  static const auto kStart = Clock::now();
  std::fprintf(stderr, "%7.1f s  %s\n", std::chrono::duration<double>(Clock::now() - kStart).count(),
               text.c_str());
}

World::World(const Options& options)
    : options_(options), proxy_(ControlPlane::kPort), admin_ports_(render::kAdminPort) {
  control_plane_.define_storage_pools();
  others_children_ = 0;
  others_children_ = children();
  for (int number = 0; number < options_.storage_pools; ++number) {
    for (int ordinal = 0; ordinal < options_.pods; ++ordinal) {
      if (conduct_of(number, ordinal) == Conduct::kAnswers)
        admin_ports_.add(address_of(number, ordinal), manager::testing::facts_of(host_of(number), number));
    }
  }
  if (options_.told_children)
    std::ofstream(control_plane_.file("children.json")) << children_of_ours(control_plane_.transport());
  storage_pools_.emplace(
      control_plane_.transport(), kube::InformerOptions{.type = resources::kStoragePools},
      kube::InformerHandlers{
          .on_upsert = [this](const kube::ObjectPtr&, const kube::ObjectPtr& object) { take(*object); },
          .on_delete = {}},
      1);
  storage_pools_->start();
}

void World::start_operator(bool wait) {
  std::vector<std::string> command = options_.program;
  const std::string kubeconfig = control_plane_.kubeconfig_by(proxy_.port());
  for (const std::string& flag : {"--kubeconfig=" + kubeconfig, std::string("--namespace=") + kNameSpace,
                                  "--health-probe-bind-address=127.0.0.1:" + std::to_string(kHealthPort),
                                  "--metrics-bind-address=127.0.0.1:" + std::to_string(kMetricsPort),
                                  "--max-concurrent-reconciles=" + std::to_string(options_.workers)}) {
    command.push_back(flag);
  }
  if (options_.told_children) command.push_back("--children=" + control_plane_.file("children.json"));
  operator_ = std::make_unique<Process>(command, control_plane_.file("operator.log"));
  if (wait)
    wait_for(
        "the operator is ready", [this] { return operator_ready(); }, 5ms);
}

void World::stop_operator() {
  operator_.reset();
}

bool World::operator_ready() const {
  return manager::testing::fetch(kHealthPort, "/readyz").find("200 OK") != std::string::npos;
}

std::int64_t World::looks() const {
  return static_cast<std::int64_t>(manager::testing::sum_of(manager::testing::fetch(kMetricsPort, "/metrics"),
                                                            "controller_runtime_reconcile_total"));
}

bool World::has_looked_at_all() const {
  const std::string metrics = manager::testing::fetch(kMetricsPort, "/metrics");
  return manager::testing::sum_of(metrics, "controller_runtime_reconcile_total") >= options_.storage_pools &&
         manager::testing::sum_of(metrics, "workqueue_depth") == 0;
}

std::string World::metrics_of_api_server() const {
  auto text = control_plane_.transport().request({.path = "/metrics", .accept = "*/*"});
  if (!text) throw std::runtime_error("the API server's metrics: " + text.error().to_string());
  return std::move(*text);
}

Reading World::read() const {
  return {.at = Clock::now(),
          .cpu_seconds = operator_ ? cpu_seconds_of(operator_->pid()) : 0,
          .bytes = proxy_.bytes(),
          .looks = operator_ ? looks() : 0,
          .writes = writes_in(metrics_of_api_server())};
}

Json World::since(const Reading& before, int patches) const {
  return figures(before, read(), memory_of(operator_->pid()), patches);
}

void World::begin_scenario() const {
  forget_peak(operator_->pid());
}

void World::make_storage_pools(int first, int last, const std::function<void()>& half) {
  std::atomic<int> next{first};
  std::atomic<int> failed{0};
  {
    std::vector<std::jthread> clients;
    for (int i = 0; i < kClients; ++i) {
      clients.emplace_back([&] {
        for (int number = next++; number < last; number = next++) {
          if (half && number == (first + last) / 2) half();
          const auto made = control_plane_.client().create(resources::kStoragePools,
                                                           storage_pool(number, options_.pods, 10));
          failed += !made;
        }
      });
    }
  }
  if (failed > 0) throw std::runtime_error(std::to_string(failed) + " StoragePools could not be made");
}

void World::start_pods() {
  stateful_sets_.emplace(
      control_plane_.transport(), control_plane_.client(),
      [this](const kube::ObjectKey& key, std::int64_t ordinal) {
        return address_of(std::stoi(key.name.substr(1)), ordinal);
      },
      kClients);
}

bool World::has_silent_pod(int number) const {
  if (options_.silent == 0) return false;
  const int stride = options_.storage_pools / options_.silent;
  return number % stride == stride - 1 && number / stride < options_.silent;
}

Conduct World::conduct_of(int number, std::int64_t ordinal) const {
  constexpr Conduct kSilent[] = {Conduct::kAccepts, Conduct::kDrops, Conduct::kDrops, Conduct::kResets};
  if (ordinal != options_.pods - 1 || !has_silent_pod(number)) return Conduct::kAnswers;
  return kSilent[number / (options_.storage_pools / options_.silent) % 4];
}

std::string World::address_of(int number, std::int64_t ordinal) const {
  return AdminPorts::address(conduct_of(number, ordinal), number * options_.pods + static_cast<int>(ordinal));
}

// One object of each kind is asked for; the API server says how many more there are.
std::int64_t World::children() const {
  std::int64_t count = -others_children_;
  for (const kube::ResourceType& type : kChildren) {
    const auto page = control_plane_.transport().request(
        {.path = kube::collection_path(type, kNameSpace), .query = {{"limit", "1"}}});
    if (!page) throw std::runtime_error(std::string(type.plural) + ": " + page.error().to_string());
    const Json list = Json::parse(*page);
    count += static_cast<std::int64_t>(list.at("items").size()) +
             json::integer_at(list, "/metadata/remainingItemCount", 0);
  }
  return count;
}

void World::take(const Json& object) {
  const reconcile::Status status = reconcile::parse_status(json::member(object, "status"));
  const bool current = status.observed_generation == kube::generation(object);
  const Seen now{
      .status = current && reconcile::find_condition(status, reconcile::kReady) != nullptr,
      .ready = current && reconcile::has_condition(status, reconcile::kReady, reconcile::Truth::kTrue)};
  const std::lock_guard lock(mutex_);
  Seen& seen = seen_[kube::key_of(object).name];
  with_status_ += now.status - seen.status;
  ready_ += now.ready - seen.ready;
  seen = now;
}

int World::with_status() const {
  const std::lock_guard lock(mutex_);
  return with_status_;
}

int World::ready() const {
  const std::lock_guard lock(mutex_);
  return ready_;
}

void World::patch(int number, const Json& patch) const {
  const auto done = control_plane_.client().merge_patch(resources::kStoragePools, key_of(number), patch);
  if (!done) throw std::runtime_error("a user's change: " + done.error().to_string());
}

Clock::duration World::change_service(int number, const std::string& value) {
  constexpr const char* kAnnotation = "example.com/change";
  const auto start = Clock::now();
  patch(number, {{"spec", {{"service", {{"annotations", {{kAnnotation, value}}}}}}}});
  while (Clock::now() - start < kActedOnLimit) {
    const auto service = control_plane_.client().get(resources::kServices, key_of(number));
    if (service && json::text_of(json::at(*service, "/metadata/annotations/example.com~1change")) == value)
      break;
    std::this_thread::sleep_for(5ms);
  }
  return Clock::now() - start;
}

Clock::duration World::change_limit(int number, std::int64_t limit) {
  const auto start = Clock::now();
  patch(number, {{"spec", {{"pool", {{"maxOpenConns", limit}}}}}});
  const auto in_force = [&] {
    for (int ordinal = 0; ordinal < options_.pods; ++ordinal) {
      if (admin_ports_.report(address_of(number, ordinal)).settings.max_open_conns != limit) return false;
    }
    return true;
  };
  while (!in_force() && Clock::now() - start < kActedOnLimit) std::this_thread::sleep_for(1ms);
  return Clock::now() - start;
}

void World::wait_for(const std::string& what, const std::function<bool()>& condition,
                     std::chrono::milliseconds pause) const {
  const auto deadline = Clock::now() + options_.limit;
  auto told = Clock::now();
  while (!condition()) {
    const bool over = operator_ && !operator_->running();
    if (over || Clock::now() > deadline) {
      throw std::runtime_error((over ? "the operator has ended before " : "it took too long until ") + what +
                               ":\n" + manager::testing::tail_of(control_plane_.file("operator.log")));
    }
    if (Clock::now() - told > 10s) {
      told = Clock::now();
      say("waiting until " + what + ": " + std::to_string(with_status()) + " statuses, " +
          std::to_string(ready()) + " Ready, " + std::to_string(pods_made()) + " pods");
    }
    std::this_thread::sleep_for(pause);
  }
}

std::int64_t World::resource_version() const {
  const auto list = control_plane_.client().list(resources::kNamespaces);
  if (!list) throw std::runtime_error("namespaces: " + list.error().to_string());
  return std::stoll(list->resource_version);
}

void World::wait_for_rest() const {
  wait_for(
      "nothing is written",
      [this] {
        const std::int64_t before = resource_version();
        std::this_thread::sleep_for(kStill);
        return resource_version() - before <= kOfItself;
      },
      0ms);
}

}  // namespace storagepool::peers
