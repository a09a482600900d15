// What the operator and a managed pod say to each other on the administration port (8082, `Authorization:
// Bearer` with the StoragePool's admin token). JSON, at most 64 KiB.
//
//   PUT /admin/settings   SettingsChange -> 200 SettingsReport (in force and persisted),
//                         409 when a higher generation is in force, 400 when a value is refused
//   GET /admin/settings   -> 200 SettingsReport, read back from the engine
//   GET /admin/facts      -> 200 FactsReport, the last that PostgreSQL told this pod
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include <tl/expected.hpp>

#include "pool/common/settings/settings.h"

namespace storagepool::settings {

struct SettingsChange {
  std::int64_t generation = 0;
  Given settings;  // every setting; what is missing takes its default
  friend bool operator==(const SettingsChange&, const SettingsChange&) = default;
};

// What is in force in the engine now. A shrink is acknowledged once `sockets() <= settings.max_open_conns`.
struct SettingsReport {
  std::int64_t applied_generation = 0;
  Settings settings;
  std::int64_t open = 0;  // established connections: in_use + idle
  std::int64_t opening = 0;
  std::int64_t closing = 0;  // Terminate sent, the server has not let go yet
  std::int64_t in_use = 0;
  std::int64_t idle = 0;
  std::int64_t waiting = 0;
  std::int64_t wait_count = 0;
  std::int64_t open_high_water = 0;

  std::int64_t sockets() const { return open + opening + closing; }
  friend bool operator==(const SettingsReport&, const SettingsReport&) = default;
};

// The limits of a PostgreSQL server as one session of the pod's role sees them (docs/architecture.md).
struct ServerFacts {
  std::string system_identifier;    // pg_control_system(); empty where the role may not read it
  std::int64_t server_version = 0;  // server_version_num, e.g. 150008
  std::int64_t max_connections = 0;
  std::int64_t superuser_reserved_connections = 0;
  std::int64_t reserved_connections = 0;       // 0 before PostgreSQL 16
  std::optional<std::int64_t> role_limit;      // pg_roles.rolconnlimit, absent when unlimited
  std::optional<std::int64_t> database_limit;  // pg_database.datconnlimit, absent when unlimited
  std::int64_t sessions = 0;                   // client backends on the server at that moment
  friend bool operator==(const ServerFacts&, const ServerFacts&) = default;
};

// Why PostgreSQL cannot be used, by cause. The wire form is the snake_case name, e.g. "credentials_rejected".
enum class PostgresFault {
  kCredentialsMissing,   // the mounted Secret is absent or lacks username or password
  kCredentialsRejected,  // SQLSTATE class 28
  kTls,                  // handshake, certificate or CA
  kServerFull,           // 53300
  kDatabaseMissing,      // 3D000
  kUnreachable,          // DNS, TCP or timeout
  kReadOnly,             // 25006, or a standby
  kNotPermitted,         // 42501
  kSchema,               // a migration failed
  kOther,
};
std::string_view to_string(PostgresFault fault);
std::optional<PostgresFault> parse_postgres_fault(std::string_view text);

struct FactsReport {
  bool reachable = false;            // the last attempt succeeded
  std::optional<ServerFacts> facts;  // the last known, also while unreachable
  std::int64_t facts_age_seconds = 0;
  std::optional<PostgresFault> fault;
  std::string detail;  // one sentence of allow-listed fields, never libpq's text or a credential
  friend bool operator==(const FactsReport&, const FactsReport&) = default;
};

std::string to_json(const SettingsChange& change);
std::string to_json(const SettingsReport& report);
std::string to_json(const FactsReport& report);
tl::expected<SettingsChange, Problems> parse_settings_change(std::string_view json);
tl::expected<SettingsReport, Problems> parse_settings_report(std::string_view json);
tl::expected<FactsReport, Problems> parse_facts_report(std::string_view json);

}  // namespace storagepool::settings
