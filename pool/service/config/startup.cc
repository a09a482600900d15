#include "pool/service/config/startup.h"

#include <cstdlib>
#include <optional>
#include <string_view>
#include <utility>

#include "pool/common/runtime/files.h"
#include "pool/common/runtime/log.h"

namespace storagepool::service {
namespace {

std::optional<settings::Config> read_persisted(const std::string& path) {
  const auto text = runtime::read_file(path, settings::kMaxConfigBytes);
  if (!text) return std::nullopt;  // none yet
  auto config = settings::parse_config(*text);
  if (config) return std::move(*config);
  log::error("the persisted configuration is not usable, going on with the mounted one",
             {{"path", path}, {"detail", settings::to_string(config.error())}});
  return std::nullopt;
}

std::optional<std::string> environment(std::string_view name) {
  const char* value = std::getenv(std::string(name).c_str());
  return value == nullptr ? std::nullopt : std::optional<std::string>(value);
}

}  // namespace

std::string persisted_config_file(const Options& options) {
  return options.state_dir + "/config.yaml";
}

tl::expected<Startup, std::string> read_startup(const Options& options) {
  const auto text = runtime::read_file(options.config_file, settings::kMaxConfigBytes);
  if (!text) return tl::unexpected(text.error());
  const auto mounted = settings::parse_config(*text);
  if (!mounted) return tl::unexpected(options.config_file + ": " + settings::to_string(mounted.error()));
  auto given = settings::from_environment(environment);
  if (!given) return tl::unexpected(settings::to_string(given.error()));
  auto in_force = choose_config(*mounted, read_persisted(persisted_config_file(options)), *given);
  if (!in_force) return tl::unexpected(settings::to_string(in_force.error()));
  return Startup{std::move(*in_force), std::move(*given)};
}

}  // namespace storagepool::service
