#include "operator/kube/object.h"

#include <chrono>

#include "pool/common/json/json.h"
#include "pool/common/runtime/timestamp.h"

namespace storagepool::kube {
namespace {

const Json& metadata(const Json& object, std::string_view field) {
  return json::member(json::member(object, "metadata"), field);
}

}  // namespace

std::string metadata_string(const Json& object, const char* field) {
  return json::text_of(metadata(object, field));
}

ObjectKey key_of(const Json& object) {
  return {metadata_string(object, "namespace"), metadata_string(object, "name")};
}

std::uint64_t version_number(std::string_view text) {
  const auto version = json::parse_integer(text);
  return version && *version > 0 ? static_cast<std::uint64_t>(*version) : 0;
}

std::uint64_t resource_version(const Json& object) {
  return version_number(metadata_string(object, "resourceVersion"));
}

std::int64_t generation(const Json& object) {
  return json::integer_at(object, "/metadata/generation", 0);
}

std::int64_t created_at(const Json& object) {
  const auto time = runtime::parse_timestamp(metadata_string(object, "creationTimestamp"));
  return time ? std::chrono::floor<std::chrono::seconds>(*time).time_since_epoch().count() : 0;
}

bool is_deleting(const Json& object) {
  return !metadata_string(object, "deletionTimestamp").empty();
}

std::vector<std::string> finalizers(const Json& object) {
  std::vector<std::string> names;
  const Json& list = metadata(object, "finalizers");
  if (!list.is_array()) return names;
  for (const Json& name : list) {
    if (name.is_string()) names.push_back(name.get<std::string>());
  }
  return names;
}

std::string controller_uid(const Json& object) {
  const Json& owners = metadata(object, "ownerReferences");
  if (!owners.is_array()) return {};
  for (const Json& owner : owners) {
    if (json::member(owner, "controller") == Json(true)) return json::text_of(json::member(owner, "uid"));
  }
  return {};
}

std::string label(const Json& object, std::string_view name) {
  return json::text_of(json::member(metadata(object, "labels"), name));
}

std::string annotation(const Json& object, std::string_view name) {
  return json::text_of(json::member(metadata(object, "annotations"), name));
}

std::optional<Json> fields_as_applied(const Json& object, std::string_view manager) {
  const Json& entries = metadata(object, "managedFields");
  if (!entries.is_array()) return std::nullopt;
  Json others = Json::array();
  Json applied;
  bool updated = false;
  for (const Json& entry : entries) {
    const bool ours = json::text_of(json::member(entry, "manager")) == manager &&
                      json::text_of(json::member(entry, "subresource")).empty();
    if (!ours) {
      others.push_back(entry);
      continue;
    }
    updated |= json::text_of(json::member(entry, "operation")) == "Update";
    Json fields = json::member(applied, "fieldsV1");
    fields.merge_patch(json::member(entry, "fieldsV1"));  // of two trees of names the union
    applied = entry;
    applied["fieldsV1"] = std::move(fields);
  }
  if (!updated) return std::nullopt;
  applied["operation"] = "Apply";
  others.push_back(std::move(applied));
  return others;
}

}  // namespace storagepool::kube
