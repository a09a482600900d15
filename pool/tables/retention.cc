#include "pool/tables/retention.h"

#include "pool/tables/legal_holds.h"
#include "pool/tables/row.h"

namespace storagepool::tables {
namespace {

// `ctids`: a SELECT of the rows' places, which stay theirs while the statement runs: rows never change.
std::string delete_rows(const std::string& partition, const std::string& ctids) {
  return "deleted AS (DELETE FROM " + partition + " WHERE ctid = ANY (ARRAY(" + ctids +
         ")) RETURNING event_id, event_timestamp), forgotten AS (DELETE FROM audit_event_ids AS ids "
         "USING deleted WHERE ids.event_id = deleted.event_id AND "
         "ids.event_timestamp = deleted.event_timestamp) SELECT count(*) FROM deleted";
}

// By the index on correlations, for there are few holds.
std::string held_of(const std::string& partition) {
  return " FROM " + partition +
         " WHERE correlation_id = ANY (ARRAY(SELECT correlation_id FROM audit_legal_holds "
         "WHERE released_at IS NULL))";
}

}  // namespace

std::string find_kept(const std::string& partition, const std::string& latest) {
  return "SELECT EXISTS (SELECT FROM " + partition + " WHERE " + kExpiresAt + " > " + latest + ")::int";
}

std::string count_held(const std::string& partition) {
  return "SELECT count(*) FROM (SELECT" + held_of(partition) + " LIMIT " + std::to_string(kMaxMoved + 1) +
         ") AS held";
}

std::string delete_expired_of_month(const std::string& partition, const std::string& latest,
                                    std::int64_t limit) {
  const std::string in_the_index = " FROM " + partition + " WHERE retention_days <> 2555";
  const std::string at_most = " LIMIT " + std::to_string(limit);
  return "WITH RECURSIVE terms(days) AS (SELECT min(retention_days)" + in_the_index +
         " UNION ALL SELECT (SELECT min(retention_days)" + in_the_index +
         " AND retention_days > days) FROM terms WHERE days IS NOT NULL), " +
         delete_rows(partition, "SELECT place FROM terms, LATERAL (SELECT ctid AS place" + in_the_index +
                                    " AND retention_days = days AND event_timestamp <= " + latest +
                                    " - days * interval '24 hours' AND NOT " + kHeld + at_most +
                                    ") AS expired" + at_most);
}

// In the order of an index, in which what is dead is passed quickly.
std::string delete_expired(const std::string& partition, const std::string& latest, std::int64_t limit) {
  return "WITH " +
         delete_rows(partition, "SELECT ctid FROM " + partition + " WHERE " + kExpiresAt + " <= " + latest +
                                    " AND NOT " + kHeld + " ORDER BY event_timestamp, event_id LIMIT " +
                                    std::to_string(limit));
}

std::string remember_ids_of_held(const std::string& partition) {
  return "INSERT INTO audit_event_ids (event_id, event_timestamp) SELECT event_id, event_timestamp" +
         held_of(partition) + " ON CONFLICT DO NOTHING";
}

std::string drop_but_held(const std::string& partition) {
  return "ALTER TABLE audit_events DETACH PARTITION " + partition + "; " + remember_ids_of_held(partition) +
         "; INSERT INTO audit_events SELECT *" + held_of(partition) + "; DROP TABLE " + partition;
}

std::string forget_ids(const std::string& from, const std::string& until, std::int64_t limit) {
  return "DELETE FROM audit_event_ids WHERE ctid = ANY (ARRAY(SELECT ctid FROM audit_event_ids "
         "WHERE event_timestamp >= " +
         from + " AND event_timestamp < " + until + " LIMIT " + std::to_string(limit) + "))";
}

}  // namespace storagepool::tables
