#include "pool/evidence/sealing/rows.h"

#include <limits>
#include <utility>

#include "pool/common/encoding/encoding.h"
#include "pool/evidence/proving/columns.h"

namespace storagepool::evidence {
namespace {

using postgres::Parameter;

// Whether the log has the batch: ids are times, so the seal is one of the first that end after it. Bounded,
// because a batch of long ago has many seals after it.
constexpr std::string_view kSealedBefore = R"sql(EXISTS (
  SELECT FROM (SELECT lo, batches FROM audit_seals WHERE hi >= audit_batches.batch ORDER BY hi LIMIT 20) AS near
  WHERE lo <= audit_batches.batch AND audit_batches.batch = ANY (batches)))sql";

template <typename Number>
std::string text_of(Number number) {
  return std::to_string(number);
}

std::string_view read_state(const Row& row, std::size_t at, StateRow& read) {
  LogState& state = read.state;
  std::uint64_t size = 0;
  std::string frontier;
  state.origin = row[at].value_or("");
  if (state.origin.empty() || state.origin.find('\n') != std::string::npos) return "its origin is not a line";
  if (!read_number(row[at + 1], state.epoch) || !read_number(row[at + 2], state.incarnation) ||
      !read_number(row[at + 3], state.last.tx) || !read_number(row[at + 4], state.last.batch) ||
      !read_number(row[at + 5], size) || !read_number(row[at + 7], state.min_index) ||
      !read_number(row[at + 9], state.written_by))
    return "it has a number that is none, or negative";
  if (size > std::numeric_limits<std::int64_t>::max()) return "its size is negative";
  if (!read_bytes(row[at + 6], frontier) || !read_bytes(row[at + 10], read.mac))
    return "its frontier or MAC cannot be read";
  auto known = tlog::Frontier::read(size, frontier);
  if (!known) return "its frontier is not that of its size";
  state.frontier = *std::move(known);
  state.published = row[at + 8];
  return {};
}

// In binary format.
template <typename Number>
bool read_binary(const postgres::Rows::Value& value, Number& number) {
  const auto read = value ? postgres::read_integer(*value) : std::nullopt;
  if (read) number = static_cast<Number>(*read);
  return read.has_value();
}

bool is_true(const postgres::Rows::Value& value) {
  return value == std::string_view("\1", 1);
}

constexpr std::size_t kBatchAt = 3;
constexpr std::size_t kEntriesAt = kBatchAt + 4;

template <typename T>
tl::expected<T, std::string> unreadable(const char* what) {
  return tl::unexpected(std::string(what) + " cannot be read");
}

}  // namespace

const std::string kReadFacts = R"sql(
SELECT pg_snapshot_xmax(pg_current_snapshot()),
  ()sql" + std::string(kNewIncarnation) +
                               R"sql(),
  (SELECT first_seq + size FROM audit_seals ORDER BY first_seq DESC LIMIT 1),
  state.xmin, origin, epoch, incarnation, last_tx, last_batch, size, encode(frontier, 'hex'), min_index, published,
  written_by, encode(mac, 'hex')
FROM (VALUES (1)) AS always LEFT JOIN audit_log AS state ON true)sql";

tl::expected<LogFacts, std::string> read_facts(const postgres::Result& result) {
  constexpr std::size_t kStateAt = 4;
  if (result.rows.size() != 1 || result.rows[0].size() != kStateAt + 11)
    return unreadable<LogFacts>("the state of the log");
  const Row& row = result.rows[0];
  LogFacts facts;
  const bool known = read_number(row[0], facts.next_tx) && read_number(row[1], facts.incarnation) &&
                     (!row[2] || read_number(row[2], facts.sealed));
  if (!known) return unreadable<LogFacts>("what new batches get as their incarnation, or the last seal,");
  if (!row[3]) return facts;
  StateRow& state = facts.row.emplace();
  if (!read_number(row[3], state.xmin)) return unreadable<LogFacts>("who wrote the state of the log");
  state.fault = read_state(row, kStateAt, state);
  return facts;
}

// The bytes of a batch are NULL where it is too large for any; that and what is before a batch keep one
// sealing within bounds, whatever rows there are. Most have ids greater than any that is sealed.
const std::string kReadBatches = R"sql(
SELECT cut,
  EXISTS (SELECT FROM audit_batches WHERE incarnation = $1::smallint
          AND (tx, batch) > ($2::xid8, $3::bigint) AND tx >= cut AND tx < next_tx),
  CASE WHEN $4 <> 'none' THEN (SELECT batch FROM audit_batches
    WHERE incarnation = $1::smallint AND tx >= next_tx ORDER BY tx, batch LIMIT 1) END,
  tx, batch, events, kept, entries, mac, sealed_before, too_large
