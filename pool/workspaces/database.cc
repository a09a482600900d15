#include "pool/workspaces/database.h"

#include <optional>
#include <string_view>
#include <vector>

#include "pool/common/runtime/clock.h"

namespace storagepool::workspaces {
namespace {

using boost::asio::awaitable;
using postgres::Connection;
using postgres::Deadline;
using postgres::Parameter;

constexpr std::chrono::seconds kUnlockTimeout{5};

constexpr std::string_view kInsufficientPrivilege = "42501";
constexpr std::string_view kDuplicateDatabase = "42P04";
constexpr std::string_view kObjectInUse = "55006";

// template0: nobody is ever connected to it, so that copying it never has to wait, and it holds nothing that
// a site has put into template1. UTF8 because JSON is; the C locale goes with every encoding, does not change
// with the operating system's libraries, and nothing of ours is sorted for people's eyes.
constexpr std::string_view kCreate =
    "CREATE DATABASE %I TEMPLATE template0 ENCODING 'UTF8' LC_COLLATE 'C' LC_CTYPE 'C'";
constexpr std::string_view kMark = "COMMENT ON DATABASE %I IS %L";
constexpr std::string_view kDrop = "DROP DATABASE IF EXISTS %I WITH (FORCE)";
constexpr std::string_view kReadMark =
    "SELECT shobj_description(oid, 'pg_database') FROM pg_database WHERE datname = $1::text";

std::string mark_of(const WorkspaceDatabase& database) {
  return workspaces::mark_of(database.row.name, database.system_database);
}

// No limit of the session's own on a statement while this lives; callers' deadlines bound it.
class WithoutStatementTimeout {
 public:
  WithoutStatementTimeout(Connection& connection, const settings::Settings& limits)
      : connection_(connection), limits_(limits) {
    set(std::chrono::milliseconds{0});
  }
  WithoutStatementTimeout(const WithoutStatementTimeout&) = delete;
  WithoutStatementTimeout& operator=(const WithoutStatementTimeout&) = delete;
  ~WithoutStatementTimeout() { set(limits_.statement_timeout); }

