#include "pool/tables/stored_row.h"

#include <string_view>
#include <vector>

#include <gtest/gtest.h>

#include "pool/event/testing/smallest_event.h"

namespace storagepool::tables {
namespace {

using namespace std::string_view_literals;
using StoredRow = std::vector<postgres::Rows::Value>;

constexpr const char* kStoredId = "0190a6e2-9b7c-7def-8123-456789abcdef";

StoredRow smallest_stored() {
  StoredRow row(30);
  row[0] = "\x01\x90\xa6\xe2\x9b\x7c\x7d\xef\x81\x23\x45\x67\x89\xab\xcd\xef"sv;
  row[1] = "\x00\x02\xee\xdf\x56\xb3\x32\x80"sv;  // 2026-02-28T11:22:33.123456Z
  row[2] = "t";
  row[3] = "1.0";
  row[4] = "c";
  row[5] = "a";
  row[6] = "success";
  row[7] = "r";
  row[10] = "c";
  row[11] = "r";
  row[12] = "info";
  row[13] = "c-service";
  row[14] = "service";
  row[15] = "\x00\x00\x09\xfb"sv;
  row[16] = "\x00"sv;
  row[17] = "{}";
  row[29] = "\x00"sv;
  return row;
}

event::Event smallest() {
  return event::testing::smallest_event(kStoredId, "2026-02-28T11:22:33.123456Z");
}

TEST(StoredColumns, AreSelectedAsTheyAre) {
  EXPECT_EQ(kStoredColumns,
            "event_id, event_timestamp, event_type, version, event_category, event_action, event_outcome, "
            "correlation_id, parent_event_id, parent_event_date, resource_type, resource_id, severity, "
            "actor_id, actor_type, retention_days, is_sensitive, event_data, namespace, cluster_id, "
            "actor_ip, duration_ms, error_code, error_message, client_event_id, principal, received_at, "
            "received_from, salt, parent_missing");
  EXPECT_EQ(kStoredData, 17U);
}

TEST(StoredColumns, LeaveOutWhatIsLarge) {
  EXPECT_EQ(
      stored_columns_up_to(4096),
      "event_id, event_timestamp, event_type, version, event_category, event_action, event_outcome, "
      "correlation_id, parent_event_id, parent_event_date, resource_type, resource_id, severity, "
      "actor_id, actor_type, retention_days, is_sensitive, "
      "CASE WHEN octet_length(event_data::text) + coalesce(octet_length(error_message), 0) <= 4096 "
      "THEN event_data END, namespace, cluster_id, actor_ip, duration_ms, error_code, "
      "CASE WHEN octet_length(error_message) <= 4096 THEN error_message END, client_event_id, principal, "
      "received_at, received_from, salt, parent_missing");
}

TEST(ReadStored, ReadsTheSmallest) {
  EXPECT_EQ(read_stored(smallest_stored()), smallest());
}

TEST(ReadStored, ReadsEveryValue) {
  StoredRow row = smallest_stored();
  row[8] = "\x01\x90\xa6\xe2\x9b\x7c\x7d\xef\x81\x23\x45\x67\x89\xab\xcd\xee"sv;
  row[9] = "\x00\x00\x25\x52"sv;
  row[16] = "\x01"sv;
  row[18] = "";
  row[19] = "cluster";
  row[20] = "\x03\x80\x00\x10\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\x01"sv;
  row[21] = "\xff\xff\xff\xff\xff\xff\xff\xfb"sv;
  row[22] = "E1";
  row[23] = "broke";
  row[24] = "order 4711";
  row[25] = "someone";
  row[26] = "\x00\x02\xee\xdf\x56\xb3\x32\x81"sv;
  row[27] = "\x02\x20\x00\x04\xc0\x00\x02\x07"sv;
  row[28] = "MDEyMzQ1Njc4OWFiY2RlZg==";
  row[29] = "\x01"sv;
  event::Event expected = smallest();
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
  expected.received_at = runtime::parse_timestamp("2026-02-28T11:22:33.123457Z");
  expected.received_from = "192.0.2.7";
  expected.salt = "MDEyMzQ1Njc4OWFiY2RlZg==";
  expected.parent_missing = true;
  EXPECT_EQ(read_stored(row), expected);
}

TEST(ReadStored, RefusesARowOfAnotherWidth) {
  StoredRow row = smallest_stored();
  row.emplace_back("one more");
  EXPECT_FALSE(read_stored(row));
  row.resize(23);
  EXPECT_FALSE(read_stored(row));
  EXPECT_FALSE(read_stored({}));
}

TEST(ReadStored, RefusesWhatIsNotAValueOfTheField) {
  const struct {
    std::size_t at;
    postgres::Rows::Value value;
  } kBad[] = {{0, std::nullopt},
              {0, kStoredId},
              {1, std::nullopt},
              {1, "yesterday"},
              {1, "\x7f\xff\xff\xff\xff\xff\xff\xff"sv},  // infinity
              {1, "\x80\x00\x00\x00\x00\x00\x00\x00"sv},  // -infinity
              {9, "\x7f\xff\xff\xff"sv},
              {9, "2"},
              {15, "2555x"},
              {16, ""},
              {20, "::1"},
              {20, "\x03\x20\x00\x04\xc0\x00\x02\x07"sv},
              {20, ""},
              {21, ""}};
  for (const auto& [at, value] : kBad) {
    StoredRow row = smallest_stored();
    row.at(at) = value;
    EXPECT_FALSE(read_stored(row)) << at << " " << value.value_or("NULL");
  }
}

}  // namespace
}  // namespace storagepool::tables
