#include "pool/tables/row.h"

#include <optional>
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "pool/event/fields.h"
#include "pool/event/testing/smallest_event.h"

namespace storagepool::tables {
namespace {

using Row = std::vector<std::optional<std::string>>;

constexpr const char* kId = "0190a6e2-9b7c-7def-8123-456789abcdef";

Row smallest_row() {
  return {kId,          "2026-02-28T11:22:33.123456Z",
          "t",          "1.0",
          "c",          "a",
          "success",    "r",
          std::nullopt, std::nullopt,
          "c",          "r",
          "info",       "c-service",
          "service",    "2555",
          "0",          "{}",
          std::nullopt, std::nullopt,
          std::nullopt, std::nullopt,
          std::nullopt, std::nullopt,
          std::nullopt, std::nullopt,
          std::nullopt, std::nullopt,
          std::nullopt, "0"};
}

TEST(EventColumns, AreSelectedAsTextOfOneForm) {
  EXPECT_EQ(
      kEventColumns,
      "event_id, to_char(event_timestamp AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS.US\"Z\"'), "
      "event_type, version, event_category, event_action, event_outcome, correlation_id, "
      "parent_event_id, to_char(parent_event_date, 'YYYY-MM-DD'), resource_type, resource_id, severity, "
      "actor_id, actor_type, retention_days, is_sensitive::int, event_data, namespace, cluster_id, "
      "host(actor_ip), duration_ms, error_code, error_message, client_event_id, principal, "
      "to_char(received_at AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS.US\"Z\"'), received_from, salt, "
      "parent_missing::int");
}

TEST(ReadEvent, ReadsTheSmallest) {
  EXPECT_EQ(read_event(smallest_row()), event::testing::smallest_event(kId, "2026-02-28T11:22:33.123456Z"));
}

TEST(ReadEvent, ReadsEveryValue) {
  Row row = smallest_row();
  row[8] = "0190a6e2-9b7c-7def-8123-456789abcdee";
  row[9] = "2026-02-27";
  row[16] = "1";
  row[18] = "";
  row[19] = "cluster";
  row[20] = "::1";
  row[21] = "-5";
  row[22] = "E1";
  row[23] = "broke";
  row[24] = "order 4711";
  row[25] = "someone";
  row[26] = "2026-02-28T11:22:34.000001Z";
  row[27] = "192.0.2.7";
  row[28] = "MDEyMzQ1Njc4OWFiY2RlZg==";
  event::Event expected = event::testing::smallest_event(kId, "2026-02-28T11:22:33.123456Z");
  expected.parent_event_id = "0190a6e2-9b7c-7def-8123-456789abcdee";
  expected.parent_event_date = runtime::parse_date("2026-02-27");
  expected.is_sensitive = true;
  expected.namespace_name = "";
  expected.cluster_id = "cluster";
  expected.actor_ip = "::1";
  expected.duration_ms = -5;
  expected.error_code = "E1";
  expected.error_message = "broke";
  expected.client_event_id = "order 4711";
  expected.principal = "someone";
  expected.received_at = runtime::parse_timestamp("2026-02-28T11:22:34.000001Z");
  expected.received_from = "192.0.2.7";
  expected.salt = "MDEyMzQ1Njc4OWFiY2RlZg==";
  EXPECT_EQ(read_event(row), expected);
}

TEST(ReadEvent, RefusesARowOfAnotherWidth) {
  Row row = smallest_row();
  row.emplace_back("one more");
  EXPECT_FALSE(read_event(row));
  row.resize(23);
  EXPECT_FALSE(read_event(row));
  EXPECT_FALSE(read_event({}));
}

TEST(ReadEvent, RefusesWhatIsNotAValueOfTheField) {
  const struct {
    std::size_t at;
    std::optional<std::string> value;
  } kBad[] = {{0, std::nullopt}, {1, "yesterday"}, {1, std::nullopt}, {9, "2026-02-30"},
              {15, "many"},      {15, "1x"},       {16, "t"},         {21, ""}};
  for (const auto& [at, value] : kBad) {
    Row row = smallest_row();
    row.at(at) = value;
    EXPECT_FALSE(read_event(row)) << at << " " << value.value_or("NULL");
  }
}

}  // namespace
}  // namespace storagepool::tables
