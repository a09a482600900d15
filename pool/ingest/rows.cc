#include "pool/ingest/rows.h"

#include <algorithm>
#include <chrono>
#include <functional>
#include <utility>

#include "pool/event/uuid.h"

namespace storagepool::ingest {
namespace {

// OIDs of element types, fixed in PostgreSQL's pg_type.dat.
enum class Type : std::uint32_t {
  kBoolean = 16,
  kInt8 = 20,
  kText = 25,
  kJson = 114,
  kDate = 1082,
  kTimestamptz = 1184,
  kUuid = 2950,
};

// Where PostgreSQL counts time from.
constexpr runtime::Timestamp kPostgresEpoch{std::chrono::seconds{946'684'800}};

void put_big_endian(std::string& out, std::uint64_t value, int bytes) {
  for (int shift = 8 * (bytes - 1); shift >= 0; shift -= 8) out += static_cast<char>(value >> shift & 0xFF);
}

// A one-dimensional array in PostgreSQL's binary format: number of dimensions, whether there are NULLs, the
// element type, the length and the lower bound, then each element as its length (-1: NULL) and bytes.
class Array {
 public:
  Array(Type type, std::size_t elements, std::size_t bytes_each) {
    bytes_.reserve(kHeaderBytes + elements * (4 + bytes_each));
    put_int4(1);
    put_int4(1);
    put_int4(static_cast<std::uint32_t>(type));
    put_int4(static_cast<std::uint32_t>(elements));
    put_int4(1);
  }

