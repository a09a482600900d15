// What PostgreSQL told this pod and whether it can be used: the limits of the server as the pod's role sees
// them, and the reason when there are none. Pure: rows, errors and the clock are given.
#pragma once

#include <chrono>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <boost/asio/awaitable.hpp>
#include <tl/expected.hpp>

#include "pool/common/runtime/timestamp.h"
#include "pool/common/settings/admin_wire.h"
#include "pool/postgres/connection.h"
#include "pool/postgres/error.h"
#include "pool/tables/store_error.h"

namespace storagepool::service {

using TimePoint = std::chrono::steady_clock::time_point;

// One row for `parse_facts`. Any role may run it, on PostgreSQL 13 and newer.
extern const std::string_view kFactsSql;
// The server's system identifier; only where `kFactsSql` said that the role may read it.
extern const std::string_view kSystemIdentifierSql;

struct ParsedFacts {
  settings::ServerFacts facts;  // without the system identifier
  bool may_read_system_identifier = false;
  bool read_only = false;  // a standby, or default_transaction_read_only is on
  // synchronous_commit as it would be: off for the role, the database or the server.
  bool commits_early = false;
  std::string encoding;  // of the database: server_encoding, such as UTF8
};
tl::expected<ParsedFacts, std::string> parse_facts(const postgres::Result& result);

// Both statements, one after the other.
boost::asio::awaitable<tl::expected<ParsedFacts, postgres::Error>> read_server_facts(
    postgres::Connection& connection, std::chrono::steady_clock::time_point deadline);

settings::PostgresFault to_fault(const postgres::Error& error);

// The answers to "reachable?", "ready?" and "what are the facts?", from the attempts so far.
class PostgresStatus {
 public:
  // How long a failed connect is told while open sessions work on and nobody needs another.
  static constexpr std::chrono::seconds kFaultMemory{60};
  // So long after the last refusal for want of a connection the facts must be read for it to be over.
  static constexpr std::chrono::seconds kRefusalMemory{10};
  // How long a write that failed is told of while nobody tries again: longer than a replay pauses.
  static constexpr std::chrono::seconds kWriteFaultMemory{300};
  // By so much the clocks of the pod and of the server may differ without a word.
  static constexpr std::chrono::seconds kClockTolerance{60};
  static constexpr std::size_t kMaxWriteFaults = 20;  // databases, more than people read

  void connected();  // a session was established
  void connect_failed(const postgres::Error& error, TimePoint now);
  void checked(settings::ServerFacts facts, TimePoint now, bool commits_early = false);
  // How far the server's clock was found to be ahead of the pod's, which was `wall` at `now`.
  void compared_clocks(std::chrono::milliseconds ahead, runtime::Timestamp wall, TimePoint now);
  // server_encoding of the system database.
  void told_encoding(std::string encoding) { encoding_ = std::move(encoding); }
  // Of each pod of the StoragePool, as FactsReport::sessions_by_pod; before `checked`, of the same moment.
  void counted(std::optional<std::map<std::string, std::int64_t>> sessions_by_pod);
  void check_failed(const postgres::Error& error);  // on an established session
  void no_session(const std::string& why);          // none is open and none could be had
  void schema_ready();
  void moved();  // what was known was of another server
  void schema_failed(const postgres::Error& error);
  // Events of a database could not be written for a reason that a person has to mend, or could be again. The
  // server counts as reachable all the same: the next write may succeed.
  void write_failed(std::string_view database, const tables::StoreError& error, TimePoint now);
  void written(std::string_view database);
  // The registry of workspaces cannot be read before a person mends something, or was read. Workspaces that
  // are known are used all the same.
  void registry_failed(const std::string& sqlstate, const std::string& detail);
  void registry_read() { registry_fault_.reset(); }

  bool reachable() const { return reachable_; }
  bool has_schema() const { return schema_ready_; }
  // PostgreSQL is reached and has the schema: it is read, and takes events unless `writes_fail`.
  bool usable() const { return reachable_ && schema_ready_; }
  bool writes_fail() const { return !write_faults_.empty(); }
  bool refused() const { return refused_at_.has_value(); }  // and not over
  bool registry_fails() const { return registry_fault_.has_value(); }
  // The reason why the server cannot be used, or else what a person has to mend.
  std::optional<settings::PostgresFault> fault() const;
  const std::string& detail() const;
  settings::FactsReport report(TimePoint now) const;
  // Why the pod is not ready for traffic; empty when it is.
  std::vector<std::string> not_ready() const;
  // 0 while it is not known.
  std::chrono::milliseconds clock_ahead() const { return clock_ahead_; }
  // Empty while it is not known.
  const std::string& encoding() const { return encoding_; }
  // server_version_num, as it was last read; 0: not yet.
  std::int64_t server_version() const { return facts_ ? facts_->server_version : 0; }
  // The server's time where the clocks differ by more than is tolerated, else the pod's. Goes by the steady
  // clock: the pod's other one may have stepped since they were compared.
  runtime::Timestamp judged_by(runtime::Timestamp wall, TimePoint now) const;
  // What a person has to mend while the server is usable.
  std::vector<std::string> to_mend() const;

 private:
  void refused(const std::string& detail, TimePoint now);
  void set_fault(settings::PostgresFault fault, const std::string& detail);
  void clear_fault();

  struct Fault {
    settings::PostgresFault fault;
    std::string detail;
    TimePoint at;
  };
  bool clocks_differ() const { return std::chrono::abs(clock_ahead_) > kClockTolerance; }
  const Fault* first_to_mend() const;  // null: nothing is

  bool reachable_ = false;
  bool schema_ready_ = false;
  std::optional<TimePoint> connect_failed_at_;  // of the last attempt to connect, if it failed
  std::optional<TimePoint> refused_at_;         // for want of a connection, the last time, unless it is over
  settings::Refusals refusals_;
  std::optional<settings::PostgresFault> fault_;
  std::string detail_ = "not tried yet";
  bool commits_early_ = false;
  std::chrono::milliseconds clock_ahead_{0};
  struct ServerTime {
    runtime::Timestamp time;
    TimePoint at;
  };
  std::optional<ServerTime> server_time_;
  std::string encoding_;
  std::map<std::string, Fault, std::less<>> write_faults_;  // by database
  std::optional<Fault> registry_fault_;
  std::optional<settings::ServerFacts> facts_;
  TimePoint facts_at_;
  std::optional<std::map<std::string, std::int64_t>> sessions_by_pod_;
};

}  // namespace storagepool::service
