// A Kubernetes small enough for tests: stores objects, counts resourceVersions and generations, merges what
// is applied, and plays the StatefulSet controller and the pods. Its caches and the pods' reports are always
// current, and what a look wants of a pod is done when the look ends.
#pragma once

#include <algorithm>
#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "operator/kube/object.h"
#include "operator/pods/pods.h"
#include "operator/reconcile/cluster/cluster.h"
#include "operator/reconcile/cluster/kept.h"
#include "operator/reconcile/cluster/other_workload.h"
#include "operator/reconcile/testing/last_look.h"
#include "operator/render/render.h"
#include "pool/common/settings/admin_wire.h"

namespace storagepool::reconcile {

using kube::Json;

struct FakePod {
  settings::SettingsReport report;
  settings::FactsReport facts;
  bool asked = true;  // at least once
  bool reachable = true;
  bool refuses = false;  // what the operator signs
  std::vector<pods::WitnessWord> witnesses = {};
  friend bool operator==(const FakePod&, const FakePod&) = default;
};

class FakeCluster final : public Cluster, public pods::Pods {
 public:
  using Id = std::pair<std::string, std::string>;  // kind, name

  std::map<Id, Json> objects;
  std::map<std::string, FakePod> pods;         // by address
  mutable int reads = 0;                       // of objects and reports
  mutable std::set<std::string> objects_read;  // from the caches: "Pod/audit-0"
  std::vector<std::string> writes;             // "apply ConfigMap/audit-config"
  std::vector<kube::Event> events;
  std::optional<kube::ApiError> refuse;            // every write of the kind in `refuse_kind`
  std::string refuse_kind;                         // "*": any
  std::map<std::string, std::vector<Json>> about;  // events, by the uid of what they are about
  std::vector<std::string> event_lists;            // kinds of objects whose events were asked for
  settings::FactsReport new_pods_say;
  std::map<std::string, settings::ServerFacts> admitting;  // candidates, by "host:port/database"
  runtime::TimePoint asked{};                              // when pods were asked for what they say
  std::map<kube::ObjectKey, pods::WantedPods> wanted;      // of the last look at each
  bool pods_have_news = false;                             // since the last look
  bool tells_sessions = true;                              // PostgreSQL, to the pods
  std::map<std::string, std::int64_t> left_behind;         // sessions of pods that are gone
  std::vector<std::string> namespaces{"ops", "team"};
  bool versions_tell = false;    // objects are changed by put() and run_controller() alone: quick with many
  bool claims_are_late = false;  // the cache does not show them yet

  Json& get(const std::string& kind, const std::string& name) { return objects.at({kind, name}); }
  bool has(const std::string& kind, const std::string& name) const { return objects.contains({kind, name}); }

  // Stores an object as a user would.
  void put(Json object) {
    const Id id{object["kind"], object["metadata"]["name"]};
    Json before = objects.contains(id) ? objects[id] : Json();
    store(id, before, std::move(object));
  }

  // Creates and removes pods as the StatefulSet says; new ones start with what the ConfigMap says.
  void run_controller(const std::string& name) {
    Json& set = get("StatefulSet", name);
    const int replicas = set["spec"]["replicas"];
    for (int i = 0; i < replicas; ++i) {
      if (!has("Pod", name + "-" + std::to_string(i))) start_pod(name, i, set);
    }
    const std::string revision = revision_of(set);
    const int partition = set["spec"]["updateStrategy"]["rollingUpdate"]["partition"];
    bool replaced = false;
    for (int i = replicas - 1; i >= partition && !replaced; --i) {
      if (get("Pod", name + "-" + std::to_string(i))["metadata"]["labels"]["controller-revision-hash"] !=
          revision) {
        remove_pod(name + "-" + std::to_string(i));
        start_pod(name, i, set);
        replaced = true;
      }
    }
    for (int i = replicas; has("Pod", name + "-" + std::to_string(i)); ++i)
      end_or_remove_pod(name + "-" + std::to_string(i));
    set["status"]["observedGeneration"] = set["metadata"]["generation"];
    set["status"]["updateRevision"] = revision;
    touch(set);
  }

  // What the pods find mounted reaches them.
  void run_kubelet(const std::string& name) {
    for (auto& [address, pod] : pods) mount(get("ConfigMap", name + "-config")["data"], pod.facts);
  }

