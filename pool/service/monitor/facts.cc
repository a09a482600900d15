#include "pool/service/monitor/facts.h"

#include <charconv>
#include <utility>

namespace storagepool::service {

using postgres::ErrorClass;
using settings::PostgresFault;

// Limits of the session's role and database do not bind superusers. Of other users' sessions an ordinary role
// sees neither kind nor state, but a session with a database and a user that is not known to be otherwise is
// a client's. The name of the application it sees of each: pods' end as Predecessor makes them.
const std::string_view kFactsSql = R"sql(
SELECT current_setting('server_version_num'),
       current_setting('max_connections'),
       current_setting('superuser_reserved_connections'),
       coalesce(current_setting('reserved_connections', true), '0'),
       CASE WHEN r.rolconnlimit >= 0 AND NOT r.rolsuper THEN r.rolconnlimit END,
       CASE WHEN d.datconnlimit >= 0 AND NOT r.rolsuper THEN d.datconnlimit END,
       s.clients,
       has_function_privilege('pg_control_system()', 'EXECUTE')::int,
       (current_setting('transaction_read_only') = 'on')::int,
       (SELECT (reset_val = 'off')::int FROM pg_settings WHERE name = 'synchronous_commit'),
       floor(extract(epoch FROM pg_postmaster_start_time()) * 1000)::bigint,
       floor(extract(epoch FROM clock_timestamp()) * 1000)::bigint,
       current_setting('server_encoding'),
       s.others
FROM pg_roles r, pg_database d,
     (SELECT count(*) AS clients, count(*) FILTER (WHERE application_name !~ '#[0-9a-f]{8}$') AS others
      FROM pg_stat_activity
      WHERE datid IS NOT NULL AND usesysid IS NOT NULL
        AND (backend_type IS NULL OR backend_type = 'client backend')) s
WHERE r.rolname = session_user AND d.datname = current_database())sql";

const std::string_view kSystemIdentifierSql = "SELECT system_identifier FROM pg_control_system()";

tl::expected<ParsedFacts, std::string> parse_facts(const postgres::Result& result) {
  constexpr std::size_t kColumns = 14;
  if (result.rows.size() != 1 || result.rows[0].size() != kColumns) {
    return tl::unexpected(std::string("the server's facts are not one row of fourteen columns"));
  }
  const auto& row = result.rows[0];
  bool readable = true;
  const auto optional_integer = [&](std::size_t column) -> std::optional<std::int64_t> {
    if (!row[column]) return std::nullopt;
    const std::string& text = *row[column];
    std::int64_t value = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    readable = readable && error == std::errc{} && end == text.data() + text.size() && value >= 0;
    return value;
  };
  const auto integer = [&](std::size_t column) {
    const auto value = optional_integer(column);
    readable = readable && value.has_value();
    return value.value_or(0);
  };
  ParsedFacts parsed;
  parsed.facts.server_version = integer(0);
  parsed.facts.max_connections = integer(1);
  parsed.facts.superuser_reserved_connections = integer(2);
  parsed.facts.reserved_connections = integer(3);
  parsed.facts.role_limit = optional_integer(4);
  parsed.facts.database_limit = optional_integer(5);
  parsed.facts.sessions = integer(6);
  parsed.may_read_system_identifier = integer(7) != 0;
  parsed.read_only = integer(8) != 0;
  parsed.commits_early = integer(9) != 0;
  parsed.facts.started_at = integer(10);
  parsed.facts.read_at = integer(11);
  parsed.encoding = row[12].value_or("");
  parsed.facts.other_sessions = integer(13);
  if (!readable) return tl::unexpected(std::string("the server's facts hold something that is no count"));
  return parsed;
}

