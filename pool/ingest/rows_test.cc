#include "pool/ingest/rows.h"

#include <optional>
#include <regex>
#include <string>
#include <string_view>
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

std::vector<postgres::Parameter> parameters_of(const event::Event& first, const event::Event& second) {
  const std::vector<const event::Event*> events{&first, &second};
  return row_parameters(events, nullptr);
}

// What is given for a field of two events as an array.
std::optional<std::string> given(const event::Event& first, const event::Event& second,
                                 std::string_view name) {
  std::size_t at = 0;
  std::size_t of_name = 0;
  event::for_each_field([&](const auto& field) {
    if (field.name == "keyed_events" || field.name == "asked_days") return;  // PostgreSQL is not told
    if (field.name == name) of_name = at;
    ++at;
  });
  return parameters_of(first, second).at(of_name).value();
}

// And as the one value of both.
std::optional<std::string> common(const event::Event& first, const event::Event& second,
                                  const std::string& name) {
  std::smatch match;
  EXPECT_TRUE(
      std::regex_search(kInsertRows, match, std::regex("coalesce\\(" + name + "(::\\w+)?, \\$(\\d+)::")))
      << name;
  return parameters_of(first, second).at(std::stoul(match[2]) - 1).value();
}

// One dimension, of two elements, counted from 1.
std::string array_of(const std::string& type, const std::string& elements) {
  return "\0\0\0\1\0\0\0\1\0\0"s + type + "\0\0\0\2\0\0\0\1"s + elements;
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
      "event_category, event_action, event_outcome, correlation_id, parent_event_id, parent_event_date, "
      "resource_type, resource_id, severity, actor_id, actor_type, retention_days, is_sensitive, "
      "event_data, namespace, cluster_id, actor_ip, duration_ms, error_code, error_message, "
      "client_event_id, principal, received_at, received_from, salt, parent_missing, batch) SELECT "
      "event_id, event_timestamp, event_type, version, event_category, event_action, event_outcome, "
      "correlation_id, parent_event_id, parent_event_date, resource_type, resource_id, severity, "
      "actor_id, actor_type, retention_days, is_sensitive, event_data, namespace, cluster_id, actor_ip, "
      "duration_ms, error_code, error_message, client_event_id, principal, received_at, received_from, "
      "salt, parent_missing, $53::bigint FROM (SELECT event_id, event_timestamp, coalesce(event_type, "
      "$32::text) AS event_type, coalesce(version, $33::text) AS version, coalesce(event_category, "
      "$34::text) AS event_category, coalesce(event_action, $35::text) AS event_action, "
      "coalesce(event_outcome, $36::text) AS event_outcome, correlation_id, parent_event_id, "
      "coalesce(parent_event_date, $37::date) AS parent_event_date, coalesce(resource_type, $38::text) "
      "AS resource_type, resource_id, coalesce(severity, $39::text) AS severity, coalesce(actor_id, "
      "$40::text) AS actor_id, coalesce(actor_type, $41::text) AS actor_type, "
      "coalesce(retention_days::integer, $42::integer) AS retention_days, coalesce(is_sensitive, "
      "$43::boolean) AS is_sensitive, event_data, coalesce(namespace, $44::text) AS namespace, "
      "coalesce(cluster_id, $45::text) AS cluster_id, coalesce(actor_ip::inet, $46::inet) AS actor_ip, "
      "coalesce(duration_ms, $47::bigint) AS duration_ms, error_code, error_message, client_event_id, "
      "coalesce(principal, $48::text) AS principal, coalesce(received_at, $49::timestamptz) AS "
      "received_at, coalesce(received_from::inet, $50::inet) AS received_from, salt, "
      "coalesce(id_from_client, $51::boolean) AS id_from_client, coalesce(parent_missing, $52::boolean) "
      "AS parent_missing FROM (SELECT unnest($1::uuid[]) AS event_id, unnest($2::timestamptz[]) AS "
      "event_timestamp, unnest($3::text[]) AS event_type, unnest($4::text[]) AS version, "
      "unnest($5::text[]) AS event_category, unnest($6::text[]) AS event_action, unnest($7::text[]) AS "
      "event_outcome, unnest($8::text[]) AS correlation_id, unnest($9::uuid[]) AS parent_event_id, "
      "unnest($10::date[]) AS parent_event_date, unnest($11::text[]) AS resource_type, "
      "unnest($12::text[]) AS resource_id, unnest($13::text[]) AS severity, unnest($14::text[]) AS "
      "actor_id, unnest($15::text[]) AS actor_type, unnest($16::bigint[]) AS retention_days, "
      "unnest($17::boolean[]) AS is_sensitive, unnest($18::json[]) AS event_data, unnest($19::text[]) "
      "AS namespace, unnest($20::text[]) AS cluster_id, unnest($21::text[]) AS actor_ip, "
      "unnest($22::bigint[]) AS duration_ms, unnest($23::text[]) AS error_code, unnest($24::text[]) AS "
      "error_message, unnest($25::text[]) AS client_event_id, unnest($26::text[]) AS principal, "
      "unnest($27::timestamptz[]) AS received_at, unnest($28::text[]) AS received_from, "
      "unnest($29::text[]) AS salt, unnest($30::boolean[]) AS id_from_client, unnest($31::boolean[]) AS "
      "parent_missing) AS arrays) AS given) INSERT INTO audit_batches (batch, events, entries, mac) "
      "SELECT $53::bigint, cardinality($1::uuid[]), $54::bytea, $55::bytea WHERE $53::bigint IS NOT NULL");
}

