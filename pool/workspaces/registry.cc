#include "pool/workspaces/registry.h"

#include <array>
#include <charconv>

namespace storagepool::workspaces {
namespace {

using boost::asio::awaitable;
using postgres::Connection;
using postgres::Deadline;
using postgres::Parameter;

constexpr std::array<std::pair<WorkspaceState, std::string_view>, 4> kStates = {{
    {WorkspaceState::kCreating, "creating"},
    {WorkspaceState::kReady, "ready"},
    {WorkspaceState::kDeleting, "deleting"},
    {WorkspaceState::kDeleted, "deleted"},
}};

constexpr std::string_view kMarkBegin = "StoragePool workspace ";
constexpr std::string_view kMarkMiddle = " of the database ";

// One transaction under the lock of the schema's migrations, see pool/tables/tables.cc: two that make one
// table at once would fail on the catalog. A later release adds columns here.
constexpr std::string_view kMakeTable = R"sql(
BEGIN ISOLATION LEVEL READ COMMITTED;
SELECT pg_advisory_xact_lock(8318198485365581165);
CREATE TABLE IF NOT EXISTS storagepool_workspaces (
  name        text COLLATE "C" PRIMARY KEY,
  state       text NOT NULL CHECK (state IN ('creating', 'ready', 'deleting', 'deleted')),
  incarnation uuid NOT NULL DEFAULT gen_random_uuid(),
  created_at  timestamptz NOT NULL DEFAULT now(),
  changed_at  timestamptz NOT NULL DEFAULT now(),
  upkeep_due  timestamptz NOT NULL DEFAULT now() + interval '1 day'
);
CREATE INDEX IF NOT EXISTS storagepool_workspaces_by_state ON storagepool_workspaces (state, changed_at);
CREATE INDEX IF NOT EXISTS storagepool_workspaces_by_upkeep ON storagepool_workspaces (upkeep_due)
  WHERE state = 'ready';
COMMIT)sql";

// The columns of a row, for SELECT and RETURNING.
const std::string kRow =
    R"sql( name, state, incarnation, to_char(created_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') )sql";

const std::string kFind = "SELECT" + kRow + "FROM storagepool_workspaces WHERE name = $1::text";
const std::string kList = "SELECT" + kRow + R"sql(FROM storagepool_workspaces
WHERE name > $1::text AND state <> 'deleted' AND ($3::text IS NULL OR name ~ $3::text)
ORDER BY name LIMIT $2::bigint)sql";
constexpr std::string_view kCount = R"sql(
SELECT count(*) FILTER (WHERE state = 'creating'), count(*) FILTER (WHERE state = 'ready'),
  count(*) FILTER (WHERE state = 'deleting') FROM storagepool_workspaces)sql";
constexpr std::string_view kBeginCreation = R"sql(
INSERT INTO storagepool_workspaces AS known (name, state) VALUES ($1::text, 'creating')
ON CONFLICT (name) DO UPDATE SET state = 'creating', incarnation = DEFAULT, created_at = DEFAULT,
  changed_at = DEFAULT, upkeep_due = DEFAULT WHERE known.state = 'deleted')sql";
constexpr std::string_view kBeginRemoval = R"sql(
UPDATE storagepool_workspaces SET state = 'deleting', changed_at = now()
WHERE name = $1::text AND state IN ('creating', 'ready'))sql";
constexpr std::string_view kMarkReady = R"sql(
UPDATE storagepool_workspaces SET state = 'ready', changed_at = now()
WHERE name = $1::text AND incarnation = $2::uuid AND state = 'creating')sql";
constexpr std::string_view kMarkDeleted = R"sql(
UPDATE storagepool_workspaces SET state = 'deleted', changed_at = now()
WHERE name = $1::text AND state = 'deleting')sql";
constexpr std::string_view kKeep = R"sql(
UPDATE storagepool_workspaces SET state = 'ready', changed_at = now()
WHERE name = $1::text AND incarnation = $2::uuid AND state = 'deleting')sql";
constexpr std::string_view kCancelCreation = R"sql(
DELETE FROM storagepool_workspaces
WHERE name = $1::text AND incarnation = $2::uuid AND state = 'creating')sql";
const std::string kUnfinished = "SELECT" + kRow + R"sql(,
  (now() - changed_at >= CASE state WHEN 'creating' THEN $1::interval ELSE $2::interval END)::int
