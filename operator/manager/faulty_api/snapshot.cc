#include "operator/manager/faulty_api/snapshot.h"

#include <algorithm>
#include <regex>
#include <set>

#include "operator/kube/object.h"
#include "operator/manager/faulty_api/world.h"
#include "operator/reconcile/children.h"
#include "operator/reconcile/view/view.h"
#include "operator/render/render.h"
#include "pool/common/json/json.h"

namespace storagepool::manager::faulty_api {
namespace {

using kube::Json;

const kube::ResourceType kCompared[] = {kube::resources::kStoragePools,
                                        kube::resources::kStatefulSets,
                                        kube::resources::kConfigMaps,
                                        kube::resources::kServices,
                                        kube::resources::kServiceAccounts,
                                        kube::resources::kPodDisruptionBudgets,
                                        kube::resources::kPods,
                                        kube::resources::kPersistentVolumeClaims};

bool is(const Json& object, const kube::ResourceType& type) {
  return json::text_at(object, "/kind") == type.kind;
}

// Wherever they are.
void erase_members(Json& value, const std::set<std::string>& names) {
  if (value.is_object()) {
    for (const std::string& name : names) value.erase(name);
  }
  if (value.is_structured()) {
    for (Json& part : value) erase_members(part, names);
  }
}

// Numbers of grants count the steps on the way. What is in force must be the latest.
void compare_generations(Json& status) {
  const Json latest = json::member(status, "settingsGeneration");
  status.erase("settingsGeneration");
  if (!status.contains("pods")) return;
  for (Json& pod : status["pods"]) {
    const bool latest_in_force = json::member(pod, "appliedGeneration") == latest;
    pod["appliedGeneration"] = latest_in_force ? "the latest" : "an older one";
  }
}

bool has_all(const Json& live, const Json& wanted) {
  if (!wanted.is_object()) return wanted.is_null() || live == wanted;
  for (auto member = wanted.begin(); member != wanted.end(); ++member) {
    if (!has_all(json::member(live, member.key()), *member)) return false;
  }
  return true;
}

Json pod_of(const Json& object) {
  const auto& status = json::member(object, "status");
  return {{"phase", json::member(status, "phase")}, {"conditions", json::member(status, "conditions")}};
}

Json claim_of(const Json& object) {
  return {{"spec", json::member(object, "spec")}};
}

Json compared(Json object) {
  if (is(object, kube::resources::kPods)) return pod_of(object);
  if (is(object, kube::resources::kPersistentVolumeClaims)) return claim_of(object);
  if (is(object, kube::resources::kStoragePools) && object.contains("status"))
    compare_generations(object["status"]);
  // Of a template that has the StoragePool's uid in it.
  if (is(object, kube::resources::kStatefulSets)) {
    object["metadata"]["annotations"].erase(std::string(render::kTemplateAnnotation));
    // A pod that was not wanted any more before it could be made leaves no claim to tell of.
    object["metadata"]["annotations"].erase(std::string(render::kEmptiedAnnotation));
    object["metadata"].erase("generation");
    object["status"].erase("observedGeneration");
  }
  erase_members(
      object, {"uid", "resourceVersion", "creationTimestamp", "managedFields", "lastTransitionTime",
               "observedAt", "clusterIP", "clusterIPs", "updateRevision", "currentRevision", "collisionCount",
               "operator-keys", "access.json", std::string(reconcile::kAppliedAnnotation)});
  return object;
}

std::string without(std::string text, const std::string& part, const std::string& instead) {
  for (std::size_t at = 0; !part.empty() && (at = text.find(part, at)) != std::string::npos;)
    text.replace(at, part.size(), instead);
  return text;
}

// Of the StoragePool that the object is of, by its label.
std::string pool_of(const Json& object) {
  return kube::label(object, "app.kubernetes.io/instance");
}

std::string host_of(const std::vector<Step>& steps, const std::string& pool) {
  for (const Step& step : steps) {
    if (step.kind == Step::Kind::kCreate && step.pool == pool)
      return json::text_at(step.spec, "/postgres/host");
  }
  return "?";
}

}  // namespace

Snapshot snapshot_of(const kube::Client& client, const std::string& name_space) {
  Snapshot snapshot;
  std::vector<std::string> uids;
  for (const kube::ResourceType& type : kCompared) {
    const bool pools = type.kind == kube::resources::kStoragePools.kind;
    const auto list = client.list(
        type, {.name_space = name_space, .label_selector = pools ? "" : render::managed_selector()});
    if (!list) {
      snapshot[std::string(type.kind)] = list.error().to_string();
      continue;
    }
    for (const Json& object : list->items) {
      if (pools) uids.push_back(kube::metadata_string(object, "uid").substr(0, 8));
      std::string text = compared(object).dump();
      text = without(text, name_space, "NAMESPACE");
      for (const std::string& uid : uids) text = without(text, uid, "UID");
      static const std::regex generation(R"(generation: [0-9]+)");
      text = std::regex_replace(text, generation, "generation: N");
      snapshot[std::string(type.kind) + "/" + kube::metadata_string(object, "name")] = Json::parse(text);
    }
  }
  return snapshot;
}

std::string difference(const Snapshot& clean, const Snapshot& other) {
  std::string text;
  for (const auto& [name, object] : clean) {
    const auto found = other.find(name);
    if (found == other.end()) {
      text += name + " is missing\n";
      continue;
    }
    for (const Json& change : Json::diff(object, found->second)) {
      const std::string path = json::text_at(change, "/path");
      const Json::json_pointer pointer(path);
      const bool replaced = json::text_at(change, "/op") != "add" && object.contains(pointer);
      text += name + path + ": " + (replaced ? object.at(pointer).dump() : "nothing") +
              " in a clean run, here " + (change.contains("value") ? change.at("value").dump() : "nothing") +
              "\n";
    }
  }
  for (const auto& [name, object] : other) {
    if (!clean.contains(name)) text += name + " is too many\n";
  }
  return text;
}

std::string strangers(const std::vector<Written>& written, const std::string& name_space) {
  std::string text;
  for (const auto& [method, path, answer] : written) {
    const std::string own = "/namespaces/" + name_space + "/";
    const std::size_t at = path.find(own);
    const std::string rest = at == std::string::npos ? "" : path.substr(at + own.size());
    const bool of_pools = rest.starts_with("storagepools/") && method == "PATCH";
    const bool of_operator =
        rest == "secrets" || rest.starts_with("secrets/storagepool-operator") || rest.starts_with("events");
    const bool claim = rest.starts_with("persistentvolumeclaims/state-") && method == "DELETE";
    const Json& owner = json::at(answer, "/metadata/ownerReferences/0");
    const std::string name = kube::metadata_string(answer, "name");
    const std::string pool = json::text_at(owner, "/name");
    const bool child =
        (method == "POST" || method == "PATCH") && json::text_at(owner, "/kind") == "StoragePool" &&
        (name == pool || name == render::config_map_name(pool) || name == render::pods_service_name(pool));
    if (!of_pools && !of_operator && !claim && !child) text += method + " " + path + "\n";
  }
  return text;
}

bool would_change(const Json& live, const Json& written) {
  for (const char* where : {"/metadata/annotations", "/data", "/spec/replicas"}) {
    if (!has_all(json::at(live, where), json::at(written, where))) return true;
  }
  return false;
}

std::string overdrafts(const std::vector<Written>& written, const std::vector<Step>& steps) {
  struct Change {
    std::string pool;
    std::optional<std::int64_t> ceiling;
    std::optional<std::int64_t> peak_pods;
  };
  std::map<std::uint64_t, Change> changes;
  for (const Written& write : written) {
    const Json& object = write.answer;
    Change change{.pool = pool_of(object), .ceiling = {}, .peak_pods = {}};
    if (is(object, kube::resources::kConfigMaps)) {
      if (const auto view = reconcile::read_config_map(object)) change.ceiling = view->granted.ceiling;
    } else if (is(object, kube::resources::kStatefulSets)) {
      if (const auto view = reconcile::read_stateful_set(object)) change.peak_pods = view->workload.peak_pods;
    }
    if (is(object, kube::resources::kStoragePools) && kube::is_deleting(object) &&
        json::at(object, "/metadata/finalizers").empty()) {
      change = {.pool = kube::metadata_string(object, "name"), .ceiling = 0, .peak_pods = 0};
    }
    if (change.ceiling || change.peak_pods) changes[kube::resource_version(object)] = change;
  }
  struct Claim {
    std::int64_t ceiling = 0;
    std::int64_t peak_pods = 0;
  };
  std::map<std::string, std::map<std::string, Claim>> servers;
  std::string text;
  for (const auto& [version, change] : changes) {
    auto& claims = servers[host_of(steps, change.pool)];
    Claim& claim = claims[change.pool];
    claim.ceiling = change.ceiling.value_or(claim.ceiling);
    claim.peak_pods = change.peak_pods.value_or(claim.peak_pods);
    std::int64_t sum = 0;
    std::string parts;
    for (const auto& [pool, one] : claims) {
      sum += one.ceiling * one.peak_pods;
      parts += " " + pool + ":" + std::to_string(one.peak_pods) + "x" + std::to_string(one.ceiling);
    }
    if (sum > kUsable)
      text += "version " + std::to_string(version) + " of " + change.pool + " allows " + std::to_string(sum) +
              " of " + std::to_string(kUsable) + ":" + parts + "\n";
  }
  return text;
}

}  // namespace storagepool::manager::faulty_api