  std::uint64_t version(const kube::ObjectKey&) const override {
    const auto same = [this](const Json& one, const Json& other) {
      return versions_tell ? kube::metadata_string(one, "resourceVersion") ==
                                 kube::metadata_string(other, "resourceVersion")
                           : one == other;
    };
    const bool namespaces_changed = std::exchange(seen_namespaces_, namespaces.size()) != namespaces.size();
    const bool objects_changed = seen_objects_.changed(objects, same);
    if (seen_pods_.changed(pods, std::equal_to<>()) || objects_changed || namespaces_changed) ++changes_;
    return changes_;
  }
  kube::ObjectPtr cached(const kube::ResourceType& type, const kube::ObjectKey& key) const override {
    ++reads;
    const Json* object = watched(type, key.name);
    if (object == nullptr) return nullptr;
    objects_read.insert(std::string(type.kind) + "/" + key.name);
    return kept(type, *object);
  }
  std::uint64_t cached_version(const kube::ResourceType& type, const kube::ObjectKey& key) const override {
    const Json* object = watched(type, key.name);
    if (object == nullptr) return 0;
    const std::string version = kube::metadata_string(*object, "resourceVersion");
    return std::hash<std::string>{}(versions_tell ? version : object->dump());
  }
  std::vector<kube::ObjectPtr> cached_storage_pools() const override {
    return all(kube::resources::kStoragePools);
  }
  std::vector<std::string> cached_names(const kube::ResourceType& type,
                                        const kube::ObjectKey&) const override {
    std::vector<std::string> names;
    if (claims_are_late && type.kind == kube::resources::kPersistentVolumeClaims.kind) return names;
    for (const auto& [id, object] : objects) {
      if (id.first == type.kind) names.push_back(id.second);
    }
    return names;
  }
  std::vector<std::string> cached_namespaces() const override { return namespaces; }
  std::vector<kube::ObjectPtr> cached_autoscalers(const kube::ObjectKey&) const override {
    return all(kube::resources::kHorizontalPodAutoscalers);
  }
  std::vector<DeclaredWorkload> cached_workloads() const override {
    std::vector<DeclaredWorkload> found;
    for (const kube::ResourceType& type : {kube::resources::kDeployments, kube::resources::kStatefulSets}) {
      for (const auto& [id, object] : objects) {
        const bool managed = kube::label(object, "app.kubernetes.io/managed-by") == render::kManager;
        if (id.first != type.kind || managed || !declares(object)) continue;
        Json kept = object;
        keep_of_other_workload(kept);
        found.push_back({.type = type, .object = std::make_shared<const Json>(std::move(kept))});
      }
    }
    return found;
  }
  std::uint64_t workloads_version() const override {
    std::string all;
    for (const DeclaredWorkload& workload : cached_workloads()) all += workload.object->dump();
    return all.empty() ? 0 : std::hash<std::string>{}(all);
  }
  Result<PodList> list_pods(const kube::ObjectKey&) override {
    PodList list{.pods = {}, .answered = asked};
    for (const kube::ObjectPtr& pod : all(kube::resources::kPods)) list.pods.push_back(*pod);
    return list;
  }
  Result<std::vector<Json>> list_claims(const kube::ObjectKey&) override {
    std::vector<Json> claims;
    for (const kube::ObjectPtr& claim : all(kube::resources::kPersistentVolumeClaims))
      claims.push_back(*claim);
    return claims;
  }
  Result<std::vector<Json>> list_events(const std::string&, const std::string& kind,
                                        const std::string& uid) override {
    event_lists.push_back(kind);
    return about[uid];
  }
  Result<Json> create(const kube::ResourceType& type, const Json& object) override {
    const Id id{std::string(type.kind), object["metadata"]["name"]};
    if (objects.contains(id)) return tl::unexpected(kube::ApiError{.status = 409, .reason = "Conflict"});
    return write("create", id, [&](Json& stored) { stored = object; });
  }
  Result<void> create_secret(const Json& secret) override {
    const Id id{"Secret", secret["metadata"]["name"]};
    if (objects.contains(id)) return tl::unexpected(kube::ApiError{.status = 409, .reason = "AlreadyExists"});
    const auto made = write("create", id, [&](Json& stored) { stored = secret; });
    if (!made) return tl::unexpected(made.error());
    return {};
  }
  Result<Json> peek(const kube::ResourceType& type, const kube::ObjectKey& key) override {
    const Id id{std::string(type.kind), key.name};
    if (!objects.contains(id)) return tl::unexpected(kube::ApiError{.status = 404, .reason = "NotFound"});
    return objects[id];
  }
  Result<Json> apply(const kube::ResourceType& type, const Json& object) override {
    const Id id{std::string(type.kind), object["metadata"]["name"]};
    if (!objects.contains(id) || objects[id]["metadata"]["uid"] != object["metadata"].value("uid", "")) {
      return tl::unexpected(
          kube::ApiError{.status = 422, .reason = "Invalid", .message = "metadata.uid: field is immutable"});
    }
    return write("apply", id, [&](Json& stored) {
      if (stored.contains("metadata")) stored["metadata"].erase("annotations");  // ours, all of them
      if (id.first == "ConfigMap") stored.erase("data");
      stored.merge_patch(object);
    });
  }
  Result<Json> apply_status(const Json& object) override {
    const Id id{"StoragePool", object["metadata"]["name"]};
    return write("status", id, [&](Json& stored) { stored["status"] = object["status"]; });
  }
  Result<Json> merge_patch(const kube::ResourceType& type, const kube::ObjectKey& key,
                           const Json& patch) override {
    const Id id{std::string(type.kind), key.name};
    auto patched = write("patch", id, [&](Json& stored) { stored.merge_patch(patch); });
    if (patched && patched->contains("metadata") &&
        !(*patched)["metadata"].value("deletionTimestamp", "").empty() &&
        (*patched)["metadata"].value("finalizers", Json::array()).empty()) {
      objects.erase(id);
    }
    return patched;
  }
  Result<void> remove(const kube::ResourceType& type, const kube::ObjectKey& key,
                      const std::string& uid) override {
    const Id id{std::string(type.kind), key.name};
    if (!objects.contains(id) || objects[id]["metadata"]["uid"] != uid) {
      return tl::unexpected(kube::ApiError{.status = 409, .reason = "Conflict"});
    }
    writes.push_back("delete " + id.first + "/" + id.second);
    objects.erase(id);
    return {};
  }
  void record(const kube::Event& event) override { events.push_back(event); }

