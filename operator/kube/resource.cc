#include "operator/kube/resource.h"

#include "operator/kube/transport/url.h"

namespace storagepool::kube {

std::string ResourceType::api_version() const {
  return group.empty() ? std::string(version) : std::string(group) + "/" + std::string(version);
}

std::string ObjectKey::to_string() const {
  return name_space.empty() ? name : name_space + "/" + name;
}

std::string collection_path(const ResourceType& type, std::string_view name_space) {
  std::string path = type.group.empty() ? "/api/" : "/apis/" + std::string(type.group) + "/";
  path += type.version;
  if (type.namespaced && !name_space.empty()) path += "/namespaces/" + escape_url(name_space);
  path += "/";
  path += type.plural;
  return path;
}

std::string object_path(const ResourceType& type, const ObjectKey& key, std::string_view subresource) {
  std::string path = collection_path(type, key.name_space) + "/" + escape_url(key.name);
  if (!subresource.empty()) path += "/" + std::string(subresource);
  return path;
}

}  // namespace storagepool::kube
