// The command line of `datastorage`. Flags only; the pool's settings come from the configuration file and the
// environment names of the settings table.
#pragma once

#include <chrono>
#include <cstdint>
#include <iosfwd>
#include <optional>
#include <string>
#include <vector>

#include <tl/expected.hpp>

#include "pool/auth/auth.h"
#include "pool/common/runtime/log.h"
#include "pool/common/settings/access_log.h"
#include "pool/common/settings/event_indexes.h"
#include "pool/common/settings/min_days.h"
#include "pool/common/settings/networks.h"
#include "pool/common/settings/service_limits.h"
#include "pool/event/validate.h"

namespace storagepool::service {

struct Options {
  std::string config_file = "/etc/storagepool/config/config.yaml";
  std::string credentials_dir = "/etc/storagepool/credentials";  // files "username" and "password"
  std::string ca_file = "/etc/storagepool/ca/ca.crt";
  std::string operator_keys = "/etc/storagepool/config/operator-keys";
  std::string state_dir = "/var/lib/storagepool";
  std::string pod_uid;  // tells the pods apart that have state_dir one after the other; the operator names it
  std::string session_name;  // of the pod at PostgreSQL
  auth::AuthMode auth_mode = auth::AuthMode::kNone;
  std::string auth_dir = "/etc/storagepool/auth";  // tokens or public keys
  std::string access_file = "/etc/storagepool/config/access.json";
  std::string auth_issuer;  // of PASETO tokens; "": anybody
  std::string auth_audience;
  std::string tls_dir;        // tls.crt and tls.key of the API port; empty: clear text
  std::string tls_client_ca;  // of clients' certificates; empty: none are asked for
  std::string log_key_file = "/etc/storagepool/log/key";  // absent: events get no entries in the log
  std::string listen_address = "::";                      // and IPv4
  std::uint16_t api_port = 8080;                          // each: 0 lets the kernel choose
  std::uint16_t health_port = 8081;
  std::uint16_t admin_port = 8082;
  std::uint16_t metrics_port = 9090;
  std::chrono::milliseconds keep_alive_timeout = settings::kDefaultKeepAliveTimeout;
  std::chrono::milliseconds drain_delay = settings::kDefaultDrainDelay;
  std::chrono::milliseconds drain_timeout{25'000};                  // after the delay
  std::int64_t journal_max_bytes = settings::kDefaultJournalBytes;  // 0: no journal
  event::TimeLimits event_times;
  settings::EventIndexes indexes;  // of events, beside those that are always there
  settings::MinDays min_days;      // that events are kept for, by category
  double requests_per_second = 0;  // of one client; 0: no limit
  std::size_t request_burst = settings::kDefaultRequestBurst;
  std::vector<settings::Network> trusted_proxies;  // who say for whom they forward
  settings::AccessLog access_log;
  std::optional<std::int64_t> http_threads;  // 0 to settings::kMaxHttpThreads; none: by the CPU limit
  log::Level log_level = log::Level::kInfo;
};

auth::AuthOptions auth_options(const Options& options);

// The options, or the exit code when there is nothing to run: 0 after --help and --version (written to
// `out`), 2 after an error (written to `error`).
tl::expected<Options, int> parse_options(int argc, const char* const* argv, std::ostream& out,
                                         std::ostream& error);

}  // namespace storagepool::service
