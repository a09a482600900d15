// What the tests of partitions share: maintenance at times in the past, and events to be found again.
#pragma once

#include <string>
#include <vector>

#include "pool/tables/partitions.h"
#include "pool/tables/testing/migrated_database.h"

namespace storagepool::tables::testing {

inline const std::string kJanuary = "audit_events_y2020m01";
inline const std::string kFebruary = "audit_events_y2020m02";
inline const std::string kMarch = "audit_events_y2020m03";
inline const std::string kApril = "audit_events_y2020m04";
inline const std::string kMay = "audit_events_y2020m05";

class PartitionsTest : public MigratedDatabaseTest {
 protected:
  // By `session`, as at a time in the past.
  tl::expected<Maintenance, postgres::Error> try_maintain(postgres::Session& session, const char* now) {
    return postgres::testing::run(context_, maintain(session, *runtime::parse_timestamp(now), deadline()));
  }
  Maintenance maintain_at(const char* now) { return must(try_maintain(*session_, now)); }
  // Events with the ids that their client made, the number in the last digits.
  static std::string insert(int number, const std::string& time, int retention_days = 2555) {
    const std::string id = id_of(number);
    return "INSERT INTO audit_event_ids VALUES (" + id + ", '" + time +
           "'); INSERT INTO audit_events VALUES (" + id + ", '" + time +
           "', '1.0', 't', 'c', 'a', 'success', 'r', NULL, NULL, 'c', 'r', 'info', 's', 's', " +
           std::to_string(retention_days) + ", false, '{}');";
  }
  static std::string id_of(int number) {
    return "'00000000-0000-4000-8000-" + std::to_string(100'000'000'000 + number) + "'";
  }
  static void stored(int number, const std::string& time, int retention_days = 2555) {
    superuser(insert(number, time, retention_days));
  }
  // The table that holds an event, or nothing.
  static std::vector<std::string> place_of(int number) {
    return superuser("SELECT tableoid::regclass FROM audit_events WHERE event_id = " + id_of(number));
  }
  // Ids without an event, which there must never be.
  static std::string dangling() {
    return superuser(
               "SELECT count(*) FROM audit_event_ids LEFT JOIN audit_events AS e "
               "USING (event_id, event_timestamp) WHERE e.event_id IS NULL")
        .at(0);
  }
};

}  // namespace storagepool::tables::testing
