// Which configuration is in force, from the sources a pod has: the mounted file (the operator's ConfigMap,
// which may be stale), the persisted one (what this pod acknowledged last), the environment, and changes that
// the operator pushes. Pure: callers read and write the files.
//
// Every source of settings carries the operator's generation and the highest one wins. The environment
// carries none: it adds to whatever is in force, and an environment value that contradicts it is an error
// naming both.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include <tl/expected.hpp>

#include "pool/common/settings/config_file.h"
#include "pool/common/settings/settings.h"

namespace storagepool::service {

struct InForce {
  settings::Config config;  // `postgres` as mounted, `pool` as given by the source that won
  settings::Settings settings;
  friend bool operator==(const InForce&, const InForce&) = default;
};

// At start. Of equal generations the persisted one wins, because it was acknowledged.
tl::expected<InForce, settings::Problems> choose_config(const settings::Config& mounted,
                                                        const std::optional<settings::Config>& persisted,
                                                        const settings::Given& environment);

// The complete settings of a change together with the environment.
tl::expected<settings::Settings, settings::Problems> resolve_with_environment(
    const settings::Given& pool, std::string_view source, const settings::Given& environment);

enum class Verdict {
  kApply,     // a higher generation
  kSame,      // the generation in force with the settings in force
  kStale,     // a lower generation
  kConflict,  // the generation in force with other settings
};
Verdict judge(const InForce& in_force, std::int64_t generation, const settings::Settings& settings);

}  // namespace storagepool::service
