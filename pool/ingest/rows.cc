#include "pool/ingest/rows.h"

#include <algorithm>
#include <array>
#include <chrono>
#include <concepts>
#include <initializer_list>
#include <type_traits>
#include <utility>

#include "pool/event/fields.h"
#include "pool/event/idempotency.h"
#include "pool/event/uuid.h"
#include "pool/tables/row.h"

namespace storagepool::ingest {
namespace {

// A type of elements; the OIDs are fixed in PostgreSQL's pg_type.dat.
struct Type {
  std::uint32_t oid;
  std::string_view name;
};
constexpr Type kBoolean{16, "boolean"};
constexpr Type kBytea{17, "bytea"};
constexpr Type kBigint{20, "bigint"};
constexpr Type kText{25, "text"};
constexpr Type kJson{114, "json"};
constexpr Type kDate{1082, "date"};
constexpr Type kTimestamptz{1184, "timestamptz"};
constexpr Type kUuid{2950, "uuid"};

constexpr std::size_t kUuidBytes = 16;

// Where PostgreSQL counts time from.
constexpr runtime::Timestamp kPostgresEpoch{std::chrono::seconds{946'684'800}};

template <std::unsigned_integral T>
void put_big_endian(std::string& out, T value) {
  std::array<char, sizeof(T)> bytes{};
  for (std::size_t at = 0; at < bytes.size(); ++at)
    bytes[bytes.size() - 1 - at] = static_cast<char>(value >> 8 * at);
  out.append(bytes.data(), bytes.size());
}

// A one-dimensional array in PostgreSQL's binary format: number of dimensions, whether there are NULLs, the
// element type, the length and the lower bound, then each element as its length (-1: NULL) and bytes.
class Array {
 public:
  // The values take `bytes` altogether.
  Array(const Type& type, std::size_t elements, std::size_t bytes) {
    bytes_.reserve(kHeaderBytes + elements * 4 + bytes);
    put_int4(1);
    put_int4(1);
    put_int4(type.oid);
    put_int4(static_cast<std::uint32_t>(elements));
    put_int4(1);
  }

