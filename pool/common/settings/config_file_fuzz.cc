// Configuration files: what is accepted is within its ranges, and written out it reads back the same.
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "pool/common/fuzzing/require.h"
#include "pool/common/settings/config_file.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace storagepool::settings;
  using storagepool::fuzzing::require;
  const auto config = parse_config({reinterpret_cast<const char*>(data), size});
  if (!config) {
    require(!config.error().empty() && !to_string(config.error()).empty(), "a refusal says why");
    return 0;
  }
  require(config->generation >= 0, "the generation is not negative");
  require(!config->postgres.host.empty() && !config->postgres.database.empty(),
          "host and database are named");
  for (const std::string* name : {&config->postgres.host, &config->postgres.database}) {
    require(name->find('\0') == std::string::npos, "libpq reads the names whole");
  }
  for (const auto& [key, value] : config->pool) {
    const Setting* setting = find(key);
    require(setting != nullptr, "every key is a setting");
    require((value == 0 && setting->zero_allowed) || (value >= setting->minimum && value <= setting->maximum),
            "every value is within its range");
  }
  const auto again = parse_config(render_config(*config));
  require(again.has_value(), "an accepted configuration, written out, is accepted");
  Config kept = *config;
  kept.ignored.clear();
  require(*again == kept, "an accepted configuration, written out, reads back the same");
  if (const auto settings = resolve(config->pool)) {
    require(resolve(to_given(*settings)) == settings, "resolved settings resolve to themselves");
  }
  return 0;
}