FROM storagepool_workspaces WHERE state IN ('creating', 'deleting') ORDER BY changed_at LIMIT $3::bigint)sql";
constexpr std::string_view kPutOff = R"sql(
UPDATE storagepool_workspaces SET changed_at = now()
WHERE name = $1::text AND incarnation = $2::uuid AND state IN ('creating', 'deleting'))sql";
constexpr std::string_view kPurgeDeleted = R"sql(
DELETE FROM storagepool_workspaces WHERE state = 'deleted' AND now() - changed_at >= $1::interval)sql";
const std::string kClaimUpkeep = R"sql(
UPDATE storagepool_workspaces SET upkeep_due = now() + $1::interval WHERE name = (
  SELECT name FROM storagepool_workspaces WHERE state = 'ready' AND upkeep_due <= now()
  ORDER BY upkeep_due LIMIT 1 FOR UPDATE SKIP LOCKED)
RETURNING)sql" + kRow;
constexpr std::string_view kSetUpkeep = R"sql(
UPDATE storagepool_workspaces SET upkeep_due = now() + $3::interval
WHERE name = $1::text AND incarnation = $2::uuid)sql";

// Whether a database of this server is marked as that of a workspace of this one.
const std::string kAnyMarked =
    "SELECT EXISTS (SELECT FROM pg_database AS known CROSS JOIN LATERAL "
    "shobj_description(known.oid, 'pg_database') AS mark WHERE mark = '" +
    std::string(kMarkBegin) + "' || split_part(mark, ' ', 3) || '" + std::string(kMarkMiddle) +
    "' || current_database()::text)::int";

constexpr std::string_view kUndefinedTable = "42P01";
constexpr std::string_view kDataCorrupted = "XX001";

std::string interval(std::chrono::milliseconds time) {
  return std::to_string(time.count()) + " milliseconds";
}

using Columns = std::vector<std::optional<std::string>>;

std::optional<WorkspaceRow> read_row(const Columns& columns) {
  if (columns.size() < 4) return std::nullopt;
  const auto& name = columns[0];
  const auto& incarnation = columns[2];
  const auto state = parse_workspace_state(columns[1].value_or(""));
  const auto created_at = runtime::parse_timestamp(columns[3].value_or(""));
  if (!name || !state || !incarnation || !created_at) return std::nullopt;
  return WorkspaceRow{*name, *state, *incarnation, *created_at};
}

std::optional<WorkspaceCounts> read_counts(const Columns& columns) {
  if (columns.size() != 3) return std::nullopt;
  WorkspaceCounts counts;
  const std::array numbers = {&counts.creating, &counts.ready, &counts.deleting};
  for (std::size_t i = 0; i < numbers.size(); ++i) {
    const std::string text = columns[i].value_or("");
    const auto read = std::from_chars(text.data(), text.data() + text.size(), *numbers.at(i));
    if (read.ec != std::errc{}) return std::nullopt;
  }
  return counts;
}

postgres::Error unreadable() {
  return {postgres::ErrorClass::kOther, std::string(kDataCorrupted), "",
          "storagepool_workspaces holds a row that cannot be read"};
}

using Ran = tl::expected<postgres::Result, postgres::Error>;

bool misses_table(const Ran& result) {
  return !result && result.error().sqlstate == kUndefinedTable;
}

registry::Answer<bool> any_marked(Connection& connection, Deadline deadline) {
  const auto found = co_await connection.execute(kAnyMarked, deadline);
  if (!found) co_return tl::unexpected(found.error());
  co_return found->rows.at(0).at(0) == "1";
}

