#include "pool/ingest/rows.h"

#include <algorithm>
#include <chrono>
#include <utility>

#include "pool/event/fields.h"
#include "pool/event/idempotency.h"
#include "pool/event/uuid.h"
#include "pool/ingest/columns.h"
#include "pool/tables/row.h"

namespace storagepool::ingest {
namespace {

const int kClaimParameters = kFieldParameters + 2;

const std::string kReturning = " RETURNING events, kept";

std::string columns() {
  return event::comma_list(
      [](const auto& field) { return std::string(field.column.empty() ? "" : field.name); });
}

// `batch`: the number of the parameter with its id.
std::string insert_given(int batch) {
  return "INSERT INTO audit_events (" + columns() + ", batch) SELECT " + columns() + ", " +
         parameter(batch, "bigint") + " FROM ";
}

// Records the batch of so many events, which has the parameters from `first` on, of which all was stored.
std::string insert_batch(int first, const std::string& events) {
  const std::string id = parameter(first, "bigint");
  return "INSERT INTO audit_batches (batch, events, entries, mac) SELECT " + id + ", " + events + ", " +
         parameter(first + 1, "bytea") + ", " + parameter(first + 2, "bytea") + " WHERE " + id +
         " IS NOT NULL";
}

// Of which the ids in `stored` were stored, if any. Of an id that was offered twice it was the first.
std::string insert_what_is_kept(int first) {
  const std::string id = parameter(first, "bigint");
  const std::string ids = parameter(kIdParameter, "uuid[]");
  return "INSERT INTO audit_batches (batch, events, kept, entries, mac) SELECT " + id +
         ", events, CASE WHEN events < cardinality(" + ids +
         ") THEN ARRAY(SELECT min(ordinal)::integer FROM unnest(" + ids +
         ") WITH ORDINALITY AS offered(event_id, ordinal) WHERE event_id IN (SELECT event_id FROM stored) "
         "GROUP BY event_id ORDER BY 1) END, " +
         parameter(first + 1, "bytea") + ", " + parameter(first + 2, "bytea") +
         " FROM (SELECT count(*)::integer AS events FROM stored) AS counted WHERE events > 0 AND " + id +
         " IS NOT NULL" + kReturning;
}

// As insert_batch names them.
void add_batch(std::vector<postgres::Parameter>& parameters, const evidence::NewBatch* batch) {
  if (batch == nullptr) {
    parameters.insert(parameters.end(), 3, postgres::Parameter());
    return;
  }
  parameters.emplace_back(std::to_string(batch->id));
  parameters.push_back(postgres::Parameter::binary(batch->entries));
  parameters.push_back(postgres::Parameter::binary(std::string(batch->mac.begin(), batch->mac.end())));
}

}  // namespace

const std::string kInsertRows =
    "WITH stored AS (" + insert_given(kFieldParameters + 1) + given() + ") " +
    insert_batch(kFieldParameters + 1, "cardinality(" + parameter(kIdParameter, "uuid[]") + ")");
const std::string kInsertRow =
    "WITH stored AS (INSERT INTO audit_events (" + columns() + ", batch) VALUES (" + values() + ", " +
    parameter(kValueParameters + 1, "bigint") + ")) " + insert_batch(kValueParameters + 1, "1");
const std::string kInsertMissingRows = "WITH stored AS (" + insert_given(kFieldParameters + 1) + given() +
                                       " ON CONFLICT DO NOTHING RETURNING event_id) " +
                                       insert_what_is_kept(kFieldParameters + 1);

// The known ids are looked up by scalar subqueries, one index entry each: see kFindParents. Digests are
// compared as event::compare_digests does.
const std::string kClaimAndInsertRows =
    "WITH given AS MATERIALIZED (SELECT * FROM " + given({{kBytea, "content_digest"}, {kBigint, "unit"}}) +
    "), refused AS MATERIALIZED (SELECT unit FROM given WHERE id_from_client AND "
    "(SELECT substr(known.content_digest, 1, length(given.content_digest)) <> "
    "substr(given.content_digest, 1, length(known.content_digest)) "
    "FROM audit_event_ids AS known WHERE known.event_id = given.event_id)"
    "), taken AS (SELECT * FROM given WHERE unit NOT IN (SELECT unit FROM refused)"
    "), claimed AS (INSERT INTO audit_event_ids (event_id, event_timestamp, content_digest) "
    "SELECT event_id, event_timestamp, content_digest FROM taken WHERE id_from_client ORDER BY event_id "
    "ON CONFLICT DO NOTHING RETURNING event_id), stored AS (" +
    insert_given(kClaimParameters + 1) +
    "taken WHERE NOT id_from_client OR event_id IN (SELECT event_id FROM claimed) "
    "ON CONFLICT DO NOTHING RETURNING event_id), recorded AS (" +
    insert_what_is_kept(kClaimParameters + 1) +
    ") SELECT NULL::integer, NULL::integer[], event_id, NULL FROM claimed "
    "UNION ALL SELECT NULL, NULL, NULL, unit FROM (SELECT DISTINCT unit FROM refused) AS units "
    "UNION ALL SELECT events, kept, NULL, NULL FROM recorded "
    "LIMIT (SELECT -1 FROM taken WHERE id_from_client AND event_id NOT IN (SELECT event_id FROM claimed) "
    "AND (SELECT true FROM audit_event_ids AS known WHERE known.event_id = taken.event_id) IS NULL LIMIT 1)";

// Scalar subqueries, because the planner turns them neither into joins nor into hashes: each row is looked up
// in an index of the partition that its own bounds leave, among those that $5 and $6 leave to the planner.
const std::string kFindParents = R"sql(
SELECT position - 1, to_char(event_timestamp AT TIME ZONE 'UTC', 'YYYY-MM-DD')
FROM (
  SELECT wanted.position, coalesce(
    (SELECT event.event_timestamp FROM audit_events AS event
     WHERE event.event_id = wanted.event_id
       AND event.event_timestamp >= wanted.since AND event.event_timestamp < wanted.before
       AND event.event_timestamp >= $5::timestamptz AND event.event_timestamp < $6::timestamptz LIMIT 1),
    (SELECT client_made.event_timestamp FROM audit_event_ids AS client_made
     WHERE wanted.any_time AND client_made.event_id = wanted.event_id LIMIT 1)) AS event_timestamp
  FROM unnest($1::uuid[], $2::timestamptz[], $3::timestamptz[], $4::boolean[])
    WITH ORDINALITY AS wanted(event_id, since, before, any_time, position)) AS found
WHERE event_timestamp IS NOT NULL)sql";

