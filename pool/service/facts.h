// What PostgreSQL told this pod and whether it can be used: the limits of the server as the pod's role sees
// them, and the reason when there are none. Pure: rows, errors and the clock are given.
#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <tl/expected.hpp>

#include "pool/common/settings/admin_wire.h"
#include "pool/postgres/connection.h"
#include "pool/postgres/error.h"

namespace storagepool::service {

using TimePoint = std::chrono::steady_clock::time_point;

// One row for `parse_facts`. Any role may run it, on PostgreSQL 13 and newer.
extern const std::string_view kFactsSql;
// The server's system identifier; only where `kFactsSql` said that the role may read it.
extern const std::string_view kSystemIdentifierSql;

struct ParsedFacts {
  settings::ServerFacts facts;  // without the system identifier
  bool may_read_system_identifier = false;
};
tl::expected<ParsedFacts, std::string> parse_facts(const postgres::Result& result);

settings::PostgresFault to_fault(postgres::ErrorClass error_class);

// The answers to "reachable?", "ready?" and "what are the facts?", from the attempts so far.
class PostgresStatus {
 public:
  // How long a failed connect is told while open sessions work on and nobody needs another.
  static constexpr std::chrono::seconds kFaultMemory{60};

  void connected();  // a session was established
  void connect_failed(const postgres::Error& error, TimePoint now);
  void checked(settings::ServerFacts facts, TimePoint now);
  void check_failed(const postgres::Error& error);  // on an established session
  void no_session(const std::string& why);          // none is open and none could be had
  void schema_ready();
  void schema_failed(const postgres::Error& error);

  bool reachable() const { return reachable_; }
  bool has_schema() const { return schema_ready_; }
  // PostgreSQL stores events and can be read.
  bool usable() const { return reachable_ && schema_ready_; }
  const std::optional<settings::PostgresFault>& fault() const { return fault_; }
  const std::string& detail() const { return detail_; }
  settings::FactsReport report(TimePoint now) const;
  // Why the pod is not ready for traffic; empty when it is.
  std::vector<std::string> not_ready() const;

 private:
  void set_fault(settings::PostgresFault fault, const std::string& detail);
  void clear_fault();

  bool reachable_ = false;
  bool schema_ready_ = false;
  std::optional<TimePoint> connect_failed_at_;  // of the last attempt to connect, if it failed
  std::optional<settings::PostgresFault> fault_;
  std::string detail_ = "not tried yet";
  std::optional<settings::ServerFacts> facts_;
  TimePoint facts_at_;
};

}  // namespace storagepool::service
