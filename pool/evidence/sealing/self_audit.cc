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

}  // namespace

void SelfAudit::acknowledged(Acknowledged batch, TimePoint now) {
  waiting_.push_back({std::move(batch), now});
  if (waiting_.size() <= kMaxWaiting) return;
  waiting_.pop_front();
  ++unchecked_;
}

std::vector<std::int64_t> SelfAudit::wanted() const {
  std::vector<std::int64_t> ids;
  for (std::size_t i = 0; i < std::min(waiting_.size(), kAtOnce); ++i) ids.push_back(waiting_[i].batch.batch);
  return ids;
}

std::vector<Alarm> SelfAudit::looked(const std::unordered_map<std::int64_t, FoundBatch>& found,
                                     TimePoint now) {
  std::vector<Alarm> alarms;
  const auto alarm = [&](Alarm::Kind kind, const Acknowledged& batch, const char* what) {
    alarms.push_back({.kind = kind,
                      .batch = batch.batch,
                      .detail = "batch " + std::to_string(batch.batch) + ", which was committed, " + what});
  };
  for (std::size_t left = std::min(waiting_.size(), kAtOnce); left > 0; --left) {
    Waiting one = std::move(waiting_.front());
    waiting_.pop_front();
    const auto row = found.find(one.batch.batch);
    if (row != found.end() && row->second.sealed) {
      if (row->second.sealed != one.batch.events || (row->second.there && row->second.kept != one.batch.kept))
        alarm(Alarm::Kind::kAlteredBatch, one.batch, "is in the log with other events than were stored");
    } else if (row == found.end() || row->second.waits || now - one.since < kGrace) {
      waiting_.push_back(std::move(one));
    } else {
      alarm(
          Alarm::Kind::kMissingBatch, one.batch,
          row->second.there ? "is not in the log, which has passed it" : "was deleted before it was sealed");
    }
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