  pods::Answer latest(const kube::ObjectKey& pool, const pods::PodRun& run) const override {
    ++reads;
    if (run.ip.empty()) return {.failure = "it has no address yet"};
    const auto found = pods.find(run.ip);
    if (found == pods.end() || !found->second.reachable) {
      return {.outcome = pods::Outcome::kUnreachable,
              .failure = "its administration port does not answer (DeadlineExceeded)"};
    }
    const FakePod& pod = found->second;
    if (!pod.asked) return {.failure = "it has not been asked yet"};
    if (pod.refuses)
      return {.outcome = pods::Outcome::kUnauthorized, .failure = "it refuses what the operator signs"};
    pods::Answer answer{.outcome = pods::Outcome::kAnswered,
                        .report = pod.report,
                        .facts = pod.facts,
                        .asked = asked,
                        .witnesses = pod.witnesses};
    if (answer.facts->reachable && tells_sessions) {
      auto& sessions = answer.facts->sessions_by_pod.emplace(left_behind);
      for (const auto& [id, object] : objects) {
        if (id.first == "Pod" && id.second.starts_with(pool.name + "-")) ++sessions[id.second];
      }
    }
    return answer;
  }
  void follow(const kube::ObjectKey& pool, const pods::WantedPods& change) override {
    wanted[pool] = change;
    for (const pods::WantedPod& pod : change) {
      const auto found = pods.find(pod.run.ip);
      if (found != pods.end() && found->second.reachable) tell(found->second.report, pod);
    }
  }

  FakePod& pod(const std::string& name) { return pods.at(get("Pod", name)["status"]["podIP"]); }
  // First its container ends by itself, then it is removed.
  void end_or_remove_pod(const std::string& name) {
    Json pod = get("Pod", name);
    if (pod["status"]["phase"] == "Succeeded") return remove_pod(name);
    pod["status"]["phase"] = "Succeeded";
    pod["status"]["containerStatuses"][0]["state"] = {{"terminated", {{"exitCode", 0}}}};
    pod["status"]["conditions"] = Json::array();
    put(std::move(pod));
  }
  void remove_pod(const std::string& name) {
    pods.erase(get("Pod", name)["status"]["podIP"]);
    objects.erase({"Pod", name});
  }