TEST(InsertRow, GivesEachColumnItsValue) {
  const std::size_t list = kInsertRows.find("audit_events (");
  const std::string columns = kInsertRows.substr(list, kInsertRows.find(')') - list);
  EXPECT_EQ(kInsertRow,
            "WITH stored AS (INSERT INTO " + columns +
                ") VALUES ($1::uuid, $2::timestamptz, $3::text, $4::text, $5::text, $6::text, $7::text, "
                "$8::text, $9::uuid, $10::date, $11::text, $12::text, $13::text, $14::text, $15::text, "
                "$16::bigint, $17::boolean, $18::json, $19::text, $20::text, $21::inet, $22::bigint, "
                "$23::text, $24::text, $25::text, $26::text, $27::timestamptz, $28::inet, $29::text, "
                "$30::boolean, $31::bigint)) INSERT INTO audit_batches (batch, events, entries, mac) SELECT "
                "$31::bigint, 1, $32::bytea, $33::bytea WHERE $31::bigint IS NOT NULL");
}

TEST(InsertRows, NamesEveryColumnThatIsRead) {
  const std::string& insert = kInsertRows;
  const std::size_t begin = insert.find("audit_events (") + 14;
  auto inserted = columns_of(insert.substr(begin, insert.find(')') - begin));
  EXPECT_EQ(inserted.back(), "batch");  // which no event has
  inserted.pop_back();
  EXPECT_EQ(inserted.size(), event::kFieldCount - 3);  // nobody keeps whose id it is
  EXPECT_THAT(columns_of(tables::kEventColumns), ::testing::UnorderedElementsAreArray(inserted));
}

