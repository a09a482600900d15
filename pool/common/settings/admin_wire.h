// What the operator and a managed pod say to each other on the administration port (8082, `Authorization:
// Bearer` with the StoragePool's admin token). JSON, at most 64 KiB.
//
//   PUT /admin/settings   SettingsChange -> 200 SettingsReport (in force and persisted),
//                         409 when a higher generation is in force, 400 when a value is refused
//   GET /admin/settings   -> 200 SettingsReport, read back from the engine
//   PUT /admin/leaving    LeavingChange -> 200 SettingsReport
//   GET /admin/facts      -> 200 FactsReport, the last that PostgreSQL told this pod, which asks it anew
//   PUT /admin/log        LogFloor -> 200 LogReport, 409 when the log cannot be told or the floor is
//   another's
//
// Operator and pods may be of different versions: of what the other says, keys that are not known are left
// alone, and what is not there has its default. A pod tells which settings it was given and does not know,
// and by those of its report which it knows: the operator sends it no others, and expects no others in force.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <tl/expected.hpp>

#include "pool/common/settings/settings.h"

namespace storagepool::settings {

struct SettingsChange {
  std::int64_t generation = 0;
  Given settings;     // every setting; what is missing takes its default
  Ignored ignored{};  // those that the receiver does not know
  friend bool operator==(const SettingsChange&, const SettingsChange&) = default;
};

// A pod that is to go is not ready, and after its drain delay takes no new event into its journal, so that
// the journal runs empty. Told again, the delay goes on.
struct LeavingChange {
  bool leaving = false;
  friend bool operator==(const LeavingChange&, const LeavingChange&) = default;
};

// What the pod's journal holds: what it has acknowledged and PostgreSQL does not have yet.
struct JournalReport {
  std::int64_t waiting_events = 0;   // to be replayed
  std::int64_t waiting_units = 0;    // the calls that brought them
  std::int64_t set_aside_units = 0;  // refused at the replay, kept for a person
  std::int64_t oldest_seconds = 0;   // how long the oldest has waited
  bool takes_events = false;         // durable and with room, so that 202 can be answered
  std::string reason;                // why it takes none; empty when it does
  friend bool operator==(const JournalReport&, const JournalReport&) = default;
};

// What is in force in the engine now. A shrink is acknowledged once `sockets() <= settings.max_open_conns`.
struct SettingsReport {
  std::int64_t applied_generation = 0;
  Settings settings;
  Ignored not_known{};    // settings that the pod is too old to know; they have their defaults here
  Ignored ignored{};      // settings that the pod was given and is too old to know, as it tells itself
  std::int64_t open = 0;  // established connections: in_use + idle
  std::int64_t opening = 0;
  std::int64_t closing = 0;  // Terminate sent, the server has not let go yet
  std::int64_t in_use = 0;
  std::int64_t idle = 0;
  std::int64_t waiting = 0;
  std::int64_t wait_count = 0;
  std::int64_t open_high_water = 0;
  bool leaving = false;                  // what the pod was told, once its journal can take nothing more
  std::vector<std::string> not_ready;    // as /readyz tells them; none: the pod is ready
  std::optional<JournalReport> journal;  // absent: the pod has none, or is too old to tell

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
  // By the server's own clock, in milliseconds of Unix time; 0 from pods that are too old to tell.
  std::int64_t started_at = 0;  // pg_postmaster_start_time()
  std::int64_t read_at = 0;     // when these were read
  // Of the sessions those of others than StoragePools' pods; absent from pods that are too old to tell.
  std::optional<std::int64_t> other_sessions{};
  void forget_moment() {  // what changes by itself
    sessions = read_at = 0;
    other_sessions.reset();
  }
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
  kCommitsEarly,         // synchronous_commit is off, which sessions do not follow; nothing fails
  kOther,
};
std::string_view to_string(PostgresFault fault);
std::optional<PostgresFault> parse_postgres_fault(std::string_view text);

// PostgreSQL had no connection left when the pod wanted one (53300), and it is not known to be over: the
// server's facts have not yet been read some seconds after the last time.
struct Refusals {
  std::int64_t count = 0;  // since the program started
  std::int64_t at = 0;     // of the last, by the server's own clock as ServerFacts::read_at; 0: not known
  std::string detail;      // of the last, as FactsReport::detail
  friend bool operator==(const Refusals&, const Refusals&) = default;
};

// One connection made with what is not in force, to learn whether it is admitted.
struct TrialReport {
  std::string target;                  // "host:port/database"
  bool admitted = false;               // the last attempt
  std::optional<ServerFacts> facts;    // of a candidate, the last known
  std::int64_t facts_age_seconds = 0;  //
  std::optional<PostgresFault> fault;  // why it was not admitted; absent: not tried yet, or admitted
  std::string detail;
  friend bool operator==(const TrialReport&, const TrialReport&) = default;
};

// The log of the system database, as the pod has last seen it.
struct LogFacts {
  static constexpr std::size_t kMostVkeys = 8;
  std::int64_t size = 0;   // entries
  std::int64_t floor = 0;  // the size of the floor that it was told, of the same epoch
  // Why it is not sealed and not shown: "LogRolledBack" (pool/evidence/sealing/sealing.h); empty: it is.
  std::string alarm{};
  std::string detail{};
  std::int64_t epoch = 1;
  std::vector<std::string> vkeys{};  // that it is verified with, that of new entries first
  // Of the checkpoint that it was told as the floor; absent: none was told, or the pod is too old to tell.
  std::optional<std::int64_t> signatures{};
  friend bool operator==(const LogFacts&, const LogFacts&) = default;
};

// What a person has asked for after a rollback: the next epoch of the log, over what there is of it.
struct LogRestart {
  std::int64_t epoch = 0;
  std::string reason{};
  friend bool operator==(const LogRestart&, const LogRestart&) = default;
};

// What the operator keeps of the log: a checkpoint of it, cosigned (c2sp.org/tlog-cosignature). A pod signs
// and shows no log that does not begin with it.
struct LogFloor {
  std::string checkpoint{};             // a signed note; empty: nothing is kept yet
  bool grow = false;                    // the newest checkpoint is asked for
  std::optional<LogRestart> restart{};  // first
  // The proof that the log has grown from this size to the checkpoint is asked for, in place of the newest.
  std::optional<std::int64_t> from{};
  friend bool operator==(const LogFloor&, const LogFloor&) = default;
};

struct LogReport {
  std::string checkpoint{};        // the newest, a signed note; empty: it was not asked for
  std::string vkey{};              // that it is signed with
  std::vector<std::string> proof;  // that it continues the floor (RFC 6962, 2.1.2): hashes, base64
  friend bool operator==(const LogReport&, const LogReport&) = default;
};

struct FactsReport {
  static constexpr std::size_t kMostPodsTold = 200;  // within 64 KiB
  std::string target;          // that new sessions are opened to, and `facts` are of: "host:port/database"
  std::int64_t elsewhere = 0;  // sockets that may still lead to one that was in force before
  bool reachable = false;      // the last attempt succeeded
  std::optional<ServerFacts> facts;  // the last known, also while unreachable
  std::int64_t facts_age_seconds = 0;
  std::optional<PostgresFault> fault;  // kOther also for a cause that only a newer pod knows
  std::string detail;  // one sentence of allow-listed fields, never libpq's text or a credential
  std::optional<Refusals> refused{};
  // Of mounted settings that are not admitted yet while others are in force, or of a candidate.
  std::optional<TrialReport> trial{};
  std::int64_t mounted = 0;  // generation of the configuration as it is mounted
  // How many sessions PostgreSQL shows of each pod of the same StoragePool, gone ones too, read with `facts`.
  // Absent: not known, or too many. Of a name too long for PostgreSQL the end.
  std::optional<std::map<std::string, std::int64_t>> sessions_by_pod{};
  std::optional<LogFacts> log{};  // absent: it has no key, or the pod is too old to tell
  std::string log_key_refusal{};  // why the key that is mounted is not in force; empty: it is, or as before
  friend bool operator==(const FactsReport&, const FactsReport&) = default;
};

// Whether what the pod has in force is `granted`, as far as it knows those settings.
bool has_in_force(const SettingsReport& report, const Settings& granted);
// Of `settings` those that the pod knows.
Given known_to(const SettingsReport& report, Given settings);

std::string to_json(const SettingsChange& change);
std::string to_json(const LeavingChange& change);
std::string to_json(const SettingsReport& report);
std::string to_json(const FactsReport& report);
std::string to_json(const LogFloor& floor);
std::string to_json(const LogReport& report);
tl::expected<SettingsChange, Problems> parse_settings_change(std::string_view json);
tl::expected<LeavingChange, Problems> parse_leaving_change(std::string_view json);
tl::expected<SettingsReport, Problems> parse_settings_report(std::string_view json);
tl::expected<FactsReport, Problems> parse_facts_report(std::string_view json);
tl::expected<LogFloor, Problems> parse_log_floor(std::string_view json);
tl::expected<LogReport, Problems> parse_log_report(std::string_view json);

}  // namespace storagepool::settings