boost::asio::awaitable<tl::expected<ParsedFacts, postgres::Error>> read_server_facts(
    postgres::Connection& connection, std::chrono::steady_clock::time_point deadline) {
  const auto result = co_await connection.execute(kFactsSql, deadline);
  if (!result) co_return tl::unexpected(result.error());
  auto parsed = parse_facts(*result);
  if (!parsed) {
    postgres::Error error;
    error.detail = parsed.error();
    co_return tl::unexpected(std::move(error));
  }
  if (parsed->may_read_system_identifier && !parsed->read_only) {
    const auto identifier = co_await connection.execute(kSystemIdentifierSql, deadline);
    if (!identifier) co_return tl::unexpected(identifier.error());
    if (identifier->rows.size() == 1 && identifier->rows[0].size() == 1) {
      parsed->facts.system_identifier = identifier->rows[0][0].value_or("");
    }
  }
  co_return std::move(*parsed);
}

PostgresFault to_fault(const postgres::Error& error) {
  if (error.sqlstate == "42501") return PostgresFault::kNotPermitted;
  switch (error.error_class) {
    case ErrorClass::kConnectionLost:
    case ErrorClass::kUnreachable:
    case ErrorClass::kTimeout:
      return PostgresFault::kUnreachable;
    case ErrorClass::kTls:
      return PostgresFault::kTls;
    case ErrorClass::kServerFull:
      return PostgresFault::kServerFull;
    case ErrorClass::kCredentialsMissing:
      return PostgresFault::kCredentialsMissing;
    case ErrorClass::kCredentialsRejected:
      return PostgresFault::kCredentialsRejected;
    case ErrorClass::kDatabaseMissing:
      return PostgresFault::kDatabaseMissing;
    case ErrorClass::kReadOnly:
      return PostgresFault::kReadOnly;
    case ErrorClass::kOther:
      break;
  }
  return PostgresFault::kOther;
}

namespace {

PostgresFault fault_of(const std::string& sqlstate) {
  return to_fault({postgres::classify(sqlstate), sqlstate, "", ""});
}

}  // namespace

void PostgresStatus::set_fault(PostgresFault fault, const std::string& detail) {
  fault_ = fault;
  detail_ = detail;
}

void PostgresStatus::clear_fault() {
  fault_.reset();
  detail_.clear();
}

void PostgresStatus::connected() {
  connect_failed_at_.reset();
}

void PostgresStatus::connect_failed(const postgres::Error& error, TimePoint now) {
  connect_failed_at_ = now;
  set_fault(to_fault(error), error.detail);
  if (error.error_class == ErrorClass::kServerFull) refused(error.detail, now);
}

void PostgresStatus::refused(const std::string& detail, TimePoint now) {
  refused_at_ = now;
  ++refusals_.count;
  refusals_.detail = detail;
  const bool timed = facts_ && facts_->read_at > 0;
  refusals_.at =
      timed ? facts_->read_at + std::chrono::floor<std::chrono::milliseconds>(now - facts_at_).count() : 0;
}

void PostgresStatus::checked(settings::ServerFacts facts, TimePoint now, bool commits_early) {
  commits_early_ = commits_early;
  reachable_ = true;
  facts_ = std::move(facts);
  facts_at_ = now;
  if (refused_at_ && now - *refused_at_ >= kRefusalMemory) refused_at_.reset();
  // A session that cannot write is not checked: the server that could not is not this one any more.
  std::erase_if(write_faults_, [&](const auto& of) {
    return of.second.fault == PostgresFault::kReadOnly || now - of.second.at > kWriteFaultMemory;
  });
  // Sessions that are open work on, but the reason why no other can be opened is worth knowing.
  if (!connect_failed_at_ || now - *connect_failed_at_ > kFaultMemory) clear_fault();
}

void PostgresStatus::counted(std::optional<std::map<std::string, std::int64_t>> sessions_by_pod) {
  sessions_by_pod_ = std::move(sessions_by_pod);
}

void PostgresStatus::check_failed(const postgres::Error& error) {
  reachable_ = false;
  set_fault(to_fault(error), error.detail);
}

void PostgresStatus::no_session(const std::string& why) {
  reachable_ = false;
  if (!connect_failed_at_) set_fault(PostgresFault::kUnreachable, why);
}

void PostgresStatus::moved() {
  *this = {};
}