TEST(RowParameters, WriteEachKindInBinary) {
  event::Event event = some_event();
  event.event_data = R"({"a":1})";
  event.parent_event_date = runtime::parse_date("1999-12-31");
  event.duration_ms = 258;
  event.actor_ip = "::1";
  event.is_sensitive = true;
  event::Event other = some_event();
  other.event_data = "{}";
  other.severity = "low";
  other.event_outcome = "failure";
  other.id_from_client = true;
  const auto both = [&](std::string_view name) { return given(event, other, name); };
  const std::string id = "\0\0\0\x10\x01\x92\xF0\xC1\x2C\x3D\x7E\x4F\x8A\x5B\x01\x23\x45\x67\x89\xAB"s;
  const std::string time = "\0\0\0\x08\0\0\0\0\0\0\0\2"s;
  const std::string null = "\xFF\xFF\xFF\xFF"s;
  EXPECT_EQ(both("event_id"), array_of("\x0B\x86"s, id + id));
  EXPECT_EQ(both("event_timestamp"), array_of("\x04\xA0"s, time + time));
  EXPECT_EQ(both("severity"), array_of("\0\x19"s, "\0\0\0\4info\0\0\0\3low"s));
  EXPECT_EQ(both("event_outcome"), array_of("\0\x19"s, "\0\0\0\7success\0\0\0\7failure"s));
  EXPECT_EQ(both("event_data"), array_of("\0\x72"s, "\0\0\0\7{\"a\":1}\0\0\0\2{}"s));
  EXPECT_EQ(both("parent_event_date"), array_of("\x04\x3A"s, "\0\0\0\4\xFF\xFF\xFF\xFF"s + null));
  EXPECT_EQ(both("duration_ms"), array_of("\0\x14"s, "\0\0\0\x08\0\0\0\0\0\0\1\2"s + null));
  EXPECT_EQ(both("actor_ip"), array_of("\0\x19"s, "\0\0\0\3::1"s + null));
  EXPECT_EQ(both("is_sensitive"), array_of("\0\x10"s, "\0\0\0\1\1\0\0\0\1\0"s));
  EXPECT_EQ(both("id_from_client"), array_of("\0\x10"s, "\0\0\0\1\0\0\0\0\1\1"s));
  for (const char* name : {"severity", "duration_ms", "actor_ip", "is_sensitive"})
    EXPECT_EQ(common(event, other, name), std::nullopt) << name;
}

TEST(OneRowParameters, GiveEachValueInBinaryButAddresses) {
  event::Event event = some_event();
  event.parent_event_date = runtime::parse_date("1999-12-31");
  event.actor_ip = "::1";
  event.duration_ms = 258;
  event.is_sensitive = true;
  const std::vector<postgres::Parameter> parameters = one_row_parameters(event, nullptr);
  const auto expect = [&](std::size_t number, const std::optional<std::string>& value, bool is_binary) {
    const postgres::Parameter& parameter = parameters.at(number - 1);
    EXPECT_EQ(parameter.value(), value) << number;
    EXPECT_EQ(parameter.is_binary(), is_binary) << number;
  };
  EXPECT_EQ(parameters.size(), 33U);
  expect(1, "\x01\x92\xF0\xC1\x2C\x3D\x7E\x4F\x8A\x5B\x01\x23\x45\x67\x89\xAB"s, true);
  expect(2, "\0\0\0\0\0\0\0\2"s, true);
  expect(9, std::nullopt, false);
  expect(10, "\xFF\xFF\xFF\xFF"s, true);
  expect(13, "info", true);
  expect(16, "\0\0\0\0\0\0\x09\xFB"s, true);
  expect(17, "\1", true);
  expect(18, event.event_data, true);
  expect(21, "::1", false);
  expect(22, "\0\0\0\0\0\0\1\2"s, true);
  expect(30, "\0"s, true);
  expect(31, std::nullopt, false);
}

TEST(RowParameters, GiveOnceWhatAllEventsHave) {
  event::Event event = some_event();
  event.parent_event_date = runtime::parse_date("1999-12-31");
  event.received_at = runtime::parse_timestamp("2026-02-28T12:00:00.000001Z");
  event.received_from = "::1";
  event.duration_ms = 258;
  event.is_sensitive = true;
  const struct {
    const char* name;
    std::optional<std::string> value;
  } kCommon[] = {{"severity", "info"},       {"parent_event_date", "1999-12-31"},
                 {"duration_ms", "258"},     {"received_at", "2026-02-28T12:00:00.000001Z"},
                 {"received_from", "::1"},   {"is_sensitive", "true"},
                 {"principal", std::nullopt}};
  for (const auto& [name, value] : kCommon) {
    EXPECT_EQ(given(event, event, name), std::nullopt) << name;
    EXPECT_EQ(common(event, event, name), value) << name;
  }
}

TEST(RowParameters, GiveNoArrayWhereNoEventHasAValue) {
  const event::Event event = some_event();
  event::Event other = some_event();
  EXPECT_EQ(given(event, other, "error_message"), std::nullopt);
  other.error_message = "x";
  EXPECT_EQ(given(event, other, "error_message"), array_of("\0\x19"s, "\xFF\xFF\xFF\xFF\0\0\0\1x"s));
}

}  // namespace
}  // namespace storagepool::ingest
