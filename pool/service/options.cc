#include "pool/service/options.h"

#include <ostream>

#include <CLI/CLI.hpp>

#include "pool/runtime/command_line.h"
#include "pool/settings/duration.h"
#include "pool/settings/settings.h"

namespace storagepool::service {
namespace {

constexpr int kUsageError = 2;

std::string settings_help() {
  std::string text = "Settings (configuration file, or environment where a name is given):\n";
  for (const settings::Setting& setting : settings::table()) {
    text += "  " + std::string(setting.key) + ": " + std::string(setting.doc) + " (" +
            settings::allowed_range(setting) + ")";
    for (const auto& name : setting.environment) text += " " + std::string(name.name);
    text += "\n";
  }
  return text;
}

}  // namespace

tl::expected<Options, int> parse_options(int argc, const char* const* argv, std::ostream& out,
                                         std::ostream& error) {
  Options options;
  std::string drain_timeout = settings::format_duration(options.drain_timeout);

  CLI::App app("DataStorage: stores audit events in PostgreSQL over a bounded pool of connections.",
               "datastorage");
  app.set_version_flag("--version", "datastorage " STORAGEPOOL_VERSION);
  app.footer(settings_help());
  app.add_option("--config", options.config_file, "Configuration file (YAML)")->capture_default_str();
  app.add_option("--credentials-dir", options.credentials_dir, "Folder with the files username and password")
      ->capture_default_str();
  app.add_option("--ca-file", options.ca_file,
                 "CA that signed PostgreSQL's certificate (PEM), for sslMode verify-*")
      ->capture_default_str();
  app.add_option("--admin-token-file", options.admin_token_file, "Bearer token of the administration port")
      ->capture_default_str();
  app.add_option("--state-dir", options.state_dir, "Folder that keeps the settings in force across restarts")
      ->capture_default_str();
  app.add_option("--listen-address", options.listen_address, "Address of every port")->capture_default_str();
  app.add_option("--api-port", options.api_port, "Audit API; 0: the kernel chooses")->capture_default_str();
  app.add_option("--health-port", options.health_port, "/healthz, /livez, /readyz")->capture_default_str();
  app.add_option("--admin-port", options.admin_port, "/admin/settings, /admin/facts")->capture_default_str();
  app.add_option("--metrics-port", options.metrics_port, "/metrics")->capture_default_str();
  app.add_option("--drain-timeout", drain_timeout,
                 "Longest wait for work under way after SIGTERM, such as 25s")
      ->check([](const std::string& text) {
        const auto duration = settings::parse_duration(text);
        const bool fits =
            duration && *duration >= std::chrono::seconds{1} && *duration <= std::chrono::hours{1};
        return fits ? std::string() : "got \"" + text + "\"; allowed: a duration from 1s to 1h";
      })
      ->capture_default_str();
  command_line::add_log_level(app, options.log_level);

  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& problem) {
    return tl::unexpected(app.exit(problem, out, error) == 0 ? 0 : kUsageError);
  }
  options.drain_timeout = settings::parse_duration(drain_timeout).value_or(options.drain_timeout);
  return options;
}

}  // namespace storagepool::service
