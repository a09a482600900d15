#include "pool/evidence/holds/holds.h"

#include <utility>

#include <nlohmann/json.hpp>

#include "pool/evidence/holds/transaction.h"
#include "pool/evidence/proving/columns.h"
#include "pool/tables/row.h"

namespace storagepool::evidence {
namespace {

using boost::asio::awaitable;
template <typename T>
using Answer = awaitable<tl::expected<T, postgres::Error>>;

// Comes before the snapshot by which events are counted. A deletion that has it ends soon.
constexpr const char* kLock = "LOCK TABLE audit_legal_holds IN ROW EXCLUSIVE MODE";

const std::string kColumns =
    "id, correlation_id, reason, placed_by, " + tables::utc_text("placed_at") + ", events";

// Of a row of kColumns, from its column `first` on.
std::optional<Hold> read_hold(const Row& row, std::size_t first = 0) {
  Hold hold{.id = row.at(first).value_or(""),
            .correlation_id = row.at(first + 1).value_or(""),
            .reason = row.at(first + 2).value_or(""),
            .placed_by = row.at(first + 3).value_or("")};
  const auto placed = runtime::parse_timestamp(row.at(first + 4).value_or(""));
  if (!placed || !read_number(row.at(first + 5), hold.events)) return std::nullopt;
  hold.placed_at = *placed;
  return hold;
}

postgres::Error unreadable() {
  postgres::Error error;
  error.detail = "audit_legal_holds holds a row that cannot be read";
  return error;
}

}  // namespace

Answer<PlacedHold> place_hold(postgres::Connection& connection, NewHold wanted, postgres::Deadline deadline) {
  const std::string sql =
      "WITH found AS (SELECT count(*) AS events FROM audit_events WHERE correlation_id = $1), "
      "standing AS (SELECT count(*) AS holds FROM audit_legal_holds WHERE released_at IS NULL), "
      "placed AS (INSERT INTO audit_legal_holds (id, correlation_id, reason, placed_by, placed_at, events) "
      "SELECT gen_random_uuid(), $1, $2, $3, clock_timestamp(), found.events FROM found, standing "
      "WHERE found.events > 0 AND standing.holds < $4::bigint RETURNING *) "
      "SELECT found.events, " +
      kColumns.substr(0, kColumns.rfind(',')) + ", placed.events FROM found LEFT JOIN placed ON true";
  std::vector<postgres::Parameter> parameters{wanted.correlation_id, wanted.reason, wanted.placed_by,
                                              std::to_string(kMaxHolds)};
  const auto placed = co_await under_lock(connection, kLock, sql, std::move(parameters), deadline);
  if (!placed) co_return tl::unexpected(placed.error());
  std::int64_t events = 0;
  if (placed->rows.size() != 1 || !read_number(placed->rows[0].at(0), events))
    co_return tl::unexpected(unreadable());
  if (events == 0) co_return PlacedHold(tl::unexpected(NotPlaced::kNoEvents));
  if (!placed->rows[0].at(1)) co_return PlacedHold(tl::unexpected(NotPlaced::kTooMany));
  auto hold = read_hold(placed->rows[0], 1);
  if (!hold) co_return tl::unexpected(unreadable());
  co_return PlacedHold(*std::move(hold));
}

Answer<Holds> list_holds(postgres::Connection& connection, std::int64_t limit, std::int64_t offset,
                         postgres::Deadline deadline) {
  const std::string sql =
      "WITH standing AS (SELECT * FROM audit_legal_holds WHERE released_at IS NULL), "
      "page AS (SELECT * FROM standing ORDER BY placed_at DESC, id LIMIT $1::bigint OFFSET $2::bigint) "
      "SELECT (SELECT count(*) FROM standing), " +
      kColumns + " FROM (SELECT) AS one LEFT JOIN page ON true ORDER BY placed_at DESC, id";
  std::vector<postgres::Parameter> parameters = numbers(limit, offset);
  const auto found = co_await connection.query(sql, std::move(parameters), deadline);
  if (!found) co_return tl::unexpected(found.error());
  Holds holds;
  for (const Row& row : found->rows) {
    if (!read_number(row.at(0), holds.total)) co_return tl::unexpected(unreadable());
    if (!row.at(1)) break;
    auto hold = read_hold(row, 1);
    if (!hold) co_return tl::unexpected(unreadable());
    holds.holds.push_back(*std::move(hold));
  }
  co_return holds;
}

Answer<std::map<std::string, Hold>> holds_of(postgres::Connection& connection,
                                             std::span<const std::string> correlation_ids,
                                             postgres::Deadline deadline) {
  const std::string sql =
      "SELECT DISTINCT ON (correlation_id) " + kColumns +
      " FROM audit_legal_holds WHERE released_at IS NULL AND correlation_id IN "
      "(SELECT json_array_elements_text($1::json)) ORDER BY correlation_id, audit_legal_holds.placed_at, id";
  std::vector<postgres::Parameter> parameters{
      nlohmann::json(std::vector<std::string>(correlation_ids.begin(), correlation_ids.end())).dump()};
  const auto found = co_await connection.query(sql, std::move(parameters), deadline);
  if (!found) co_return tl::unexpected(found.error());
  std::map<std::string, Hold> holds;
  for (const Row& row : found->rows) {
    auto hold = read_hold(row);
    if (!hold) co_return tl::unexpected(unreadable());
    holds.emplace(hold->correlation_id, *hold);
  }
  co_return holds;
}

Answer<std::optional<Released>> release_holds(postgres::Connection& connection, Release wanted,
                                              postgres::Deadline deadline) {
  const std::string sql =
      "WITH released AS (UPDATE audit_legal_holds SET released_by = $2, released_at = clock_timestamp(), "
      "release_reason = $3 WHERE correlation_id = $1 AND released_at IS NULL AND "
      "($4::uuid IS NULL OR id = $4::uuid) RETURNING id, released_at), "
      "rest AS (SELECT count(*) AS holds FROM audit_legal_holds WHERE correlation_id = $1 AND "
      "released_at IS NULL AND id NOT IN (SELECT id FROM released)) "
      "SELECT id, " +
      tables::utc_text("released_at") +
      ", CASE WHEN (SELECT holds FROM rest) > 0 THEN 0 "
      "ELSE (SELECT count(*) FROM audit_events WHERE correlation_id = $1) END FROM released ORDER BY id";
  std::vector<postgres::Parameter> parameters{wanted.correlation_id, wanted.released_by, wanted.reason,
                                              wanted.hold_id};
  const auto found = co_await under_lock(connection, kLock, sql, std::move(parameters), deadline);
  if (!found) co_return tl::unexpected(found.error());
  if (found->rows.empty()) co_return std::nullopt;
  Released released;
  for (const Row& row : found->rows) {
    const auto at = runtime::parse_timestamp(row.at(1).value_or(""));
    if (!at || !read_number(row.at(2), released.events)) co_return tl::unexpected(unreadable());
    released.released_at = *at;
    released.hold_ids.push_back(row.at(0).value_or(""));
  }
  co_return std::optional<Released>(std::move(released));
}

}  // namespace storagepool::evidence
