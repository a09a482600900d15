#include "pool/ingest/rows.h"

#include <string>
#include <vector>

#include <gmock/gmock.h>

#include "pool/event/fields.h"
#include "pool/event/testing/smallest_event.h"
#include "pool/tables/row.h"

namespace storagepool::ingest {
namespace {

using namespace std::string_literals;

event::Event some_event() {
  return event::testing::smallest_event("0192f0c1-2c3d-7e4f-8a5b-0123456789ab",
                                        "2000-01-01T00:00:00.000002Z");
}

// The bytes of the array that is given for a field of `event`.
std::string given(const event::Event& event, std::string_view name) {
  const std::vector<const event::Event*> events{&event};
  const auto parameters = row_parameters(events, nullptr);
  std::size_t at = 0;
  std::string bytes;
  event::for_each_field([&](const auto& field) {
    if (field.name == "keyed_events") return;  // PostgreSQL is not told
    if (field.name == name) bytes = *parameters.at(at).value();
    ++at;
  });
  EXPECT_EQ(parameters.size(), at + 3);  // and what stands for the batch
  return bytes;
}

// One dimension, of one element, counted from 1.
std::string array_of(const std::string& type, const std::string& element) {
  return "\0\0\0\1\0\0\0\1\0\0"s + type + "\0\0\0\1\0\0\0\1"s + element;
}

// The items of a list for SQL, without the calls around and the casts behind a column.
std::vector<std::string> columns_of(const std::string& list) {
  std::vector<std::string> items(1);
  int depth = 0;
  for (const char c : list) {
    depth += c == '(' ? 1 : c == ')' ? -1 : 0;
    if (c == ',' && depth == 0) {
      items.emplace_back();
    } else if (c != ' ' || depth != 0) {
      items.back() += c;
    }
  }
  for (std::string& item : items) {
    const std::size_t call = item.find('(');
    if (call != std::string::npos) item = item.substr(call + 1, item.find_first_of(" ,)", call) - call - 1);
    item = item.substr(0, item.find("::"));
  }
  return items;
}

TEST(InsertRows, NamesEveryColumnAndEveryArray) {
  EXPECT_EQ(
      kInsertRows,
      "WITH stored AS (INSERT INTO audit_events (event_id, event_timestamp, event_type, version, "
      "event_category, "
      "event_action, "
      "event_outcome, correlation_id, parent_event_id, parent_event_date, resource_type, resource_id, "
      "severity, "
      "actor_id, actor_type, retention_days, is_sensitive, event_data, namespace, cluster_id, actor_ip, "
      "duration_ms, error_code, error_message, client_event_id, principal, received_at, received_from, salt, "
      "parent_missing, batch) "
      "SELECT event_id, event_timestamp, event_type, version, event_category, event_action, "
      "event_outcome, correlation_id, parent_event_id, parent_event_date, resource_type, resource_id, "
      "severity, "
      "actor_id, actor_type, retention_days::integer, is_sensitive, event_data, namespace, cluster_id, "
      "actor_ip::inet, duration_ms, error_code, error_message, client_event_id, principal, received_at, "
      "received_from::inet, salt, parent_missing, $32::bigint "
      "FROM (SELECT unnest($1::uuid[]) AS event_id, unnest($2::timestamptz[]) AS event_timestamp, "
      "unnest($3::text[]) AS event_type, unnest($4::text[]) AS version, unnest($5::text[]) AS "
      "event_category, unnest($6::text[]) AS event_action, unnest($7::text[]) AS event_outcome, "
      "unnest($8::text[]) AS correlation_id, unnest($9::uuid[]) AS parent_event_id, "
      "unnest($10::date[]) AS parent_event_date, unnest($11::text[]) AS resource_type, "
      "unnest($12::text[]) AS resource_id, unnest($13::text[]) AS severity, unnest($14::text[]) AS "
      "actor_id, unnest($15::text[]) AS actor_type, unnest($16::bigint[]) AS retention_days, "
      "unnest($17::boolean[]) AS is_sensitive, unnest($18::json[]) AS event_data, "
      "unnest($19::text[]) AS namespace, unnest($20::text[]) AS cluster_id, unnest($21::text[]) AS "
      "actor_ip, unnest($22::bigint[]) AS duration_ms, unnest($23::text[]) AS error_code, "
      "unnest($24::text[]) AS error_message, unnest($25::text[]) AS client_event_id, "
      "unnest($26::text[]) AS principal, unnest($27::timestamptz[]) AS received_at, "
      "unnest($28::text[]) AS received_from, unnest($29::text[]) AS salt, "
      "unnest($30::boolean[]) AS id_from_client, unnest($31::boolean[]) AS parent_missing) AS given) "
      "INSERT INTO audit_batches (batch, events, entries, mac) SELECT $32::bigint, cardinality($1::uuid[]), "
      "$33::bytea, $34::bytea WHERE $32::bigint IS NOT NULL "
      "RETURNING tx, events, kept");
}

TEST(InsertRows, NamesEveryColumnThatIsRead) {
  const std::string& insert = kInsertRows;
  const std::size_t begin = insert.find("audit_events (") + 14;
  auto inserted = columns_of(insert.substr(begin, insert.find(')') - begin));
  EXPECT_EQ(inserted.back(), "batch");  // which no event has
  inserted.pop_back();
  EXPECT_EQ(inserted.size(), event::kFieldCount - 2);  // nobody keeps whose id it is
  EXPECT_THAT(columns_of(tables::kEventColumns), ::testing::UnorderedElementsAreArray(inserted));
}

TEST(RowParameters, WriteEachKindInBinary) {
  event::Event event = some_event();
  event.event_data = R"({"a":1})";
  event.parent_event_date = runtime::parse_date("1999-12-31");
  event.duration_ms = 258;
  event.actor_ip = "::1";
  event.is_sensitive = true;
  EXPECT_EQ(
      given(event, "event_id"),
      array_of("\x0B\x86"s, "\0\0\0\x10\x01\x92\xF0\xC1\x2C\x3D\x7E\x4F\x8A\x5B\x01\x23\x45\x67\x89\xAB"s));
  EXPECT_EQ(given(event, "event_timestamp"), array_of("\x04\xA0"s, "\0\0\0\x08\0\0\0\0\0\0\0\2"s));
  EXPECT_EQ(given(event, "severity"), array_of("\0\x19"s, "\0\0\0\4info"s));
  EXPECT_EQ(given(event, "event_outcome"), array_of("\0\x19"s, "\0\0\0\7success"s));
  EXPECT_EQ(given(event, "event_data"), array_of("\0\x72"s, "\0\0\0\7{\"a\":1}"s));
  EXPECT_EQ(given(event, "parent_event_date"), array_of("\x04\x3A"s, "\0\0\0\4\xFF\xFF\xFF\xFF"s));
  EXPECT_EQ(given(event, "duration_ms"), array_of("\0\x14"s, "\0\0\0\x08\0\0\0\0\0\0\1\2"s));
  EXPECT_EQ(given(event, "actor_ip"), array_of("\0\x19"s, "\0\0\0\3::1"s));
  EXPECT_EQ(given(event, "is_sensitive"), array_of("\0\x10"s, "\0\0\0\1\1"s));
  EXPECT_EQ(given(event, "id_from_client"), array_of("\0\x10"s, "\0\0\0\1\0"s));
}

TEST(RowParameters, GiveNullForNoValue) {
  const event::Event event = some_event();
  const std::string null = "\xFF\xFF\xFF\xFF";
  EXPECT_EQ(given(event, "parent_event_id"), array_of("\x0B\x86"s, null));
  EXPECT_EQ(given(event, "parent_event_date"), array_of("\x04\x3A"s, null));
  EXPECT_EQ(given(event, "duration_ms"), array_of("\0\x14"s, null));
  EXPECT_EQ(given(event, "error_message"), array_of("\0\x19"s, null));
}

TEST(RowParameters, HoldAnElementForEachEvent) {
  event::Event first = some_event();
  first.version = "1";
  event::Event second = some_event();
  second.version = "22";
  const std::vector<const event::Event*> events{&first, &second};
  EXPECT_EQ(row_parameters(events, nullptr).at(3).value(),
            "\0\0\0\1\0\0\0\1\0\0\0\x19\0\0\0\2\0\0\0\1\0\0\0\1"
            "1\0\0\0\2"
            "22"s);
}

}  // namespace
}  // namespace storagepool::ingest
