#include "pool/service/config/config_source.h"

namespace storagepool::service {

tl::expected<settings::Settings, settings::Problems> resolve_with_environment(
    const settings::Given& pool, std::string_view source, const settings::Given& environment) {
  const auto merged = settings::merge(pool, source, environment, "the environment");
  if (!merged) return tl::unexpected(merged.error());
  return settings::resolve(*merged);
}

tl::expected<InForce, settings::Problems> choose_config(const settings::Config& mounted,
                                                        const std::optional<settings::Config>& persisted,
                                                        const settings::Given& environment) {
  InForce chosen{.config = mounted, .settings = {}};
  std::string_view source = "the configuration file";
  if (persisted && persisted->generation > 0 && persisted->generation >= mounted.generation) {
    chosen.config.generation = persisted->generation;
    chosen.config.pool = persisted->pool;
    source = "the persisted configuration";
  }
  const auto settings = resolve_with_environment(chosen.config.pool, source, environment);
  if (!settings) return tl::unexpected(settings.error());
  chosen.settings = *settings;
  return chosen;
}

Verdict judge(const InForce& in_force, std::int64_t generation, const settings::Settings& settings) {
  if (generation > in_force.config.generation) return Verdict::kApply;
  if (generation < in_force.config.generation) return Verdict::kStale;
  return settings == in_force.settings ? Verdict::kSame : Verdict::kConflict;
}

}  // namespace storagepool::service
