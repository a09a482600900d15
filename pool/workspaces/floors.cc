#include "pool/workspaces/floors.h"

#include <algorithm>

#include "pool/common/encoding/encoding.h"
#include "pool/postgres/columns.h"
#include "pool/workspaces/call.h"
#include "pool/workspaces/workspaces.h"

namespace storagepool::workspaces {
namespace {

using boost::asio::awaitable;
using postgres::array_of;
using postgres::Connection;
using postgres::Deadline;
using postgres::Parameter;
using postgres::read_number;
using registry::Answer;

constexpr std::string_view kFindFloor = R"sql(
SELECT workspace, epoch, size, encode(root, 'hex') FROM audit_log_floors WHERE workspace = $1::uuid)sql";
// In one order, so that two pods do not wait for one another.
constexpr std::string_view kRaise = R"sql(
INSERT INTO audit_log_floors AS known (workspace, epoch, size, root)
SELECT workspace, epoch, size, decode(root, 'hex')
FROM unnest($1::uuid[], $2::bigint[], $3::bigint[], $4::text[]) AS shown (workspace, epoch, size, root)
ORDER BY workspace
ON CONFLICT (workspace) DO UPDATE SET epoch = excluded.epoch, size = excluded.size, root = excluded.root
WHERE (known.epoch, known.size) < (excluded.epoch, excluded.size))sql";
constexpr std::string_view kOthers = R"sql(
SELECT workspace, known.epoch, known.size, encode(known.root, 'hex')
FROM unnest($1::uuid[], $2::bigint[], $3::bigint[], $4::text[]) AS shown (workspace, epoch, size, root)
JOIN audit_log_floors AS known USING (workspace)
WHERE (known.epoch, known.size) > (shown.epoch, shown.size)
  OR ((known.epoch, known.size) = (shown.epoch, shown.size) AND known.root <> decode(shown.root, 'hex')))sql";
constexpr std::string_view kPurge = R"sql(
DELETE FROM audit_log_floors AS known WHERE NOT EXISTS (
  SELECT FROM storagepool_workspaces WHERE incarnation = known.workspace AND state <> 'deleted'))sql";

std::optional<LogFloor> read_floor(const postgres::Row& columns) {
  if (columns.size() != 4 || !columns[0]) return std::nullopt;
  LogFloor floor{.incarnation = *columns[0]};
  const auto root = encoding::decode_hex(columns[3].value_or(""));
  if (!read_number(columns[1], floor.epoch) || !read_number(columns[2], floor.size)) return std::nullopt;
  if (!root || root->size() != floor.root.size()) return std::nullopt;
  std::ranges::copy(*root, floor.root.begin());
  return floor;
}

postgres::Error unreadable_floor() {
  return {postgres::ErrorClass::kOther, "XX001", "", "audit_log_floors holds a row that cannot be read"};
}

std::vector<Parameter> parameters_of(const std::vector<LogFloor>& floors) {
  return {array_of(floors, [](const LogFloor& one) { return one.incarnation; }),
          array_of(floors, [](const LogFloor& one) { return std::to_string(one.epoch); }),
          array_of(floors, [](const LogFloor& one) { return std::to_string(one.size); }),
          array_of(floors, [](const LogFloor& one) { return encoding::encode_hex(one.root); })};
}

Answer<std::vector<LogFloor>> read_floors(Connection& connection, std::string_view sql,
                                          std::vector<Parameter> parameters, Deadline deadline) {
  const auto result = co_await connection.query(sql, std::move(parameters), deadline);
  if (!result) co_return tl::unexpected(result.error());
  std::vector<LogFloor> found;
  for (const postgres::Row& columns : result->rows) {
    auto floor = read_floor(columns);
    if (!floor) co_return tl::unexpected(unreadable_floor());
    found.push_back(*std::move(floor));
  }
  co_return found;
}

}  // namespace

namespace floors {

Answer<std::optional<LogFloor>> find(Connection& connection, std::string incarnation, Deadline deadline) {
  std::vector<Parameter> parameters{std::move(incarnation)};
  auto found = co_await read_floors(connection, kFindFloor, std::move(parameters), deadline);
  if (!found) co_return tl::unexpected(found.error());
  if (found->empty()) co_return std::optional<LogFloor>();
  co_return std::move(found->front());
}

Answer<std::vector<LogFloor>> raise(Connection& connection, std::vector<LogFloor> shown, Deadline deadline) {
  std::vector<Parameter> parameters = parameters_of(shown);
  const auto raised = co_await connection.query(kRaise, parameters, deadline);
  if (!raised) co_return tl::unexpected(raised.error());
  co_return co_await read_floors(connection, kOthers, std::move(parameters), deadline);
}

Answer<bool> purge(Connection& connection, Deadline deadline) {
  const auto purged = co_await connection.execute(kPurge, deadline);
  if (!purged) co_return tl::unexpected(purged.error());
  co_return purged->affected_rows > 0;
}

}  // namespace floors

Workspaces::Answer<std::optional<LogFloor>> Workspaces::log_floor(std::string incarnation,
                                                                  Deadline deadline) {
  const Operation<std::optional<LogFloor>> look = [&](Connection& connection) {
    return floors::find(connection, incarnation, deadline);
  };
  co_return co_await call(engine_, system_database_, look, deadline);
}

Workspaces::Answer<std::vector<LogFloor>> Workspaces::raise_log_floors(std::vector<LogFloor> shown,
                                                                       Deadline deadline) {
  const Operation<std::vector<LogFloor>> raise = [&](Connection& connection) {
    return floors::raise(connection, shown, deadline);
  };
  co_return co_await call(engine_, system_database_, raise, deadline);
}

}  // namespace storagepool::workspaces
