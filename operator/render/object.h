// What all rendered objects share.
#pragma once

#include <string>
#include <string_view>

#include "operator/render/storage_pool.h"

namespace storagepool::render {

// The volume with a pod's journal and settings.
inline constexpr std::string_view kStateVolume = "state";

Json pod_labels(const std::string& pool);
Json selector_labels(const std::string& pool);
// apiVersion, kind and metadata with labels and the owner reference.
Json owned(const Identity& pool, std::string_view api_version, std::string_view kind,
           const std::string& name);

}  // namespace storagepool::render