  void null() { put_int4(0xFFFF'FFFF); }
  void raw(std::string_view value) {
    put_int4(static_cast<std::uint32_t>(value.size()));
    bytes_ += value;
  }
  void boolean(bool value) { raw(value ? std::string_view("\x01", 1) : std::string_view("\x00", 1)); }
  void int8(std::int64_t value) {
    put_int4(8);
    put_big_endian(bytes_, static_cast<std::uint64_t>(value), 8);
  }
  void timestamptz(runtime::Timestamp value) { int8((value - kPostgresEpoch).count()); }
  void date(runtime::Date value) {
    put_int4(4);
    put_int4(static_cast<std::uint32_t>((value - runtime::date_of(kPostgresEpoch)).count()));
  }
  void uuid(std::string_view canonical) {
    const std::array<char, 16> bytes = uuid_bytes(canonical).value_or(std::array<char, 16>{});
    raw({bytes.data(), bytes.size()});
  }

  postgres::Parameter take() { return postgres::Parameter::binary(std::move(bytes_)); }

 private:
  static constexpr std::size_t kHeaderBytes = 20;
  void put_int4(std::uint32_t value) { put_big_endian(bytes_, value, 4); }
  std::string bytes_;
};

// One column of every event. `append(array, value of the event)` is called for those that have a value.
template <typename Value, typename Append>
postgres::Parameter column(Type type, std::span<const event::Event* const> events, std::size_t bytes_each,
                           const Value& value, const Append& append) {
  Array array(type, events.size(), bytes_each);
  for (const event::Event* event : events) append(array, std::invoke(value, *event));
  return array.take();
}

postgres::Parameter text(std::span<const event::Event* const> events, std::string event::Event::*member,
                         Type type = Type::kText) {
  std::size_t bytes = 0;
  for (const event::Event* event : events) bytes += (event->*member).size();
  return column(type, events, bytes / events.size() + 1, member,
                [](Array& array, const std::string& value) { array.raw(value); });
}

// NULL when there is no value, else what `append` makes of it.
template <typename T, typename Append>
postgres::Parameter optional(Type type, std::span<const event::Event* const> events,
                             std::optional<T> event::Event::*member, const Append& append) {
  return column(type, events, 0, member, [&](Array& array, const std::optional<T>& value) {
    if (value) {
      append(array, *value);
    } else {
      array.null();
    }
  });
}

postgres::Parameter optional_text(std::span<const event::Event* const> events,
                                  std::optional<std::string> event::Event::*member) {
  return optional(Type::kText, events, member,
                  [](Array& array, const std::string& value) { array.raw(value); });
}

int hex_digit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  return -1;
}

const std::string kColumns =
    "event_id, event_timestamp, version, event_type, event_category, event_action, event_outcome, "
    "correlation_id, parent_event_id, parent_event_date, resource_type, resource_id, severity, actor_id, "
    "actor_type, retention_days, is_sensitive, namespace, cluster_id, actor_ip, duration_ms, error_code, "
    "error_message, event_data";

// What `row_parameters` gives, as a table. The numbers are wider than their columns, so that a value out of
// range is refused by the server as the row's fault.
const std::string kGiven =
    "unnest($1::uuid[], $2::timestamptz[], $3::text[], $4::text[], $5::text[], $6::text[], $7::text[], "
    "$8::text[], $9::uuid[], $10::date[], $11::text[], $12::text[], $13::text[], $14::text[], $15::text[], "
    "$16::bigint[], $17::boolean[], $18::text[], $19::text[], $20::text[], $21::bigint[], $22::text[], "
    "$23::text[], $24::json[], $25::boolean[]) AS given(" +
    kColumns + ", id_from_client)";

const std::string kInsertGiven =
    "INSERT INTO audit_events (" + kColumns +
    ") SELECT event_id, event_timestamp, version, event_type, event_category, event_action, event_outcome, "
    "correlation_id, parent_event_id, parent_event_date, resource_type, resource_id, severity, actor_id, "
    "actor_type, retention_days::integer, is_sensitive, namespace, cluster_id, actor_ip::inet, duration_ms, "
    "error_code, error_message, event_data FROM ";

}  // namespace

const std::string kInsertRows = kInsertGiven + kGiven + " ON CONFLICT DO NOTHING";

const std::string kClaimAndInsertRows =
    "WITH given AS MATERIALIZED (SELECT * FROM " + kGiven +
    "), claimed AS (INSERT INTO audit_event_ids (event_id, event_timestamp) "
    "SELECT event_id, event_timestamp FROM given WHERE id_from_client ORDER BY event_id "
    "ON CONFLICT DO NOTHING RETURNING event_id), stored AS (" +
    kInsertGiven +
    "given WHERE NOT id_from_client OR event_id IN (SELECT event_id FROM claimed) "
    "ON CONFLICT DO NOTHING) SELECT event_id FROM claimed";

// Scalar subqueries, because the planner turns them neither into joins nor into hashes: each row is looked up
// in an index of the partition that its own bounds leave, among those that $5 and $6 leave to the planner.
const std::string kFindParents = R"sql(
SELECT wanted.position - 1
FROM unnest($1::uuid[], $2::timestamptz[], $3::timestamptz[], $4::boolean[])
  WITH ORDINALITY AS wanted(event_id, since, before, any_time, position)
WHERE coalesce(
  (SELECT true FROM audit_events AS event
   WHERE event.event_id = wanted.event_id
     AND event.event_timestamp >= wanted.since AND event.event_timestamp < wanted.before
     AND event.event_timestamp >= $5::timestamptz AND event.event_timestamp < $6::timestamptz LIMIT 1),
  (SELECT true FROM audit_event_ids AS client_made
   WHERE wanted.any_time AND client_made.event_id = wanted.event_id LIMIT 1),
  false))sql";

const std::string kFindStored = R"sql(
SELECT event_id, to_char(event_timestamp AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"')
FROM audit_event_ids WHERE event_id = ANY($1::uuid[]))sql";

std::optional<std::array<char, 16>> uuid_bytes(std::string_view canonical) {
  if (canonical.size() != event::kNilUuid.size()) return std::nullopt;
  std::array<char, 16> bytes{};
  std::size_t next = 0;
  for (std::size_t i = 0; i < canonical.size(); ++i) {
    if (event::kNilUuid[i] == '-') {
      if (canonical[i] != '-') return std::nullopt;
      continue;
    }
    const int high = hex_digit(canonical[i]);
    const int low = hex_digit(canonical[++i]);  // groups have an even number of digits
    if (high < 0 || low < 0) return std::nullopt;
    bytes[next++] = static_cast<char>(high << 4 | low);
  }
  return bytes;
}

std::vector<postgres::Parameter> row_parameters(std::span<const event::Event* const> events) {
  const auto uuid = [](Array& array, std::string_view value) { array.uuid(value); };
  const auto int8 = [](Array& array, std::int64_t value) { array.int8(value); };
  const auto boolean = [](Array& array, bool value) { array.boolean(value); };
  std::vector<postgres::Parameter> parameters;
  parameters.reserve(25);
  parameters.push_back(column(Type::kUuid, events, 16, &event::Event::event_id, uuid));
  parameters.push_back(column(Type::kTimestamptz, events, 8, &event::Event::event_timestamp,
                              [](Array& array, runtime::Timestamp value) { array.timestamptz(value); }));
  parameters.push_back(text(events, &event::Event::version));
  parameters.push_back(text(events, &event::Event::event_type));
  parameters.push_back(text(events, &event::Event::event_category));
  parameters.push_back(text(events, &event::Event::event_action));
  parameters.push_back(text(events, &event::Event::event_outcome));
  parameters.push_back(text(events, &event::Event::correlation_id));
  parameters.push_back(optional(Type::kUuid, events, &event::Event::parent_event_id, uuid));
  parameters.push_back(optional(Type::kDate, events, &event::Event::parent_event_date,
                                [](Array& array, runtime::Date value) { array.date(value); }));
  parameters.push_back(text(events, &event::Event::resource_type));
  parameters.push_back(text(events, &event::Event::resource_id));
  parameters.push_back(text(events, &event::Event::severity));
  parameters.push_back(text(events, &event::Event::actor_id));
  parameters.push_back(text(events, &event::Event::actor_type));
  parameters.push_back(column(Type::kInt8, events, 8, &event::Event::retention_days, int8));
  parameters.push_back(column(Type::kBoolean, events, 1, &event::Event::is_sensitive, boolean));
  parameters.push_back(optional_text(events, &event::Event::namespace_name));
  parameters.push_back(optional_text(events, &event::Event::cluster_id));
  parameters.push_back(optional_text(events, &event::Event::actor_ip));
  parameters.push_back(optional(Type::kInt8, events, &event::Event::duration_ms, int8));
  parameters.push_back(optional_text(events, &event::Event::error_code));
  parameters.push_back(optional_text(events, &event::Event::error_message));
  parameters.push_back(text(events, &event::Event::event_data, Type::kJson));
  parameters.push_back(column(Type::kBoolean, events, 1, &event::Event::id_from_client, boolean));
  return parameters;
}

std::vector<postgres::Parameter> parent_parameters(std::span<const ParentReference> parents) {
  using Range = std::pair<runtime::Timestamp, runtime::Timestamp>;
  constexpr Range kNothing{kPostgresEpoch, kPostgresEpoch};
  Array ids(Type::kUuid, parents.size(), 16);
  Array since(Type::kTimestamptz, parents.size(), 8);
  Array before(Type::kTimestamptz, parents.size(), 8);
  Array any_time(Type::kBoolean, parents.size(), 1);
  std::optional<Range> all;
  for (const ParentReference& parent : parents) {
    std::optional<Range> range;
    if (parent.date) {
      range = Range{*parent.date, *parent.date + std::chrono::days{1}};
    } else {
      range = event::id_time_range(parent.event_id);
    }
    if (range) {
      if (!all) all = range;
      all = Range{std::min(all->first, range->first), std::max(all->second, range->second)};
    }
    ids.uuid(parent.event_id);
    since.timestamptz(range.value_or(kNothing).first);
    before.timestamptz(range.value_or(kNothing).second);
    any_time.boolean(!parent.date);
  }
  const auto [first, last] = all.value_or(kNothing);
  return {ids.take(),
          since.take(),
          before.take(),
          any_time.take(),
          runtime::format_timestamp(first),
          runtime::format_timestamp(last)};
}

std::vector<postgres::Parameter> id_parameters(std::span<const std::string_view> event_ids) {
  Array ids(Type::kUuid, event_ids.size(), 16);
  for (const std::string_view id : event_ids) ids.uuid(id);
  return {ids.take()};
}

}  // namespace storagepool::ingest
