#include "operator/reconcile/children.h"

#include <algorithm>
#include <functional>
#include <memory>
#include <utility>

#include "operator/kube/object.h"
#include "pool/common/encoding/sha256.h"
#include "pool/common/json/json.h"

namespace storagepool::reconcile {
namespace {

constexpr std::string_view kOurs = "storagepool.dev/";

std::size_t hash_of(const std::string& rendered) {
  return std::hash<std::string>{}(rendered);
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

// Lists have all where they are as long. What the API server or somebody else has added does not matter.
bool has_all(const Json& live, const Json& wanted) {
  if (wanted.is_array())
    return live.is_array() && std::equal(live.begin(), live.end(), wanted.begin(), wanted.end(), has_all);
  if (!wanted.is_object()) return live == wanted;
  for (auto member = wanted.begin(); member != wanted.end(); ++member) {
    const auto found = live.find(member.key());
    if (found == live.end() || !has_all(*found, *member)) return false;
  }
  return live.is_object();
}

// To apply it once more would change nothing. Annotations of ours that a patch has left count as well.
bool is_as_applied(const Json& live, Json wanted) {
  if (kube::annotation(live, kAppliedAnnotation) != encoding::sha256_hex(wanted.dump())) return false;
  wanted.erase("apiVersion");
  wanted.erase("kind");
  if (!has_all(live, wanted)) return false;
  const Json& ours = json::member(json::member(wanted, "metadata"), "annotations");
  const Json& all = json::member(json::member(live, "metadata"), "annotations");
  for (auto member = all.begin(); member != all.end(); ++member) {
    const std::string& name = member.key();
    if (name.starts_with(kOurs) && name != kAppliedAnnotation && !ours.contains(name)) return false;
  }
  return true;
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

bool Children::is_untouched(const Cluster& cluster, const kube::ResourceType& type,
                            const kube::ObjectKey& key, Applied& applied) {
  // Before it is read: what changes meanwhile is compared once more.
  const std::uint64_t version = cluster.cached_version(type, key);
  if (version == 0) return false;
  if (version == applied.version) return true;
  const kube::ObjectPtr live = cluster.cached(type, key);
  if (!live || fingerprint(*live) != applied.live) return false;
  applied.version = version;
  return true;
}

Cluster::Result<bool> Children::ensure(Cluster& cluster, const kube::ResourceType& type, const Json& object,
                                       Expected expected) {
  const kube::ObjectKey key = kube::key_of(object);
  const std::string name = id(type, key.name);
  const auto known = applied_.find(name);
  const std::size_t rendering = hash_of(object.dump());
  if (known == applied_.end()) {
    const kube::ObjectPtr live = cluster.cached(type, key);
    if (live && is_as_applied(*live, object)) {
      applied_[name] = {.rendering = rendering, .live = fingerprint(*live)};
      return false;
    }
  } else if (known->second.rendering == rendering && is_untouched(cluster, type, key, known->second)) {
    return false;
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
  const std::string rendered = object.dump();
  object["metadata"]["annotations"][std::string(kAppliedAnnotation)] = encoding::sha256_hex(rendered);
  auto stored = store(cluster, type, std::move(object), expected);
  if (!stored) return stored;
  applied_[name] = {.rendering = hash_of(rendered), .live = fingerprint(*stored)};
  return stored;
}

}  // namespace storagepool::reconcile
