#include "operator/cli/commands/pools.h"

#include <algorithm>
#include <tuple>
#include <utility>

#include "operator/cli/output/progress.h"
#include "operator/render/render.h"
#include "pool/common/json/json.h"

namespace storagepool::cli {
namespace {

Failure explained(Failure failure) {
  if (failure.kind == FailureKind::kNotFound && failure.message.find("resource type") != std::string::npos)
    failure.message += "; is the operator installed in this cluster?";
  if (failure.kind == FailureKind::kForbidden)
    failure.message += "; the right that is missing: get and list storagepools.storagepool.dev";
  return failure;
}

}  // namespace

Pool pool_of(Json object) {
  Pool pool{.object = std::move(object), .name_space = {}, .name = {}, .status = {}};
  pool.name_space = json::text_at(pool.object, "/metadata/namespace");
  pool.name = json::text_at(pool.object, "/metadata/name");
  pool.status = reconcile::parse_status(json::member(pool.object, "status"));
  return pool;
}

Result<std::vector<Pool>> get_pools(const Context& context, const std::vector<std::string>& names) {
  Words words{kStoragePools};
  words.insert(words.end(), names.begin(), names.end());
  const Words scope = context.options.scope();
  words.insert(words.end(), scope.begin(), scope.end());
  const Progress progress(context.err(), context.around.err_is_terminal, "asking for the StoragePools");
  auto items = get_items(*context.cluster, std::move(words));
  if (!items) return tl::unexpected(explained(std::move(items.error())));
  std::vector<Pool> pools;
  for (Json& item : *items) pools.push_back(pool_of(std::move(item)));
  std::sort(pools.begin(), pools.end(), [](const Pool& a, const Pool& b) {
    return std::tie(a.name_space, a.name) < std::tie(b.name_space, b.name);
  });
  return pools;
}

PodSamples ask_pods(const Context& context, const std::vector<Pool>& pools) {
  std::vector<std::pair<std::string, std::string>> pods;  // namespace, name
  for (const Pool& pool : pools) {
    if (!pool.status.pods) continue;
    for (const auto& pod : pool.status.pods->pods) pods.emplace_back(pool.name_space, pod.name);
  }
  std::vector<Result<Samples>> answers(pods.size());
  Progress progress(context.err(), context.around.err_is_terminal, "asking the pods for their numbers",
                    pods.size());
  for_each_at_once(pods.size(), [&](std::size_t i) {
    answers[i] =
        get_from_pod(*context.cluster, pods[i].first, pods[i].second, render::kMetricsPort, "/metrics")
            .map([](const std::string& text) { return parse_samples(text); });
    progress.step();
  });
  PodSamples samples;
  for (std::size_t i = 0; i < pods.size(); ++i)
    samples.emplace(pods[i].first + "/" + pods[i].second, std::move(answers[i]));
  return samples;
}

}  // namespace storagepool::cli