  void null() { put_int4(0xFFFF'FFFF); }
  void add(std::string_view value) {
    put_int4(static_cast<std::uint32_t>(value.size()));
    bytes_ += value;
  }
  void add(bool value) { add(value ? std::string_view("\x01", 1) : std::string_view("\x00", 1)); }
  void add(std::int64_t value) {
    put_int4(8);
    put_big_endian(bytes_, static_cast<std::uint64_t>(value));
  }
  void add(runtime::Timestamp value) { add(std::int64_t{(value - kPostgresEpoch).count()}); }
  void add(runtime::Date value) {
    put_int4(4);
    put_int4(static_cast<std::uint32_t>((value - runtime::date_of(kPostgresEpoch)).count()));
  }
  void add_uuid(std::string_view canonical) {
    const std::array<char, kUuidBytes> bytes =
        event::uuid_bytes(canonical).value_or(std::array<char, kUuidBytes>{});
    add(std::string_view(bytes.data(), bytes.size()));
  }

  postgres::Parameter take() { return postgres::Parameter::binary(std::move(bytes_)); }

 private:
  static constexpr std::size_t kHeaderBytes = 20;
  void put_int4(std::uint32_t value) { put_big_endian(bytes_, value); }
  std::string bytes_;
};

// The type in which a field is given. The numbers are wider than their columns, so that a value out of range
// is refused by the server as the row's fault. Texts, choices and addresses are given as text.
template <typename Kind>
constexpr Type kGivenAs = kText;
template <>
constexpr Type kGivenAs<event::kind::Uuid> = kUuid;
template <>
constexpr Type kGivenAs<event::kind::Time> = kTimestamptz;
template <>
constexpr Type kGivenAs<event::kind::Date> = kDate;
template <>
constexpr Type kGivenAs<event::kind::Integer> = kBigint;
template <>
constexpr Type kGivenAs<event::kind::Boolean> = kBoolean;
template <>
constexpr Type kGivenAs<event::kind::Object> = kJson;
template <>
constexpr Type kGivenAs<event::kind::Unsent> = kBoolean;

constexpr int kIdParameter = 1;  // of the fields' arrays the first

template <typename Kind, typename Value>
constexpr Type given_as(const event::Field<Kind, Value>&) {
  return kGivenAs<Kind>;
}

// The statements read it: what has a column, and whose the id is.
template <typename Kind, typename Value>
constexpr bool is_given(const event::Field<Kind, Value>& field) {
  return !field.column.empty() || field.name == "id_from_client";
}

// Builds one column of all events.
template <typename Kind, typename Value>
class Column {
 public:
  Column(const event::Field<Kind, Value>& field, std::span<const event::Event* const> events)
      : array_(kGivenAs<Kind>, events.size(), bytes(field, events)) {
    for (const event::Event* event : events) add(event->*field.member);
  }
  postgres::Parameter take() { return array_.take(); }

 private:
  static std::size_t bytes(const event::Field<Kind, Value>& field,
                           std::span<const event::Event* const> events) {
    std::size_t sum = 0;
    for (const event::Event* event : events) sum += size(event->*field.member);
    return sum;
  }
  static std::size_t size(const std::string& value) {
    return std::is_same_v<Kind, event::kind::Uuid> ? kUuidBytes : value.size();
  }
  template <typename T>
  static std::size_t size(const std::optional<T>& value) {
    return value ? size(*value) : 0;
  }
  template <typename T>
  static std::size_t size(const T&) {
    return sizeof(T);
  }

  template <typename T>
  void add(const std::optional<T>& value) {
    value ? add(*value) : array_.null();
  }
  template <typename T>
  void add(const T& value) {
    if constexpr (std::is_same_v<Kind, event::kind::Uuid>) {
      array_.add_uuid(value);
    } else {
      array_.add(value);
    }
  }

  Array array_;
};

// What `row_parameters` gives, and the arrays of `more` types and names, as a table. They are unnested in the
// list of what is selected, beside each other: as functions in FROM each would fill a store of its own, which
// costs a commit of a few events a quarter of the server's work.
std::string given(std::initializer_list<std::pair<Type, std::string_view>> more = {}) {
  int number = 0;
  const auto column = [&](const Type& type, std::string_view name) {
    return "unnest($" + std::to_string(++number) + "::" + std::string(type.name) + "[]) AS " +
           std::string(name);
  };
  std::string columns = event::comma_list([&](const auto& field) {
    return is_given(field) ? column(given_as(field), field.name) : std::string();
  });
  for (const auto& [type, name] : more) columns += ", " + column(type, name);
  return "(SELECT " + columns + ") AS given";
}

constexpr int kFieldArrays = std::apply(
    [](const auto&... fields) { return (static_cast<int>(is_given(fields)) + ...); }, event::kFields);
constexpr int kClaimArrays = kFieldArrays + 2;

const std::string kReturning = " RETURNING tx, events, kept";

// A parameter of a statement, by its number.
std::string parameter(int number, std::string_view type) {
  return "$" + std::to_string(number) + "::" + std::string(type);
}

// `batch`: the number of the parameter with its id.
std::string insert_given(int batch) {
  const std::string columns = event::comma_list(
      [](const auto& field) { return std::string(field.column.empty() ? "" : field.name); });
  const std::string values = event::comma_list([](const auto& field) {
    std::string value(field.column.empty() ? "" : field.name);
    if (!value.empty() && field.column != given_as(field).name) value += "::" + std::string(field.column);
    return value;
  });
  return "INSERT INTO audit_events (" + columns + ", batch) SELECT " + values + ", " +
         parameter(batch, "bigint") + " FROM ";
}

// Records the batch, which has the parameters from `first` on, of which all was stored.
std::string insert_batch(int first) {
  const std::string id = parameter(first, "bigint");
  return "INSERT INTO audit_batches (batch, events, entries, mac) SELECT " + id + ", cardinality(" +
         parameter(kIdParameter, "uuid[]") + "), " + parameter(first + 1, "bytea") + ", " +
         parameter(first + 2, "bytea") + " WHERE " + id + " IS NOT NULL" + kReturning;
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

std::vector<postgres::Parameter> field_arrays(std::span<const event::Event* const> events) {
  std::vector<postgres::Parameter> parameters;
  parameters.reserve(kClaimArrays + 3);
  event::for_each_field([&](const auto& field) {
    if (is_given(field)) parameters.push_back(Column(field, events).take());
  });
  return parameters;
}

}  // namespace

const std::string kInsertRows =
    "WITH stored AS (" + insert_given(kFieldArrays + 1) + given() + ") " + insert_batch(kFieldArrays + 1);
const std::string kInsertMissingRows = "WITH stored AS (" + insert_given(kFieldArrays + 1) + given() +
                                       " ON CONFLICT DO NOTHING RETURNING event_id) " +
                                       insert_what_is_kept(kFieldArrays + 1);

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
    insert_given(kClaimArrays + 1) +
    "taken WHERE NOT id_from_client OR event_id IN (SELECT event_id FROM claimed) "
    "ON CONFLICT DO NOTHING RETURNING event_id), recorded AS (" +
    insert_what_is_kept(kClaimArrays + 1) +
    ") SELECT NULL::xid8, NULL::integer, NULL::integer[], event_id, NULL FROM claimed "
    "UNION ALL SELECT NULL, NULL, NULL, NULL, unit FROM (SELECT DISTINCT unit FROM refused) AS units "
    "UNION ALL SELECT tx, events, kept, NULL, NULL FROM recorded "
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
  std::vector<postgres::Parameter> parameters = field_arrays(events);
  add_batch(parameters, batch);
  return parameters;
}

std::vector<postgres::Parameter> claim_parameters(std::span<const event::Event* const> events,
                                                  std::span<const std::int64_t> units,
                                                  const evidence::NewBatch* batch) {
  std::vector<postgres::Parameter> parameters = field_arrays(events);
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
  constexpr Range kNothing{kPostgresEpoch, kPostgresEpoch};
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
