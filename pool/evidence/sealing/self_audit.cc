#include "pool/evidence/sealing/self_audit.h"

#include <algorithm>

#include "pool/evidence/proving/columns.h"
#include "pool/evidence/sealing/rows.h"

namespace storagepool::evidence {
namespace {

using boost::asio::awaitable;

// Nearly all are named by the first seals that end after the oldest of them, which are read once for all. For
// one that is not, its seal is found as for a proof (pool/evidence/proving), whose arrays are read and
// searched for it alone.
const std::string kLook = R"sql(
WITH wanted AS MATERIALIZED (SELECT id FROM unnest($1::bigint[]) AS wanted (id)),
named AS MATERIALIZED (
  SELECT DISTINCT ON (id) id, sealed
  FROM (SELECT hi, batches, counts FROM audit_seals
        WHERE hi >= (SELECT min(id) FROM wanted) AND lo <= (SELECT max(id) FROM wanted)
        ORDER BY hi LIMIT 16) AS near, unnest(batches, counts) AS named (id, sealed)
  WHERE id IN (SELECT id FROM wanted)
  ORDER BY id, hi)
SELECT id, CASE WHEN named.id IS NULL THEN seal.sealed ELSE named.sealed END, batch.batch IS NOT NULL,
  batch.batch IS NOT NULL AND batch.tx < pg_snapshot_xmax(pg_current_snapshot())
    AND batch.incarnation <= ()sql" +
                          std::string(kNewIncarnation) + R"sql()::smallint AND (state.one IS NULL OR
      (batch.incarnation, batch.tx, batch.batch) > (state.incarnation, state.last_tx, state.last_batch)),
  batch.kept
FROM wanted LEFT JOIN named USING (id)
LEFT JOIN audit_log AS state ON true
LEFT JOIN audit_batches AS batch ON batch.batch = id
LEFT JOIN LATERAL (
  SELECT counts[array_position(batches, id)] AS sealed
  FROM (SELECT * FROM audit_seals WHERE named.id IS NULL AND hi >= id ORDER BY hi LIMIT 4000) AS near
  WHERE lo <= id AND id = ANY (batches) LIMIT 1) AS seal ON true)sql";

Alarm alarm(Alarm::Kind kind, std::int64_t batch, const char* what) {
  return {.kind = kind,
          .batch = batch,
          .detail = "batch " + std::to_string(batch) + ", which was committed, " + what};
}

Alarm altered(std::int64_t batch) {
  return alarm(Alarm::Kind::kAlteredBatch, batch, "is in the log with other events than were stored");
}

}  // namespace

void SelfAudit::acknowledged(BatchEvents batch, TimePoint now) {
  const std::int64_t id = batch.batch;
  waiting_.insert_or_assign(waiting_.end(), id, Waiting{std::move(batch), now});
  if (waiting_.size() <= kMaxWaiting) return;
  waiting_.erase(waiting_.begin());
  ++unchecked_;
}

std::vector<Alarm> SelfAudit::sealed(std::span<const BatchEvents> batches) {
  std::vector<Alarm> alarms;
  for (const BatchEvents& batch : batches) {
    const auto found = waiting_.find(batch.batch);
    if (found == waiting_.end()) continue;
    if (found->second.batch != batch) alarms.push_back(altered(batch.batch));
    waiting_.erase(found);
  }
  return alarms;
}

bool SelfAudit::is_due(TimePoint now) const {
  return !waiting_.empty() && now - waiting_.begin()->second.since >= kLookAfter;
}

std::vector<std::int64_t> SelfAudit::wanted() const {
  std::vector<std::int64_t> ids;
  auto next = waiting_.upper_bound(looked_for_);
  for (std::size_t left = std::min(waiting_.size(), kAtOnce); left > 0; --left, ++next) {
    if (next == waiting_.end()) next = waiting_.begin();
    ids.push_back(next->first);
  }
  return ids;
}

std::vector<Alarm> SelfAudit::looked(const std::unordered_map<std::int64_t, FoundBatch>& found,
                                     TimePoint now) {
  std::vector<Alarm> alarms;
  for (const std::int64_t id : wanted()) {
    looked_for_ = id;
    const auto one = waiting_.find(id);
    const BatchEvents& batch = one->second.batch;
    const auto row = found.find(id);
    if (row != found.end() && row->second.sealed) {
      if (row->second.sealed != batch.events || (row->second.there && row->second.kept != batch.kept))
        alarms.push_back(altered(id));
    } else if (row == found.end() || row->second.waits || now - one->second.since < kGrace) {
      continue;
    } else {
      alarms.push_back(alarm(
          Alarm::Kind::kMissingBatch, id,
          row->second.there ? "is not in the log, which has passed it" : "was deleted before it was sealed"));
    }
    waiting_.erase(one);
  }
  return alarms;
}

awaitable<tl::expected<std::vector<Alarm>, postgres::Error>> audit_self(SelfAudit& audit,
                                                                        postgres::Connection& connection,
                                                                        SelfAudit::TimePoint now,
                                                                        postgres::Deadline deadline) {
  const std::vector<std::int64_t> wanted = audit.wanted();
  if (wanted.empty()) co_return std::vector<Alarm>();
  std::vector<postgres::Parameter> ids{array_of(wanted, [](std::int64_t id) { return std::to_string(id); })};
  const auto rows = co_await connection.query(kLook, std::move(ids), deadline);
  if (!rows) co_return tl::unexpected(rows.error());
  std::unordered_map<std::int64_t, FoundBatch> found;
  for (const Row& row : rows->rows) {
    std::int64_t id = 0;
    if (row.size() != 5 || !read_number(row[0], id)) continue;
    FoundBatch& batch = found[id];
    if (row[1] && !read_number(row[1], batch.sealed.emplace())) batch.sealed = 0;
    batch.there = row[2] == "t";
    batch.waits = row[3] == "t";
    batch.kept = row[4];
  }
  co_return audit.looked(found, now);
}

}  // namespace storagepool::evidence
