// StoragePools in files, as kubectl reads them: YAML or JSON, several documents, lists. Pure.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "operator/cli/cluster/cluster.h"

namespace storagepool::cli {

inline constexpr std::size_t kMostManifestBytes = std::size_t{1} << 20;

// The StoragePools among the objects of a text, in their order; objects of other kinds are left out. An error
// names the document.
Result<std::vector<Json>> storage_pools_in(std::string_view text);

}  // namespace storagepool::cli
