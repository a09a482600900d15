#include "operator/manager/faulty_api/world.h"

#include <algorithm>
#include <functional>
#include <utility>

#include <gtest/gtest.h>

#include "operator/kube/object.h"
#include "operator/reconcile/view/view.h"
#include "operator/render/render.h"
#include "pool/common/json/json.h"

namespace storagepool::manager::faulty_api {
namespace {

using namespace std::chrono_literals;
using kube::Json;
using kube::ObjectKey;
using testing::Conduct;

constexpr std::size_t kStatefulSets = 0;
constexpr std::size_t kPods = 1;
constexpr std::size_t kClaims = 2;
constexpr std::size_t kStoragePools = 3;
const kube::ResourceType kKinds[] = {kube::resources::kStatefulSets, kube::resources::kPods,
                                     kube::resources::kPersistentVolumeClaims,
                                     kube::resources::kStoragePools};
// So long a pod that has ended is still to be seen.
constexpr auto kSeenEnded = 1s;
constexpr const char* kRevision = "controller-revision-hash";

std::string revision_of(const Json& set) {
  return std::to_string(std::hash<std::string>{}(json::at(set, "/spec/template").dump()) % 1'000'000'007);
}

Json container_status(const Json& state) {
  return {{"name", "datastorage"}, {"image", "example.invalid/none:1"},
          {"imageID", ""},         {"ready", state.contains("running")},
          {"restartCount", 0},     {"state", state}};
}

Json status_of_pod(const std::string& address, bool ended) {
  const Json state = ended ? Json{{"terminated", {{"exitCode", 0}}}} : Json{{"running", Json::object()}};
  return {{"status",
           {{"phase", ended ? "Succeeded" : "Running"},
            {"podIP", address},
            {"podIPs", {{{"ip", address}}}},
            {"conditions", {{{"type", "Ready"}, {"status", ended ? "False" : "True"}}}},
            {"containerStatuses", Json::array({container_status(state)})}}}};
}

}  // namespace

World::World(testing::ControlPlane& control_plane)
    : control_plane_(control_plane),
      client_(control_plane.client()),
      admin_ports_(render::kAdminPort,
                   [this](const auto& address, const auto& method, const auto& path, const auto& body) {
                     return answer(address, method, path, body);
                   }) {
  for (const kube::ResourceType& type : kKinds) {
    const bool ours = type.kind == kube::resources::kStoragePools.kind;
    informers_.push_back(std::make_unique<kube::Informer>(
        control_plane.transport(),
        kube::InformerOptions{.type = type, .label_selector = ours ? "" : render::managed_selector()},
        kube::InformerHandlers{.on_upsert = [this](const auto&, const auto&) { poke(); },
                               .on_delete =
                                   [this, ours](const kube::ObjectPtr& object) {
                                     if (ours) {
                                       const std::lock_guard lock(mutex_);
                                       dead_.emplace(kube::metadata_string(*object, "namespace"),
                                                     kube::metadata_string(*object, "uid"));
                                     }
                                     poke();
                                   }},
        1));
    informers_.back()->start();
  }
  thread_ = std::jthread([this](const std::stop_token& stop) { work(stop); });
}

World::~World() {
  thread_.request_stop();
  thread_.join();
  for (auto& informer : informers_) informer->stop();
}

void World::poke() {
  const std::lock_guard lock(mutex_);
  changed_ = true;
  wake_.notify_all();
}

// Everything is looked at whenever anything has changed, and once in a while.
void World::work(const std::stop_token& stop) {
  while (!stop.stop_requested()) {
    {
      std::unique_lock lock(mutex_);
      wake_.wait_for(lock, stop, 300ms, [this] { return changed_; });
      changed_ = false;
    }
    for (const kube::ObjectPtr& set : informers_[kStatefulSets]->list()) control(*set);
    end_pods();
    end_claims();
    collect_garbage();
  }
}

World::Objects World::pods_of(const Json& set) const {
  Objects pods = informers_[kPods]->list(kube::metadata_string(set, "namespace"));
  std::erase_if(pods, [&](const kube::ObjectPtr& pod) {
    return kube::controller_uid(*pod) != kube::metadata_string(set, "uid");
  });
  return pods;
}

// Parallel, and one pod after the other for a new template.
void World::control(const Json& set) {
  const ObjectKey key = kube::key_of(set);
  const std::string revision = revision_of(set);
  const std::int64_t replicas = json::integer_at(set, "/spec/replicas", 0);
  std::int64_t there = 0;
  std::int64_t fresh = 0;
  bool moving = false;
  std::vector<bool> found(static_cast<std::size_t>(replicas));
  kube::ObjectPtr old;
  for (const kube::ObjectPtr& pod : pods_of(set)) {
    const auto view = reconcile::read_pod(*pod, key.name);
    if (!view) continue;
    moving = moving || view->terminating;
    if (view->ordinal >= replicas) {
      moving = true;
      if (!view->terminating)
        static_cast<void>(client_.delete_(kube::resources::kPods, kube::key_of(*pod), {.uid = view->uid}));
      continue;
    }
    found[static_cast<std::size_t>(view->ordinal)] = true;
    if (view->ip.empty() && !view->terminating) start_pod(*pod, key.name);
    ++there;
    fresh += view->revision == revision;
    if (view->revision != revision && !view->terminating) old = pod;
  }
  for (std::int64_t i = 0; i < replicas; ++i) {
    if (found[static_cast<std::size_t>(i)]) continue;
    moving = true;
    make_pod(set, {key.name_space, key.name + "-" + std::to_string(i)}, revision);
  }
  if (old && !moving)
    static_cast<void>(client_.delete_(kube::resources::kPods, kube::key_of(*old),
                                      {.uid = kube::metadata_string(*old, "uid")}));
  const Json status{{"observedGeneration", kube::generation(set)},
                    {"replicas", there},
                    {"updatedReplicas", fresh},
                    {"updateRevision", revision},
                    {"currentRevision", fresh == replicas ? revision : "before"}};
  const Json before = json::at(set, "/status").is_object() ? json::at(set, "/status") : Json::object();
  Json after = before;
  after.update(status);
  if (after != before)
    static_cast<void>(
        client_.merge_patch(kube::resources::kStatefulSets, key, {{"status", status}}, "status"));
}

void World::make_claim(const Json& set, const ObjectKey& pod) {
  const Json& templates = json::at(set, "/spec/volumeClaimTemplates");
  if (!templates.is_array() || templates.empty()) return;
  Json claim{{"metadata", json::at(templates, "/0/metadata")}, {"spec", json::at(templates, "/0/spec")}};
  claim["metadata"]["name"] = json::text_at(templates, "/0/metadata/name") + "-" + pod.name;
  claim["metadata"]["namespace"] = pod.name_space;
  static_cast<void>(client_.create(kube::resources::kPersistentVolumeClaims, std::move(claim)));
}

void World::make_pod(const Json& set, const ObjectKey& key, const std::string& revision) {
  make_claim(set, key);
  Json metadata{{"name", key.name},
                {"namespace", key.name_space},
                {"labels", json::at(set, "/spec/template/metadata/labels")},
                {"ownerReferences", Json::array({{{"apiVersion", "apps/v1"},
                                                  {"kind", "StatefulSet"},
                                                  {"name", kube::metadata_string(set, "name")},
                                                  {"uid", kube::metadata_string(set, "uid")},
                                                  {"controller", true}}})}};
  metadata["labels"][kRevision] = revision;
  const auto made = client_.create(
      kube::resources::kPods,
      {{"metadata", std::move(metadata)},
       {"spec",
        {{"nodeName", "none"},
         {"containers", Json::array({{{"name", "datastorage"}, {"image", "example.invalid/none:1"}}})}}}});
  if (made) start_pod(*made, kube::metadata_string(set, "name"));
}

// With the ConfigMap as it is now; waits for what it cannot mount.
void World::start_pod(const Json& object, const std::string& pool) {
  const ObjectKey key = kube::key_of(object);
  const auto config =
      client_.get(kube::resources::kConfigMaps, {key.name_space, render::config_map_name(pool)});
  const auto view = config ? reconcile::read_config_map(*config) : std::nullopt;
  if (!view || !started_.insert(kube::metadata_string(object, "uid")).second) return;
  std::string address;
  {
    const std::lock_guard lock(mutex_);
    address = testing::AdminPorts::address(Conduct::kAnswers, addresses_++);
    Pod& pod = pods_[address];
    pod.pool = {key.name_space, pool};
    pod.name = key.name;
    pod.server = key.name_space + "/" + view->granted.postgres.host;
    pod.report.applied_generation = view->granted.generation;
    pod.report.settings = view->granted.settings;
    pod.report.journal.emplace().takes_events = true;
    check_sum(pod.server);
  }
  const auto ready =
      client_.merge_patch(kube::resources::kPods, key, status_of_pod(address, false), "status");
  EXPECT_TRUE(ready) << ready.error().to_string();
}

// As the kubelet: a pod that is deleted ends, with all its connections, and then goes.
void World::end_pods() {
  for (const kube::ObjectPtr& object : informers_[kPods]->list()) {
    if (!kube::is_deleting(*object)) continue;
    const std::string address = json::text_at(*object, "/status/podIP");
    const auto [ended, first] =
        ended_.try_emplace(kube::metadata_string(*object, "uid"), runtime::steady_now());
    if (first) {
      {
        const std::lock_guard lock(mutex_);
        pods_.erase(address);
      }
      static_cast<void>(client_.merge_patch(kube::resources::kPods, kube::key_of(*object),
                                            status_of_pod(address, true), "status"));
    } else if (runtime::steady_now() >= ended->second + kSeenEnded) {
      remove_now(kube::resources::kPods, *object);
    }
  }
}

void World::end_claims() {
  for (const kube::ObjectPtr& claim : informers_[kClaims]->list()) {
    if (!kube::is_deleting(*claim) || kube::finalizers(*claim).empty()) continue;
    static_cast<void>(client_.merge_patch(kube::resources::kPersistentVolumeClaims, kube::key_of(*claim),
                                          {{"metadata", {{"finalizers", nullptr}}}}));
  }
}

void World::remove_now(const kube::ResourceType& type, const Json& object) {
  static_cast<void>(control_plane_.transport().request(
      {.method = kube::Method::kDelete,
       .path = kube::object_path(type, kube::key_of(object)),
       .content_type = "application/json",
       .body = Json{{"apiVersion", "v1"},
                    {"kind", "DeleteOptions"},
                    {"gracePeriodSeconds", 0},
                    {"preconditions", {{"uid", kube::metadata_string(object, "uid")}}}}
                   .dump()}));
}

// Also what is made for an owner that is gone.
void World::collect_garbage() {
  std::set<std::pair<std::string, std::string>> dead;
  {
    const std::lock_guard lock(mutex_);
    dead = dead_;
  }
  for (const auto& [name_space, uid] : dead) {
    for (const auto& type :
         {kube::resources::kStatefulSets, kube::resources::kConfigMaps, kube::resources::kServices,
          kube::resources::kServiceAccounts, kube::resources::kPodDisruptionBudgets}) {
      const auto list =
          client_.list(type, {.name_space = name_space, .label_selector = render::managed_selector()});
      if (!list) continue;
      for (const Json& object : list->items) {
        if (kube::controller_uid(object) == uid) remove_now(type, object);
      }
    }
  }
}

std::string World::answer(const std::string& address, const std::string& method, const std::string& path,
                          const std::string& body) {
  const std::lock_guard lock(mutex_);
  const auto found = pods_.find(address);
  if (found == pods_.end()) return {};
  Pod& pod = found->second;
  if (path == "/admin/facts") return settings::to_json(facts(pod));
  if (method == "PUT" && path == "/admin/settings") {
    const auto change = settings::parse_settings_change(body);
    if (change && change->generation >= pod.report.applied_generation) {
      pod.report.applied_generation = change->generation;
      pod.report.settings = *settings::resolve(change->settings);
      check_sum(pod.server);
    }
  } else if (method == "PUT") {
    if (const auto change = settings::parse_leaving_change(body)) pod.report.leaving = change->leaving;
  }
  pod.report.open = pod.report.idle = pod.report.settings.max_open_conns;
  return settings::to_json(pod.report);
}

settings::FactsReport World::facts(const Pod& pod) const {
  settings::ServerFacts facts;
  facts.system_identifier =
      std::to_string(std::hash<std::string>{}(pod.server.substr(pod.server.find('/') + 1)) % 1'000'000'007);
  facts.server_version = 150008;
  facts.max_connections = kMaxConnections;
  facts.superuser_reserved_connections = kReserved;
  facts.started_at = 1;
  facts.read_at =
      std::chrono::floor<std::chrono::milliseconds>(runtime::wall_now()).time_since_epoch().count();
  settings::FactsReport report;
  report.target = pod.server.substr(pod.server.find('/') + 1) + ":5432/audit";
  report.reachable = true;
  report.mounted = pod.report.applied_generation;
  auto& sessions = report.sessions_by_pod.emplace();
  for (const auto& [address, other] : pods_) {
    if (other.server != pod.server) continue;
    facts.sessions += other.report.settings.max_open_conns;
    if (other.pool == pod.pool) sessions[other.name] += other.report.settings.max_open_conns;
  }
  report.facts = facts;
  return report;
}

// S1, of what the pods hold.
void World::check_sum(const std::string& server) {
  std::int64_t sum = 0;
  std::string parts;
  for (const auto& [address, pod] : pods_) {
    if (pod.server != server) continue;
    sum += pod.report.settings.max_open_conns;
    parts += " " + pod.name + ":" + std::to_string(pod.report.settings.max_open_conns);
  }
  if (sum > kUsable)
    violations_[server] += "the pods on " + server + " hold " + std::to_string(sum) + " of " +
                           std::to_string(kUsable) + ":" + parts + "\n";
}

std::string World::violations(const std::string& name_space) const {
  const std::lock_guard lock(mutex_);
  std::string all;
  for (const auto& [server, text] : violations_) {
    if (server.starts_with(name_space + "/")) all += text;
  }
  return all;
}

std::size_t World::pods(const std::string& name_space) const {
  const std::lock_guard lock(mutex_);
  return static_cast<std::size_t>(std::count_if(
      pods_.begin(), pods_.end(), [&](const auto& pod) { return pod.second.pool.name_space == name_space; }));
}

}  // namespace storagepool::manager::faulty_api
