#include "operator/reconcile/children.h"

#include <functional>
#include <memory>
#include <utility>

#include "operator/kube/object.h"
#include "pool/common/json/json.h"

namespace storagepool::reconcile {
namespace {

std::size_t hash_of(const Json& object) {
  return std::hash<std::string>{}(object.dump());
}

// Changes with every edit of what we set, but not with the status that controllers write.
std::size_t fingerprint(const Json& object) {
  const std::int64_t generation = kube::generation(object);
  Json parts = Json::array();
  const Json& metadata = json::member(object, "metadata");
  for (const char* member : {"labels", "annotations", "ownerReferences"}) {
    parts.push_back(json::member(metadata, member));
  }
  const std::string version =
      generation > 0 ? std::to_string(generation) : kube::metadata_string(object, "resourceVersion");
  return std::hash<std::string>{}(version + kube::metadata_string(object, "uid") + parts.dump());
}

kube::ApiError name_taken(const kube::ResourceType& type, const Json& live) {
  std::string owners;
  for (const Json& owner : json::member(json::member(live, "metadata"), "ownerReferences")) {
    owners += (owners.empty() ? "" : ", ") + json::text_of(json::member(owner, "kind")) + " " +
              json::text_of(json::member(owner, "name"));
  }
  return {409,
          std::string(kNameTaken),
          "there is a " + std::string(type.kind) + " " + kube::key_of(live).name + " already, which " +
              (owners.empty() ? "belongs to no StoragePool" : "belongs to " + owners) +
              "; it is left alone: give this StoragePool another name, or remove that object",
          {}};
}

}  // namespace

kube::ObjectPtr cached_own(const Cluster& cluster, const kube::ResourceType& type, const kube::ObjectKey& key,
                           const std::string& owner_uid) {
  kube::ObjectPtr object = cluster.cached(type, key);
  return object && kube::controller_uid(*object) == owner_uid ? object : nullptr;
}

std::string Children::id(const kube::ResourceType& type, const std::string& name) {
  return std::string(type.kind) + "/" + name;
}

Cluster::Result<bool> Children::ensure(Cluster& cluster, const kube::ResourceType& type, const Json& object,
                                       Expected expected) {
  const kube::ObjectKey key = kube::key_of(object);
  const auto known = applied_.find(id(type, key.name));
  if (known != applied_.end() && known->second.rendering == hash_of(object)) {
    const kube::ObjectPtr live = cluster.cached(type, key);
    if (live && fingerprint(*live) == known->second.live) return false;
  }
  const auto stored = write(cluster, type, object, expected);
  if (!stored) return tl::unexpected(stored.error());
  return true;
}

// Whoever makes an object of that name first has it. What is applied names the incarnation that was looked
// at, so that it does not reach another one.
Cluster::Result<Json> Children::store(Cluster& cluster, const kube::ResourceType& type, Json object,
                                      Expected expected) {
  const kube::ObjectKey key = kube::key_of(object);
  kube::ObjectPtr live = cluster.cached(type, key);
  if (!live) {
    Cluster::Result<Json> created;
    if (expected.value_or(0) == 0) {
      created = cluster.create(type, object);
      if (created || !created.error().is_conflict()) return created;
    }
    auto found = cluster.peek(type, key);
    // Of another thing than one that is there, a quota as it may be.
    if (!found) return created ? found : created;
    live = std::make_shared<const Json>(std::move(*found));
  }
  if (kube::controller_uid(*live) != kube::controller_uid(object))
    return tl::unexpected(name_taken(type, *live));
  if (expected == 0) return tl::unexpected(kube::ApiError{409, "Conflict", "it has just been made", {}});
  if (expected) object["metadata"]["resourceVersion"] = std::to_string(*expected);
  object["metadata"]["uid"] = kube::metadata_string(*live, "uid");
  auto stored = cluster.apply(type, object);
  if (!stored && stored.error().message.find("metadata.uid") != std::string::npos) {
    stored.error().status = 409;  // it has gone, and the cache has not heard of it
    stored.error().reason = "Conflict";
  }
  return stored;
}

Cluster::Result<Json> Children::write(Cluster& cluster, const kube::ResourceType& type, Json object,
                                      Expected expected) {
  const std::string name = id(type, kube::key_of(object).name);
  const std::size_t rendering = hash_of(object);
  auto stored = store(cluster, type, std::move(object), expected);
  if (!stored) return stored;
  applied_[name] = {.rendering = rendering, .live = fingerprint(*stored)};
  return stored;
}

}  // namespace storagepool::reconcile