const std::string kClaimStored = R"sql(
INSERT INTO audit_event_ids (event_id, event_timestamp, content_digest)
SELECT * FROM unnest($1::uuid[], $2::timestamptz[], $3::bytea[]) ON CONFLICT DO NOTHING)sql";

const std::string kFindStored = R"sql(
SELECT event_id, to_char(event_timestamp AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'),
       encode(content_digest, 'hex')
FROM audit_event_ids WHERE event_id = ANY($1::uuid[]))sql";

std::vector<postgres::Parameter> row_parameters(std::span<const event::Event* const> events,
                                                const evidence::NewBatch* batch) {
  std::vector<postgres::Parameter> parameters = field_parameters(events);
  add_batch(parameters, batch);
  return parameters;
}

std::vector<postgres::Parameter> one_row_parameters(const event::Event& event,
                                                    const evidence::NewBatch* batch) {
  std::vector<postgres::Parameter> parameters = value_parameters(event);
  add_batch(parameters, batch);
  return parameters;
}

std::vector<postgres::Parameter> claim_parameters(std::span<const event::Event* const> events,
                                                  std::span<const std::int64_t> units,
                                                  const evidence::NewBatch* batch) {
  std::vector<postgres::Parameter> parameters = field_parameters(events);
  Array digests(kBytea, events.size(), events.size() * event::kKeyedDigestBytes);
  Array numbers(kBigint, units.size(), units.size() * sizeof(std::int64_t));
  for (const event::Event* event : events) {
    event->id_from_client ? digests.add(event::content_digest(*event)) : digests.null();
  }
  for (const std::int64_t unit : units) numbers.add(unit);
  parameters.push_back(digests.take());
  parameters.push_back(numbers.take());
  add_batch(parameters, batch);
  return parameters;
}

// The look-up by id comes first, and for most is all there is.
std::string find_unclaimed() {
  return "SELECT " + tables::kEventColumns + R"sql(
FROM unnest($1::uuid[], $2::timestamptz[], $3::timestamptz[], $4::boolean[])
  AS wanted(wanted_id, since, before, any_time),
LATERAL (
  SELECT * FROM audit_events AS event
  WHERE event.event_id = wanted_id AND event.event_timestamp >= since AND event.event_timestamp < before
    AND event.event_timestamp >= $5::timestamptz AND event.event_timestamp < $6::timestamptz LIMIT 1) AS stored
WHERE (SELECT true FROM audit_event_ids AS client_made WHERE client_made.event_id = wanted_id) IS NULL)sql";
}

std::vector<postgres::Parameter> reference_parameters(std::span<const Reference> references) {
  using Range = std::pair<runtime::Timestamp, runtime::Timestamp>;
  constexpr Range kNothing{postgres::kEpoch, postgres::kEpoch};
  Array ids(kUuid, references.size(), references.size() * kUuidBytes);
  Array since(kTimestamptz, references.size(), references.size() * sizeof(runtime::Timestamp));
  Array before(kTimestamptz, references.size(), references.size() * sizeof(runtime::Timestamp));
  Array any_time(kBoolean, references.size(), references.size());
  std::optional<Range> all;
  for (const Reference& one : references) {
    std::optional<Range> range;
    if (one.date) {
      range = Range{*one.date, *one.date + std::chrono::days{1}};
    } else {
      range = event::id_time_range(one.event_id);
    }
    if (range) {
      if (!all) all = range;
      all = Range{std::min(all->first, range->first), std::max(all->second, range->second)};
    }
    ids.add_uuid(one.event_id);
    since.add(range.value_or(kNothing).first);
    before.add(range.value_or(kNothing).second);
    any_time.add(!one.date);
  }
  const auto [first, last] = all.value_or(kNothing);
  return {ids.take(),
          since.take(),
          before.take(),
          any_time.take(),
          runtime::format_timestamp(first),
          runtime::format_timestamp(last)};
}

std::vector<postgres::Parameter> stored_parameters(std::span<const event::Event> events) {
  Array ids(kUuid, events.size(), events.size() * kUuidBytes);
  Array times(kTimestamptz, events.size(), events.size() * sizeof(runtime::Timestamp));
  Array digests(kBytea, events.size(), events.size() * event::kDigestBytes);
  for (const event::Event& event : events) {
    ids.add_uuid(event.event_id);
    times.add(event.event_timestamp);
    digests.add(event::content_digest(event));
  }
  return {ids.take(), times.take(), digests.take()};
}

std::vector<postgres::Parameter> id_parameters(std::span<const std::string_view> event_ids) {
  Array ids(kUuid, event_ids.size(), event_ids.size() * kUuidBytes);
  for (const std::string_view id : event_ids) ids.add_uuid(id);
  return {ids.take()};
}

}  // namespace storagepool::ingest