void PostgresStatus::schema_ready() {
  schema_ready_ = true;
}

void PostgresStatus::schema_failed(const postgres::Error& error) {
  set_fault(PostgresFault::kSchema, "migrating the schema: " + error.detail);
}

void PostgresStatus::write_failed(std::string_view database, const tables::StoreError& error, TimePoint now) {
  const bool known = write_faults_.contains(database);
  if (!known && write_faults_.size() >= kMaxWriteFaults) return;
  write_faults_.insert_or_assign(
      std::string(database),
      Fault{fault_of(error.sqlstate), "events cannot be written: " + error.detail, now});
}

void PostgresStatus::written(std::string_view database) {
  const auto known = write_faults_.find(database);
  if (known != write_faults_.end()) write_faults_.erase(known);
}

void PostgresStatus::registry_failed(const std::string& sqlstate, const std::string& detail) {
  registry_fault_ = Fault{fault_of(sqlstate), "the registry of workspaces cannot be used: " + detail, {}};
}

const PostgresStatus::Fault* PostgresStatus::first_to_mend() const {
  if (!write_faults_.empty()) return &write_faults_.begin()->second;
  return registry_fault_ ? &*registry_fault_ : nullptr;
}

std::vector<std::string> PostgresStatus::to_mend() const {
  std::vector<std::string> all;
  for (const auto& [database, fault] : write_faults_) all.push_back(database + ": " + fault.detail);
  if (registry_fault_) all.push_back(registry_fault_->detail);
  if (clocks_differ()) {
    const auto seconds = std::chrono::round<std::chrono::seconds>(std::chrono::abs(clock_ahead_)).count();
    all.push_back("the clock of this pod's node is " + std::to_string(seconds) + " s " +
                  (clock_ahead_.count() > 0 ? "behind" : "ahead of") +
                  " PostgreSQL's; the times of events are judged by PostgreSQL's");
  }
  return all;
}

void PostgresStatus::compared_clocks(std::chrono::milliseconds ahead, runtime::Timestamp wall,
                                     TimePoint now) {
  clock_ahead_ = ahead;
  server_time_ = {wall + ahead, now};
}

runtime::Timestamp PostgresStatus::judged_by(runtime::Timestamp wall, TimePoint now) const {
  if (!server_time_) return wall;
  const auto since = std::chrono::floor<runtime::Timestamp::duration>(now - server_time_->at);
  const runtime::Timestamp of_server = server_time_->time + since;
  return std::chrono::abs(of_server - wall) > kClockTolerance ? of_server : wall;
}

std::optional<PostgresFault> PostgresStatus::fault() const {
  if (fault_) return fault_;
  if (const Fault* found = first_to_mend()) return found->fault;
  if (reachable_ && commits_early_) return PostgresFault::kCommitsEarly;
  return std::nullopt;
}

const std::string& PostgresStatus::detail() const {
  static const std::string kEarly =
      "synchronous_commit is off for this role, its database or the server; sessions do not follow it";
  const Fault* found = first_to_mend();
  if (!fault_ && found != nullptr) return found->detail;
  return fault() == PostgresFault::kCommitsEarly ? kEarly : detail_;
}

settings::FactsReport PostgresStatus::report(TimePoint now) const {
  settings::FactsReport report;
  report.reachable = reachable_;
  report.facts = facts_;
  if (facts_) report.facts_age_seconds = std::chrono::floor<std::chrono::seconds>(now - facts_at_).count();
  report.fault = fault();
  report.detail = detail();
  if (refused_at_) report.refused = refusals_;
  report.sessions_by_pod = sessions_by_pod_;
  return report;
}

std::vector<std::string> PostgresStatus::not_ready() const {
  std::vector<std::string> reasons;
  if (!reachable_) reasons.push_back("PostgreSQL is not reachable: " + detail_);
  if (reachable_ && !schema_ready_) {
    reasons.push_back("the schema is not migrated" + (detail_.empty() ? std::string() : ": " + detail_));
  }
  return reasons;
}

}  // namespace storagepool::service
