// StoragePools and what their pods say of themselves, asked of a cluster.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "operator/cli/commands/command.h"
#include "operator/cli/output/samples.h"
#include "operator/reconcile/status/status.h"

namespace storagepool::cli {

inline constexpr const char* kStoragePools = "storagepools.storagepool.dev";

struct Pool {
  Json object;
  std::string name_space;
  std::string name;
  reconcile::Status status;

  std::string title() const { return name_space + "/" + name; }
};

// A pod's metrics, or why they cannot be had; by "NAMESPACE/POD".
using PodSamples = std::map<std::string, Result<Samples>>;

Pool pool_of(Json object);

// Those with these names, or all; in the order of namespace and name. One that is not there is a failure.
Result<std::vector<Pool>> get_pools(const Context& context, const std::vector<std::string>& names);
// Of all pods that the statuses name.
PodSamples ask_pods(const Context& context, const std::vector<Pool>& pools);

}  // namespace storagepool::cli