FROM (SELECT pg_snapshot_xmin(pg_current_snapshot()) AS cut,
             pg_snapshot_xmax(pg_current_snapshot()) AS next_tx,
             (SELECT hi FROM audit_seals ORDER BY hi DESC LIMIT 1) AS last_sealed) AS now
LEFT JOIN LATERAL (
  SELECT tx, batch, events, CASE WHEN bytes IS NOT NULL THEN kept::text END AS kept,
    CASE WHEN bytes IS NOT NULL THEN entries END AS entries, substring(mac FOR 17) AS mac, sealed_before,
    bytes IS NULL AS too_large
  FROM (
    SELECT *, coalesce(sum(bytes) OVER (ORDER BY tx, batch ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING), 0)
        AS before
    FROM (
      SELECT tx, batch, events, kept, entries, mac, CASE WHEN octet_length(entries) <= )sql" +
                                 text_of(kMaxBatchEntries * std::int64_t{kEntryBytes}) +
                                 R"sql(
        AND coalesce(cardinality(kept), 0) <= octet_length(entries) / 67 THEN octet_length(entries) END AS bytes,
        batch <= last_sealed AND )sql" +
                                 std::string(kSealedBefore) +
                                 R"sql( AS sealed_before
      FROM audit_batches
      WHERE incarnation = $1::smallint AND (tx, batch) > ($2::xid8, $3::bigint)
        AND tx < CASE $4 WHEN 'cut' THEN cut WHEN 'fence' THEN next_tx ELSE '18446744073709551615' END
      ORDER BY tx, batch LIMIT $6::bigint) AS next) AS measured
  WHERE before <= $5::bigint) AS final ON true
ORDER BY tx, batch)sql";

std::vector<Parameter> batch_parameters(const LogState& state, Bound bound, const Portion& most) {
  const char* const name = bound == Bound::kCut ? "cut" : bound == Bound::kFence ? "fence" : "none";
  return {text_of(state.incarnation), text_of(state.last.tx), text_of(state.last.batch), name,
          text_of(most.bytes),        text_of(most.batches)};
}

tl::expected<Batches, std::string> read_batches(postgres::Rows rows, const Portion& most) {
  Batches read;
  if (rows.size() == 0 || !read_binary(rows.at(0, 0), read.cut)) return unreadable<Batches>("the cut");
  read.waiting = is_true(rows.at(0, 1));
  if (rows.at(0, 2) && !read_binary(rows.at(0, 2), read.future.emplace()))
    return unreadable<Batches>("a batch");
  if (rows.at(0, kBatchAt)) read.size = rows.size();
  for (std::size_t i = 0; i < read.size; ++i)
    read.bytes += static_cast<std::int64_t>(rows.at(i, kEntriesAt).value_or("").size());
  read.more = read.bytes > most.bytes || read.size >= static_cast<std::size_t>(most.batches);
  read.rows = std::move(rows);
  return read;
}

Batch Batches::at(std::size_t place) const {
  const auto column = [&](std::size_t number) { return rows.at(place, kBatchAt + number); };
  Batch batch;
  if (!read_binary(column(0), batch.at.tx) || !read_binary(column(1), batch.at.batch) ||
      !read_binary(column(2), batch.events)) {
    batch.fault = "it cannot be read";
    return batch;
  }
  batch.sealed_before = is_true(column(6));
  const auto kept = column(3);
  const auto entries = rows.at(place, kEntriesAt);
  if (is_true(column(7)) || !entries) {
    batch.fault = "it is too large";
  } else if (kept && !read_numbers(std::string(*kept), batch.kept.emplace())) {
    batch.fault = "what it keeps is not a list of numbers";
  } else {
    batch.entries = *entries;
    batch.mac = column(5).value_or("");
  }
  return batch;
}

const std::string kWriteSeal = R"sql(
WITH sealed AS (
  INSERT INTO audit_seals (first_seq, size, batches, counts, lo, hi)
  VALUES ($1::bigint, $2::bigint, $3::bigint[], $4::integer[], $5::bigint, $6::bigint)),
nodes AS (
  INSERT INTO audit_nodes (level, index, hash)
  SELECT level, index, decode(hash, 'hex')
  FROM unnest($7::smallint[], $8::bigint[], $9::text[]) AS node (level, index, hash))
