#include "operator/cli/cluster/cluster.h"

#include <utility>

namespace storagepool::cli {
namespace {

bool has(std::string_view text, std::string_view part) {
  return text.find(part) != std::string_view::npos;
}

}  // namespace

Result<Json> get_json(const Cluster& cluster, Words words) {
  words.insert(words.begin(), "get");
  words.insert(words.end(), {"-o", "json"});
  auto text = cluster.run(words);
  if (!text) return tl::unexpected(std::move(text.error()));
  Json json = Json::parse(*text, nullptr, false);
  if (!json.is_object())
    return tl::unexpected(Failure{FailureKind::kUnreadable,
                                  "kubectl get " + words.at(1) + " printed something else than JSON"});
  return json;
}

Result<std::vector<Json>> get_items(const Cluster& cluster, Words words) {
  auto list = get_json(cluster, std::move(words));
  if (!list) return tl::unexpected(std::move(list.error()));
  std::vector<Json> items;
  const auto found = list->find("items");
  if (found == list->end() || !found->is_array()) {
    items.push_back(std::move(*list));
  } else {
    for (Json& item : *found) items.push_back(std::move(item));
  }
  return items;
}

Result<std::string> get_from_pod(const Cluster& cluster, const std::string& name_space,
                                 const std::string& pod, int port, const std::string& path) {
  return cluster.run(
      {"get", "--raw",
       "/api/v1/namespaces/" + name_space + "/pods/" + pod + ":" + std::to_string(port) + "/proxy" + path});
}

FailureKind kind_of(std::string_view text) {
  if (has(text, "(Forbidden)") || has(text, "forbidden")) return FailureKind::kForbidden;
  if (has(text, "(NotFound)") || has(text, "doesn't have a resource type")) return FailureKind::kNotFound;
  if (has(text, "Client.Timeout") || has(text, "deadline exceeded") || has(text, "i/o timeout"))
    return FailureKind::kTimedOut;
  return FailureKind::kOther;
}

}  // namespace storagepool::cli
