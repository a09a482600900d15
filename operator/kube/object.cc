#include "operator/kube/object.h"

#include "pool/common/json/json.h"

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

std::uint64_t resource_version(const Json& object) {
  const auto version = json::parse_integer(metadata_string(object, "resourceVersion"));
  return version && *version > 0 ? static_cast<std::uint64_t>(*version) : 0;
}

std::int64_t generation(const Json& object) {
  return json::integer_at(object, "/metadata/generation", 0);
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

std::string label(const Json& object, std::string_view name) {
  return json::text_of(json::member(metadata(object, "labels"), name));
}

std::string annotation(const Json& object, std::string_view name) {
  return json::text_of(json::member(metadata(object, "annotations"), name));
}

}  // namespace storagepool::kube