 private:
  // Pods and claims always.
  const Json* watched(const kube::ResourceType& type, const std::string& name) const {
    const auto found = objects.find({std::string(type.kind), name});
    if (found == objects.end()) return nullptr;
    const bool by_label = type.kind != kube::resources::kStoragePools.kind &&
                          type.kind != kube::resources::kPods.kind &&
                          type.kind != kube::resources::kPersistentVolumeClaims.kind;
    const bool ours = kube::label(found->second, "app.kubernetes.io/managed-by") == render::kManager;
    return by_label && !ours ? nullptr : &found->second;
  }
  void mount(const Json& data, settings::FactsReport& facts) const {
    const auto config = settings::parse_config(data["config.yaml"].get<std::string>());
    facts.target = settings::target_of(config->postgres);
    facts.mounted = config->generation;
    facts.trial.reset();
    if (!data.contains(settings::kCandidateFile)) return;
    const auto candidate = settings::parse_target(data[settings::kCandidateFile].get<std::string>());
    settings::TrialReport& trial = facts.trial.emplace();
    trial.target = settings::target_of(*candidate);
    const auto admits = admitting.find(trial.target);
    trial.admitted = admits != admitting.end();
    if (trial.admitted) {
      trial.facts = admits->second;
    } else {
      trial.fault = settings::PostgresFault::kUnreachable;
      trial.detail = "connecting to " + trial.target + ": the host name does not resolve";
    }
  }
  static std::string revision_of(const Json& set) {
    return std::to_string(std::hash<std::string>{}(set["spec"]["template"].dump()));
  }
  void tell(settings::SettingsReport& report, const pods::WantedPod& pod) {
    const settings::SettingsReport before = report;
    if (pod.settings && pod.settings->generation >= report.applied_generation) {
      report.applied_generation = pod.settings->generation;
      report.settings = *settings::resolve(settings::known_to(report, pod.settings->settings));
    }
    if (pod.leaving) report.leaving = *pod.leaving;
    pods_have_news |= report != before;
  }
  static kube::ObjectPtr kept(const kube::ResourceType& type, const Json& object) {
    return std::make_shared<const Json>(what_is_read(type).pick(object));
  }
  std::vector<kube::ObjectPtr> all(const kube::ResourceType& type) const {
    std::vector<kube::ObjectPtr> list;
    for (const auto& [id, object] : objects) {
      if (id.first == type.kind) list.push_back(kept(type, object));
    }
    return list;
  }
  void touch(Json& object) { object["metadata"]["resourceVersion"] = std::to_string(++version_); }

  template <typename Change>
  Result<Json> write(const char* verb, const Id& id, Change change) {
    if (refuse && (refuse_kind == id.first || refuse_kind == "*")) return tl::unexpected(*refuse);
    writes.push_back(std::string(verb) + " " + id.first + "/" + id.second);
    const Json before = objects.contains(id) ? objects[id] : Json();
    Json after = before.is_null() ? Json::object() : before;
    change(after);
    // With the resourceVersion that the object must have.
    if (!before.is_null() && after["metadata"]["resourceVersion"] != before["metadata"]["resourceVersion"])
      return tl::unexpected(kube::ApiError{.status = 409, .reason = "Conflict"});
    after["kind"] = id.first;
    store(id, before, std::move(after));
    return objects[id];
  }
  void store(const Id& id, const Json& before, Json after) {
    if (before == after) return;
    Json& metadata = after["metadata"];
    if (!metadata.contains("uid")) metadata["uid"] = "uid-" + std::to_string(++version_);
    const bool versioned = id.first == "StatefulSet" || id.first == "StoragePool";
    if (versioned && (before.is_null() || before.value("spec", Json()) != after.value("spec", Json()))) {
      metadata["generation"] = metadata.value("generation", 0) + 1;
    }
    touch(after);
    objects[id] = std::move(after);
  }
  void start_pod(const std::string& set_name, int ordinal, const Json& set) {
    const std::string name = set_name + "-" + std::to_string(ordinal);
    const std::string address = "10.0.0." + std::to_string(++last_address_);
    Json labels = set["spec"]["template"]["metadata"]["labels"];
    labels["controller-revision-hash"] = revision_of(set);
    const std::string claim = "state-" + name;
    if (set["spec"].contains("volumeClaimTemplates") && !has("PersistentVolumeClaim", claim)) {
      put({{"kind", "PersistentVolumeClaim"},
           {"metadata", {{"name", claim}}},
           {"spec", {{"volumeName", "volume-of-" + name}, {"storageClassName", "standard"}}}});
    }
    put({{"kind", "Pod"},
         {"metadata",
          {{"name", name},
           {"labels", std::move(labels)},
           {"annotations", set["spec"]["template"]["metadata"]["annotations"]}}},
         {"spec", {{"nodeName", "n"}}},
         {"status",
          {{"phase", "Running"},
           {"podIP", address},
           {"containerStatuses", {{{"restartCount", 0}, {"state", {{"running", Json::object()}}}}}},
           {"conditions", {{{"type", "Ready"}, {"status", "True"}}}}}}});
    const auto config = settings::parse_config(
        get("ConfigMap", set_name + "-config")["data"]["config.yaml"].get<std::string>());
    FakePod pod;
    pod.report.applied_generation = config->generation;
    pod.report.settings = *settings::resolve(config->pool);
    pod.report.journal = settings::JournalReport{.takes_events = true, .reason = {}};
    pod.facts = new_pods_say;
    mount(get("ConfigMap", set_name + "-config")["data"], pod.facts);
    pods[address] = pod;
  }

  std::uint64_t version_ = 100;
  int last_address_ = 0;
  mutable LastLook<Id, Json> seen_objects_;
  mutable LastLook<std::string, FakePod> seen_pods_;
  mutable std::size_t seen_namespaces_ = 0;
  mutable std::uint64_t changes_ = 0;
};

}  // namespace storagepool::reconcile
