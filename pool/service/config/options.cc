#include "pool/service/config/options.h"

#include <algorithm>
#include <ostream>
#include <string>

#include <CLI/CLI.hpp>

#include "pool/common/runtime/command_line.h"
#include "pool/common/settings/bytes.h"
#include "pool/common/settings/duration.h"
#include "pool/common/settings/settings.h"
#include "pool/journal/journal.h"

namespace storagepool::service {
namespace {

constexpr int kUsageError = 2;
constexpr std::size_t kMaxSessionName = 255;
static_assert(settings::kMinJournalBytes == journal::kMinBytes);

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

// A flag that takes a duration from `lowest` to `highest`; `value` holds the default.
void add_duration(CLI::App& app, const std::string& flag, std::chrono::milliseconds& value,
                  std::chrono::milliseconds lowest, std::chrono::milliseconds highest,
                  const std::string& description) {
  const std::string allowed =
      "a duration from " + settings::format_duration(lowest) + " to " + settings::format_duration(highest);
  app.add_option_function<std::string>(
         flag, [&value](const std::string& text) { value = settings::parse_duration(text).value_or(value); },
         description + " (" + allowed + ")")
      ->check([=](const std::string& text) {
        const auto duration = settings::parse_duration(text);
        if (duration && *duration >= lowest && *duration <= highest) return std::string();
        return "got \"" + text + "\"; allowed: " + allowed;
      })
      ->default_str(settings::format_duration(value));
}

// A flag that takes a size, 0 or from `lowest` to `highest`; `value` holds the default.
void add_bytes(CLI::App& app, const std::string& flag, std::int64_t& value, std::int64_t lowest,
               std::int64_t highest, const std::string& description) {
  const std::string allowed =
      "0 or a size from " + settings::format_bytes(lowest) + " to " + settings::format_bytes(highest);
  app.add_option_function<std::string>(
         flag, [&value](const std::string& text) { value = settings::parse_bytes(text).value_or(value); },
         description + " (" + allowed + ")")
      ->check([=](const std::string& text) {
        const auto bytes = settings::parse_bytes(text);
        if (bytes && (*bytes == 0 || (*bytes >= lowest && *bytes <= highest))) return std::string();
        return "got \"" + text + "\"; allowed: " + allowed;
      })
      ->default_str(settings::format_bytes(value));
}

void add_places(CLI::App& app, Options& options) {
  app.add_option("--config", options.config_file, "Configuration file (YAML)")->capture_default_str();
  app.add_option("--credentials-dir", options.credentials_dir, "Folder with the files username and password")
      ->capture_default_str();
  app.add_option("--ca-file", options.ca_file,
                 "CA that signed PostgreSQL's certificate (PEM), for sslMode verify-*")
      ->capture_default_str();
  app.add_option(
         "--operator-keys", options.operator_keys,
         "File with the public keys of the operator, whose signed requests the administration port takes")
      ->capture_default_str();
  app.add_option("--state-dir", options.state_dir,
                 "Folder that keeps the settings in force and the journal across restarts")
      ->capture_default_str();
  app.add_option("--pod-uid", options.pod_uid,
                 "UID of the pod: what the operator signs is for it alone; told to leave, it is on its way "
                 "out also after "
                 "a restart of its container");
  app.add_option("--session-name", options.session_name,
                 "Name of this pod, and of no other, among the sessions of PostgreSQL: those that a process "
                 "before has left behind count in maxOpenConns until PostgreSQL lets them go")
      ->check([](const std::string& text) -> std::string {
        const bool plain = std::all_of(text.begin(), text.end(), [](char letter) {
          return letter > ' ' && letter <= '~' && letter != '#';
        });
        if (plain && !text.empty() && text.size() <= kMaxSessionName) return {};
        return "got '" + text + "'; allowed: 1 to " + std::to_string(kMaxSessionName) +
               " visible ASCII characters without #";
      });
}

void add_ports(CLI::App& app, Options& options) {
  app.add_option("--listen-address", options.listen_address,
                 "Address of every port; ::, also IPv4, and IPv4 alone where the host has no IPv6")
      ->capture_default_str();
  app.add_option("--api-port", options.api_port, "Audit API; 0: the kernel chooses")->capture_default_str();
  app.add_option(
      "--tls-dir", options.tls_dir,
      "Folder with tls.crt (with its chain) and tls.key: the API speaks TLS 1.2 or newer, and nothing "
      "else; read anew when they change");
  app.add_option("--tls-client-ca", options.tls_client_ca,
                 "CA (PEM) of clients' certificates: those that have one are who it says");
  app.add_option("--health-port", options.health_port, "/healthz, /livez, /readyz")->capture_default_str();
  app.add_option("--admin-port", options.admin_port, "/admin/settings, /admin/facts")->capture_default_str();
  app.add_option("--metrics-port", options.metrics_port, "/metrics")->capture_default_str();
}

void add_authentication(CLI::App& app, Options& options) {
  app.add_option_function<std::string>(
         "--auth-mode",
         [&options](const std::string& text) {
           options.auth_mode = auth::parse_auth_mode(text).value_or(options.auth_mode);
         },
         "Who may use the audit API: everyone (None), holders of a token of the mounted files (Token), of a "
         "PASETO v4.public token (Paseto), or of a Kubernetes service-account token (ServiceAccount)")
      ->check(CLI::IsMember({"None", "Token", "Paseto", "ServiceAccount"}))
      ->default_str(std::string(auth::to_string(options.auth_mode)));
  app.add_option("--auth-dir", options.auth_dir, "Folder with the tokens or public keys of --auth-mode")
      ->capture_default_str();
  app.add_option("--access-file", options.access_file,
                 "File with the issuer, its keys and the rights of service accounts (JSON)")
      ->capture_default_str();
  app.add_option("--auth-issuer", options.auth_issuer,
                 "What PASETO tokens must have as iss; not checked by default");
  app.add_option("--auth-audience", options.auth_audience,
                 "What PASETO tokens must have as aud, or among it; not checked by default");
  app.add_option_function<std::string>(
         "--trusted-proxies",
         [&options](const std::string& text) {
           options.trusted_proxies = settings::parse_networks(text).value_or(options.trusted_proxies);
         },
         "Whose X-Forwarded-For to the audit API is believed, as far as who added to it is one of them: " +
             std::string(settings::kAllowedNetworks) + "; nobody's by default")
      ->check([](const std::string& text) -> std::string {
        if (settings::parse_networks(text)) return {};
        return "got \"" + text + "\"; allowed: " + std::string(settings::kAllowedNetworks);
      });
}

void add_evidence(CLI::App& app, Options& options) {
  app.add_option(
         "--log-key-file", options.log_key_file,
         "File with the private key of the log (PRIVATE+KEY+name+id+base64): each event that is stored "
         "gets an entry in the log; read anew when it changes. Without it: no entries")
      ->capture_default_str();
}

void add_limits(CLI::App& app, Options& options) {
  using std::chrono::hours;
  using std::chrono::seconds;
  add_duration(app, "--keep-alive-timeout", options.keep_alive_timeout, settings::kMinKeepAliveTimeout,
               settings::kMaxKeepAliveTimeout,
               "How long a connection to the audit API is kept without a request, as answers tell in "
               "Keep-Alive; must be longer than proxies in front keep theirs");
  add_duration(app, "--drain-delay", options.drain_delay, seconds{0}, settings::kMaxDrainDelay,
               "How long after SIGTERM requests are served as before while no longer ready, so that whoever "
               "leads traffic here hears of it; a second SIGTERM ends it");
  add_duration(app, "--drain-timeout", options.drain_timeout, seconds{1}, hours{1},
               "Longest wait for work under way after --drain-delay");
  add_bytes(app, "--journal-max-bytes", options.journal_max_bytes, settings::kMinJournalBytes,
            settings::kMaxJournalBytes,
            "Largest journal of events accepted while PostgreSQL cannot take them; 0: no journal");
  add_duration(app, "--event-max-future", options.event_times.future, seconds{0}, hours{24 * 365},
               "How far ahead an event's time may lie");
  add_duration(app, "--event-max-past", options.event_times.past, seconds{1}, hours{24 * 3650},
               "How far back an event's time may lie");
  app.add_option_function<std::string>(
         "--retention-min-days",
         [&options](const std::string& text) {
           options.min_days = settings::parse_min_days(text).value_or(options.min_days);
         },
         "Days for which events of a category are kept at least, whatever their clients ask (" +
             std::string(settings::kAllowedMinDays) + ")")
      ->check([](const std::string& text) -> std::string {
        if (settings::parse_min_days(text)) return {};
        return "got \"" + text + "\"; allowed: " + std::string(settings::kAllowedMinDays);
      });
  app.add_option_function<std::string>(
         "--indexes",
         [&options](const std::string& text) {
           options.indexes = settings::parse_event_indexes(text).value_or(options.indexes);
         },
         "What of events is indexed besides, for lists of an actor_id or a resource_id: " +
             std::string(settings::kAllowedEventIndexes) +
             "; made and dropped month by month while events are stored")
      ->check([](const std::string& text) -> std::string {
        if (settings::parse_event_indexes(text)) return {};
        return "got \"" + text + "\"; allowed: " + std::string(settings::kAllowedEventIndexes);
      });
  app.add_option("--rate-limit", options.requests_per_second,
                 "Requests per second of one client address to the audit API; 0: no limit")
      ->check(CLI::Range(0.0, static_cast<double>(settings::kMaxRequestsPerSecond)))
      ->capture_default_str();
  app.add_option("--rate-limit-burst", options.request_burst, "Requests of one client that may come at once")
      ->check(CLI::Range(std::size_t{1}, std::size_t{settings::kMaxRequestBurst}))
      ->capture_default_str();
  app.add_option(
         "--http-threads", options.http_threads,
         "Threads that receive and answer the API's requests beside the one that does all else; 0: that "
         "one does this too (default: by the CPU limit, one less than its whole CPUs)")
      ->check(CLI::Range(std::int64_t{0}, settings::kMaxHttpThreads));
}

}  // namespace

auth::AuthOptions auth_options(const Options& options) {
  auth::AuthOptions chosen{
      .mode = options.auth_mode, .dir = options.auth_dir, .access_file = options.access_file};
  chosen.parties.issuer = options.auth_issuer;
  if (!options.auth_audience.empty()) chosen.parties.audiences = {options.auth_audience};
  return chosen;
}

tl::expected<Options, int> parse_options(int argc, const char* const* argv, std::ostream& out,
                                         std::ostream& error) {
  Options options;

  CLI::App app("DataStorage: stores audit events in PostgreSQL over a bounded pool of connections.",
               "datastorage");
  app.set_version_flag("--version", "datastorage " STORAGEPOOL_VERSION);
  app.footer(settings_help());
  add_places(app, options);
  add_ports(app, options);
  add_authentication(app, options);
  add_evidence(app, options);
  add_limits(app, options);
  app.add_option_function<std::string>(
         "--access-log",
         [&options](const std::string& text) {
           options.access_log = settings::parse_access_log(text).value_or(options.access_log);
         },
         "Which requests to the audit API have a line of JSON on standard output: none (off), those answered "
         "with 400 "
         "or above (errors), or one in so many")
      ->check([](const std::string& text) -> std::string {
        if (settings::parse_access_log(text)) return {};
        return "got \"" + text + "\"; allowed: " + std::string(settings::kAllowedAccessLog);
      })
      ->default_str("off");
  command_line::add_log_level(app, options.log_level);

  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& problem) {
    return tl::unexpected(app.exit(problem, out, error) == 0 ? 0 : kUsageError);
  }
  return options;
}

}  // namespace storagepool::service