// Without the table, and without databases that it should know, no row is found.
awaitable<Ran> run(Connection& connection, std::string_view sql, std::vector<Parameter> parameters,
                   Deadline deadline) {
  auto result = co_await connection.query(sql, parameters, deadline);
  if (!misses_table(result)) co_return result;
  const auto marked = co_await any_marked(connection, deadline);
  if (!marked) co_return tl::unexpected(marked.error());
  if (!*marked) co_return postgres::Result{};
  // Another pod may have made both since.
  result = co_await connection.query(sql, std::move(parameters), deadline);
  if (misses_table(result)) {
    result.error().detail =
        "there is no table storagepool_workspaces, but there are databases of workspaces (42P01)";
  }
  co_return result;
}

registry::Answer<registry::FoundRow> one(Connection& connection, std::string_view sql,
                                         std::vector<Parameter> parameters, Deadline deadline) {
  const auto result = co_await run(connection, sql, std::move(parameters), deadline);
  if (!result) co_return tl::unexpected(result.error());
  if (result->rows.empty()) co_return registry::FoundRow{};
  auto row = read_row(result->rows.front());
  if (!row) co_return tl::unexpected(unreadable());
  co_return row;
}

registry::Answer<bool> change(Connection& connection, std::string_view sql, std::vector<Parameter> parameters,
                              Deadline deadline) {
  const auto result = co_await run(connection, sql, std::move(parameters), deadline);
  if (!result) co_return tl::unexpected(result.error());
  co_return result->affected_rows > 0;
}

std::vector<Parameter> incarnation_of(WorkspaceRow row) {
  return {std::move(row.name), std::move(row.incarnation)};
}

// Of the names that match one of the globs. What stands in no name stands for `_`, which does not either.
std::string regular_expression(const std::vector<std::string>& globs) {
  const auto in_names = [](char c) { return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-'; };
  std::string alternatives;
  for (const std::string& glob : globs) {
    if (!alternatives.empty()) alternatives += '|';
    for (const char c : glob) {
      if (c == '*') {
        alternatives += ".*";
      } else if (c == '?') {
        alternatives += '.';
      } else {
        alternatives += in_names(c) ? c : '_';
      }
    }
  }
  return "^(?:" + alternatives + ")$";
}

}  // namespace

std::string_view to_string(WorkspaceState state) {
  for (const auto& [known, text] : kStates) {
    if (known == state) return text;
  }
  return "";
}

std::optional<WorkspaceState> parse_workspace_state(std::string_view text) {
  for (const auto& [state, known] : kStates) {
    if (known == text) return state;
  }
  return std::nullopt;
}

std::string mark_of(std::string_view workspace, std::string_view system_database) {
  return std::string(kMarkBegin) + std::string(workspace) + std::string(kMarkMiddle) +
         std::string(system_database);
}

