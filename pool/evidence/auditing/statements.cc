#include "pool/evidence/auditing/statements.h"

#include <utility>

#include "pool/evidence/sealing/seal.h"
#include "pool/tables/row.h"

namespace storagepool::evidence {
namespace {

constexpr std::string_view kBytes =
    "coalesce(octet_length(event_data::text), 0) + coalesce(octet_length(error_message), 0) AS bytes";

// Of rows with `bytes`, those before which there is room, in the order of `place`.
std::string bounded(const std::string& columns, const std::string& rows) {
  return "SELECT " + columns +
         " FROM (SELECT *, count(*) OVER () AS total, coalesce(sum(bytes) OVER (ORDER BY place "
         "ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING), 0) AS before FROM (" +
         rows + ") AS every) AS summed WHERE before <= " + std::to_string(kStepBytes) + " ORDER BY place";
}

std::string tid(std::int64_t block, std::int64_t offset) {
  return "'(" + std::to_string(block) + "," + std::to_string(offset) + ")'::tid";
}

}  // namespace

// The key of the advisory lock is "sp-audit" in ASCII.
const std::string kBeginStep = R"sql(
BEGIN ISOLATION LEVEL REPEATABLE READ READ WRITE;
SET LOCAL lock_timeout = '200ms';
SET LOCAL idle_in_transaction_session_timeout = '10s';
SET LOCAL row_security = off;
LOCK TABLE audit_events IN ACCESS SHARE MODE;
SELECT pg_try_advisory_xact_lock(8318198408357898612)::int)sql";

const std::string_view kReadProgress = "SELECT progress, encode(mac, 'hex') FROM audit_progress";
const std::string_view kWriteProgress =
    "INSERT INTO audit_progress (progress, mac) VALUES ($1, $2::bytea) "
    "ON CONFLICT (one) DO UPDATE SET progress = excluded.progress, mac = excluded.mac";

const std::string_view kReadExtent = R"sql(
SELECT (SELECT batches[1] FROM audit_seals ORDER BY first_seq LIMIT 1),
  (SELECT coalesce(sum(pg_relation_size(relid)), 0)::bigint FROM pg_partition_tree('audit_events') WHERE isleaf)
    / current_setting('block_size')::bigint)sql";

const std::string_view kReadHeld =
    "SELECT correlation_id, extract(epoch FROM min(placed_at))::bigint FROM audit_legal_holds "
    "WHERE released_at IS NULL GROUP BY correlation_id ORDER BY correlation_id LIMIT 10000";

const std::string_view kByKey =
    "SET LOCAL enable_seqscan = off; SET LOCAL enable_indexscan = on; SET LOCAL enable_bitmapscan = on";
const std::string_view kByHeap =
    "SET LOCAL enable_seqscan = off; SET LOCAL enable_indexscan = off; SET LOCAL enable_bitmapscan = off; "
    "SET LOCAL enable_indexonlyscan = off; SET LOCAL enable_tidscan = on";

std::string read_by_keys() {
  return bounded("place, (event_id IS NOT NULL)::int, batch, " + tables::kEventColumns,
                 "SELECT place, of_row.*, " + std::string(kBytes) +
                     " FROM unnest($1::uuid[], $2::timestamptz[]) WITH ORDINALITY AS key (id, at, place) "
                     "LEFT JOIN LATERAL (SELECT * FROM audit_events WHERE event_id = key.id AND "
                     "event_timestamp = key.at AND event_timestamp >= $3::timestamptz AND event_timestamp <= "
                     "$4::timestamptz LIMIT 2) AS of_row ON true");
}

const std::string_view kNextPartition = R"sql(
SELECT c.oid, format('%I.%I', nspname, relname), blocks, current_setting('server_version_num'), block_size
FROM pg_partition_tree('audit_events') AS tree
JOIN pg_class AS c ON c.oid = relid JOIN pg_namespace AS n ON n.oid = relnamespace,
current_setting('block_size') AS block_size, LATERAL (SELECT pg_relation_size(c.oid) / block_size::bigint AS blocks) AS s
WHERE isleaf AND relkind = 'r' AND (c.oid > $1::oid AND blocks > 0 OR c.oid = $1::oid AND blocks > $2::bigint)
ORDER BY c.oid LIMIT 1)sql";

std::string read_heap(const std::string& partition, const HeapPlace& from, std::int64_t until,
                      const HeapLayout& layout) {
  constexpr std::int64_t kTidRangeScans = 140'000;
  constexpr std::int64_t kLeastRow = 28;  // bytes of a row's header and its pointer
  std::string where = "ctid >= " + tid(from.block, from.offset) + " AND ctid < " + tid(until, 0);
  if (layout.server_version < kTidRangeScans)
    where +=
        " AND ctid = ANY (ARRAY(SELECT ('(' || block || ',' || number || ')')::tid FROM generate_series(" +
        std::to_string(from.block) + "::bigint, " + std::to_string(until - 1) +
        ") AS block, generate_series(1, " + std::to_string(layout.block_bytes / kLeastRow) + ") AS number))";
  return bounded(
      "place, total, batch, " + tables::kEventColumns,
      "SELECT ctid AS place, *, " + std::string(kBytes) + " FROM ONLY " + partition + " WHERE " + where);
}

std::optional<AuditedRow> read_row(Row row, std::size_t batch_at) {
  AuditedRow audited;
  std::int64_t batch = 0;
  if (row[batch_at] && !read_number(row[batch_at], batch)) return std::nullopt;
  if (row[batch_at]) audited.batch = batch;
  audited.event = tables::read_event(std::move(row), batch_at + 1);
  return audited;
}

bool read_place(const std::string& text, HeapPlace& at) {
  const std::size_t comma = text.find(',');
  if (text.size() < 5 || comma == std::string::npos) return false;
  const bool good = read_number(text.substr(1, comma - 1), at.block) &&
                    read_number(text.substr(comma + 1, text.size() - comma - 2), at.offset);
  ++at.offset;
  return good;
}

const std::string kReadAuditedBatches =
    "SELECT batch, kept, encode(entries, 'hex'), encode(mac, 'hex'), events FROM (SELECT *, "
    "coalesce(sum(octet_length(entries)) OVER (ORDER BY batch ROWS BETWEEN UNBOUNDED PRECEDING AND 1 "
    "PRECEDING), 0) AS before FROM audit_batches WHERE batch = ANY ($1::bigint[]) AND octet_length(entries) "
    "<= " +
    std::to_string(kMaxBatchEntries * std::int64_t{kEntryBytes}) +
    ") AS every WHERE before <= " + std::to_string(kStepBytes) + " ORDER BY batch";

}  // namespace storagepool::evidence