INSERT INTO audit_expiry AS known (month, expires, events, first_seq, last_seq)
SELECT * FROM unnest($10::date[], $11::date[], $12::bigint[], $13::bigint[], $14::bigint[])
ON CONFLICT (month, expires) DO UPDATE SET events = known.events + excluded.events,
  first_seq = least(known.first_seq, excluded.first_seq),
  last_seq = greatest(known.last_seq, excluded.last_seq))sql";

std::vector<Parameter> seal_parameters(const Sealed& sealed) {
  const Seal& seal = *sealed.seal;
  const auto nodes = [&](const auto& write) { return array_of(sealed.nodes, write); };
  const auto expiry = [&](const auto& write) { return array_of(sealed.expiry, write); };
  return {
      text_of(seal.first_seq),
      text_of(seal.size),
      array_of(seal.batches, text_of<std::int64_t>),
      array_of(seal.counts, text_of<std::int64_t>),
      text_of(seal.lo),
      text_of(seal.hi),
      nodes([](const tlog::LevelNode& node) { return text_of(node.level); }),
      nodes([](const tlog::LevelNode& node) { return text_of(node.index); }),
      nodes([](const tlog::LevelNode& node) { return encoding::encode_hex(node.hash); }),
      expiry([](const Expiry& one) { return runtime::format_date(one.month); }),
      expiry([](const Expiry& one) { return runtime::format_date(one.expires); }),
      expiry([](const Expiry& one) { return text_of(one.events); }),
      expiry([](const Expiry& one) { return text_of(one.first_seq); }),
      expiry([](const Expiry& one) { return text_of(one.last_seq); }),
  };
}

tl::expected<std::uint64_t, std::string> read_one(const postgres::Result& result) {
  std::uint64_t number = 0;
  if (result.rows.size() != 1 || result.rows[0].empty() || !read_number(result.rows[0][0], number))
    return unreadable<std::uint64_t>("the one number that was asked for");
  return number;
}

const std::string kWriteState = R"sql(
INSERT INTO audit_log (origin, epoch, incarnation, last_tx, last_batch, size, frontier, min_index, published,
                       written_by, mac)
VALUES ($1, $2::integer, $3::smallint, $4::xid8, $5::bigint, $6::bigint, $7::bytea, $8::bigint, $9, $10::xid8, $11::bytea)
ON CONFLICT (one) DO UPDATE SET origin = excluded.origin, epoch = excluded.epoch,
  incarnation = excluded.incarnation, last_tx = excluded.last_tx, last_batch = excluded.last_batch,
  size = excluded.size, frontier = excluded.frontier, min_index = excluded.min_index,
  published = excluded.published, written_by = excluded.written_by, mac = excluded.mac)sql";

std::vector<Parameter> state_parameters(const LogState& state, const Mac& mac) {
  return {state.origin,
          text_of(state.epoch),
          text_of(state.incarnation),
          text_of(state.last.tx),
          text_of(state.last.batch),
          text_of(state.size()),
          Parameter::binary(state.frontier.bytes()),
          text_of(state.min_index),
          state.published,
          text_of(state.written_by),
          Parameter::binary({mac.begin(), mac.end()})};
}

std::string set_incarnation(std::int64_t incarnation) {
  return "ALTER TABLE audit_batches ALTER incarnation SET DEFAULT " + text_of(incarnation);
}

// A row that was written here has the id of its own transaction; one of a dump has not, unless its id
// happens to be that of the transaction that restored it: it is no news then that the log has it.
const std::string kMoveBatches = R"sql(
UPDATE audit_batches SET incarnation = $3::smallint
WHERE incarnation = $1::smallint AND tx > $2::xid8 AND tx < pg_snapshot_xmax(pg_current_snapshot())
  AND xmin = tx::xid AND NOT )sql" +
                                 std::string(kSealedBefore);

const std::string kNextIncarnation = R"sql(
SELECT coalesce(min(incarnation), $2::smallint) FROM audit_batches
WHERE incarnation > $1::smallint AND incarnation <= $2::smallint)sql";

const std::string kFindHolder = R"sql(
SELECT 'the backend with the pid ' || pid || coalesce(' in the database ' || quote_ident(datname), '')
FROM pg_stat_activity WHERE backend_xid = $1::xid8::xid
UNION ALL
SELECT 'the prepared transaction ' || quote_literal(gid) || ' in the database ' || quote_ident(database)
FROM pg_prepared_xacts WHERE transaction = $1::xid8::xid
LIMIT 1)sql";

}  // namespace storagepool::evidence