namespace registry {

Answer<FoundRow> find(Connection& connection, std::string name, Deadline deadline) {
  std::vector<Parameter> parameters{std::move(name)};
  co_return co_await one(connection, kFind, std::move(parameters), deadline);
}

Answer<std::vector<WorkspaceRow>> list(Connection& connection, std::int64_t limit, std::string after,
                                       Deadline deadline, std::optional<std::vector<std::string>> globs) {
  std::optional<std::string> pattern;
  if (globs) pattern = regular_expression(*globs);
  std::vector<Parameter> parameters{std::move(after), std::to_string(limit), std::move(pattern)};
  const auto result = co_await run(connection, kList, std::move(parameters), deadline);
  if (!result) co_return tl::unexpected(result.error());
  std::vector<WorkspaceRow> rows;
  for (const Columns& columns : result->rows) {
    auto row = read_row(columns);
    if (!row) co_return tl::unexpected(unreadable());
    rows.push_back(std::move(*row));
  }
  co_return rows;
}

Answer<WorkspaceCounts> count(Connection& connection, Deadline deadline) {
  std::vector<Parameter> none;
  const auto result = co_await run(connection, kCount, std::move(none), deadline);
  if (!result) co_return tl::unexpected(result.error());
  if (result->rows.empty()) co_return WorkspaceCounts{};
  const auto counts = read_counts(result->rows.front());
  if (!counts) co_return tl::unexpected(unreadable());
  co_return *counts;
}

Answer<FoundRow> begin_creation(Connection& connection, std::string name, Deadline deadline) {
  std::vector<Parameter> parameters{name};
  auto begun = co_await connection.query(kBeginCreation, parameters, deadline);
  if (misses_table(begun)) {
    const auto there = co_await find(connection, name, deadline);  // fails when the table is lost
    if (!there) co_return tl::unexpected(there.error());
    const auto made = co_await connection.execute(kMakeTable, deadline);
    if (!made) co_return tl::unexpected(made.error());
    begun = co_await connection.query(kBeginCreation, std::move(parameters), deadline);
  }
  if (!begun) co_return tl::unexpected(begun.error());
  co_return co_await find(connection, std::move(name), deadline);
}

Answer<FoundRow> begin_removal(Connection& connection, std::string name, Deadline deadline) {
  std::vector<Parameter> parameters{name};
  const auto begun = co_await change(connection, kBeginRemoval, std::move(parameters), deadline);
  if (!begun) co_return tl::unexpected(begun.error());
  co_return co_await find(connection, std::move(name), deadline);
}

Answer<bool> mark_ready(Connection& connection, WorkspaceRow row, Deadline deadline) {
  co_return co_await change(connection, kMarkReady, incarnation_of(std::move(row)), deadline);
}

Answer<bool> mark_deleted(Connection& connection, std::string name, Deadline deadline) {
  std::vector<Parameter> parameters{std::move(name)};
  co_return co_await change(connection, kMarkDeleted, std::move(parameters), deadline);
}

Answer<bool> keep(Connection& connection, WorkspaceRow row, Deadline deadline) {
  co_return co_await change(connection, kKeep, incarnation_of(std::move(row)), deadline);
}

Answer<bool> cancel_creation(Connection& connection, WorkspaceRow row, Deadline deadline) {
  co_return co_await change(connection, kCancelCreation, incarnation_of(std::move(row)), deadline);
}

Answer<std::vector<UnfinishedWorkspace>> unfinished(Connection& connection,
                                                    std::chrono::milliseconds creation,
                                                    std::chrono::milliseconds removal, std::int64_t limit,
                                                    Deadline deadline) {
  std::vector<Parameter> parameters{interval(creation), interval(removal), std::to_string(limit)};
  const auto result = co_await run(connection, kUnfinished, std::move(parameters), deadline);
  if (!result) co_return tl::unexpected(result.error());
  std::vector<UnfinishedWorkspace> rows;
  for (const Columns& columns : result->rows) {
    auto row = read_row(columns);
    if (!row || columns.size() != 5) co_return tl::unexpected(unreadable());
    rows.push_back({std::move(*row), columns[4] == "1"});
  }
  co_return rows;
}

Answer<bool> put_off(Connection& connection, WorkspaceRow row, Deadline deadline) {
  co_return co_await change(connection, kPutOff, incarnation_of(std::move(row)), deadline);
}

Answer<bool> purge_deleted(Connection& connection, std::chrono::milliseconds age, Deadline deadline) {
  std::vector<Parameter> parameters{interval(age)};
  co_return co_await change(connection, kPurgeDeleted, std::move(parameters), deadline);
}

Answer<FoundRow> claim_upkeep(Connection& connection, std::chrono::milliseconds retry, Deadline deadline) {
  std::vector<Parameter> parameters{interval(retry)};
  co_return co_await one(connection, kClaimUpkeep, std::move(parameters), deadline);
}

Answer<bool> set_upkeep(Connection& connection, WorkspaceRow row, std::chrono::milliseconds in,
                        Deadline deadline) {
  std::vector<Parameter> parameters = incarnation_of(std::move(row));
  parameters.emplace_back(interval(in));
  co_return co_await change(connection, kSetUpkeep, std::move(parameters), deadline);
}

}  // namespace registry
}  // namespace storagepool::workspaces