 private:
  void set(std::chrono::milliseconds statement_timeout) {
    connection_.set_limits(statement_timeout, limits_.lock_timeout,
                           static_cast<std::size_t>(limits_.statement_cache_size));
  }
  Connection& connection_;
  const settings::Settings& limits_;
};

// Statements that take no parameters: PostgreSQL itself quotes what goes into them.
awaitable<tl::expected<void, postgres::Error>> define(Connection& connection, std::string_view format,
                                                      std::vector<Parameter> parameters, Deadline deadline) {
  parameters.insert(parameters.begin(), std::string(format));
  parameters.resize(3);
  const auto text = co_await connection.query("SELECT format($1::text, $2::text, $3::text)",
                                              std::move(parameters), deadline);
  if (!text) co_return tl::unexpected(text.error());
  const std::string sql = text->rows.at(0).at(0).value_or("");
  const auto done = co_await connection.execute(sql, deadline);
  if (!done) co_return tl::unexpected(done.error());
  co_return tl::expected<void, postgres::Error>();
}

struct Mark {
  bool exists = false;  // the database
  std::optional<std::string> text;
};

awaitable<tl::expected<Mark, postgres::Error>> read_mark(Connection& connection, std::string database,
                                                         Deadline deadline) {
  std::vector<Parameter> parameters{std::move(database)};
  const auto found = co_await connection.query(kReadMark, std::move(parameters), deadline);
  if (!found) co_return tl::unexpected(found.error());
  if (found->rows.empty()) co_return Mark{};
  co_return Mark{true, found->rows.front().at(0)};
}

// A lock of the session, because CREATE and DROP DATABASE refuse to run in a transaction; one that cannot be
// given back goes with the session, which is unusable then.
awaitable<tl::expected<bool, postgres::Error>> advisory_lock(Connection& connection,
                                                             std::string_view function, std::string name,
                                                             Deadline deadline) {
  const std::string sql =
      "SELECT " + std::string(function) + "(hashtextextended('storagepool workspace ' || $1::text, 0))::int";
  std::vector<Parameter> parameters{std::move(name)};
  const auto result = co_await connection.query(sql, std::move(parameters), deadline);
  if (!result) co_return tl::unexpected(result.error());
  co_return result->rows.at(0).at(0) == "1";
}

DatabaseAnswer make_locked(Connection& connection, WorkspaceDatabase wanted, Deadline deadline) {
  const auto found = co_await registry::find(connection, wanted.row.name, deadline);
  if (!found) co_return tl::unexpected(found.error());
  const registry::FoundRow& row = *found;
  if (!row || row->state != WorkspaceState::kCreating || row->incarnation != wanted.row.incarnation) {
    co_return DatabaseWork::kOvertaken;
  }
  const auto mark = co_await read_mark(connection, wanted.database, deadline);
  if (!mark) co_return tl::unexpected(mark.error());
  const std::optional<std::string>& owner = mark->text;
  if (owner) co_return *owner == mark_of(wanted) ? DatabaseWork::kDone : DatabaseWork::kTaken;
  if (!mark->exists) {
    std::vector<Parameter> name{wanted.database};
    const auto created = co_await define(connection, kCreate, std::move(name), deadline);
    if (!created) {
      const std::string& sqlstate = created.error().sqlstate;
      if (sqlstate == kInsufficientPrivilege) co_return DatabaseWork::kNotPermitted;
      // Made by somebody who does not take the lock, or an autovacuum of the template: looked at again.
      if (sqlstate == kDuplicateDatabase || sqlstate == kObjectInUse) co_return DatabaseWork::kBusy;
      co_return tl::unexpected(created.error());
    }
  }
  std::vector<Parameter> marked_as{wanted.database, mark_of(wanted)};
  const auto marked = co_await define(connection, kMark, std::move(marked_as), deadline);
  if (marked) co_return DatabaseWork::kDone;
  if (marked.error().sqlstate == kInsufficientPrivilege) co_return DatabaseWork::kTaken;
  co_return tl::unexpected(marked.error());
}

DatabaseAnswer drop_locked(Connection& connection, WorkspaceDatabase unwanted, Deadline deadline) {
  const auto found = co_await registry::find(connection, unwanted.row.name, deadline);
  if (!found) co_return tl::unexpected(found.error());
  const registry::FoundRow& row = *found;
  if (!row || row->state != WorkspaceState::kDeleting) co_return DatabaseWork::kOvertaken;
  const auto mark = co_await read_mark(connection, unwanted.database, deadline);
  if (!mark) co_return tl::unexpected(mark.error());
  if (mark->exists && mark->text.value_or(mark_of(unwanted)) == mark_of(unwanted)) {
    std::vector<Parameter> name{unwanted.database};
    const auto dropped = co_await define(connection, kDrop, std::move(name), deadline);
    if (!dropped && dropped.error().sqlstate == kObjectInUse) co_return DatabaseWork::kInUse;
    if (!dropped) co_return tl::unexpected(dropped.error());
  }
  const auto recorded = co_await registry::mark_deleted(connection, unwanted.row.name, deadline);
  if (!recorded) co_return tl::unexpected(recorded.error());
  co_return DatabaseWork::kDone;
}

using Work = DatabaseAnswer (*)(Connection&, WorkspaceDatabase, Deadline);

DatabaseAnswer locked(Work work, Connection& connection, WorkspaceDatabase what, settings::Settings limits,
                      Deadline deadline) {
  const std::string name = what.row.name;
  const auto taken = co_await advisory_lock(connection, "pg_try_advisory_lock", name, deadline);
  if (!taken) co_return tl::unexpected(taken.error());
  if (!*taken) co_return DatabaseWork::kBusy;
  auto answer = tl::expected<DatabaseWork, postgres::Error>(DatabaseWork::kBusy);
  {
    const WithoutStatementTimeout unlimited(connection, limits);
    answer = co_await work(connection, std::move(what), deadline);
  }
  const auto until = runtime::steady_now() + kUnlockTimeout;
  co_await advisory_lock(connection, "pg_advisory_unlock", name, until);
  co_return answer;
}

}  // namespace

boost::asio::awaitable<tl::expected<bool, postgres::Error>> is_marked(Connection& connection,
                                                                      WorkspaceDatabase asked,
                                                                      Deadline deadline) {
  const auto mark = co_await read_mark(connection, asked.database, deadline);
  if (!mark) co_return tl::unexpected(mark.error());
  co_return mark->text == mark_of(asked);
}

DatabaseAnswer make_database(Connection& connection, WorkspaceDatabase wanted, settings::Settings limits,
                             Deadline deadline) {
  return locked(make_locked, connection, std::move(wanted), limits, deadline);
}

DatabaseAnswer drop_database(Connection& connection, WorkspaceDatabase unwanted, settings::Settings limits,
                             Deadline deadline) {
  return locked(drop_locked, connection, std::move(unwanted), limits, deadline);
}

}  // namespace storagepool::workspaces
