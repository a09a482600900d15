// Erasure of what an event holds, on a real server.
#include "pool/evidence/holds/erase.h"

#include <string>

#include <gtest/gtest.h>

#include "pool/tables/row.h"
#include "pool/tables/testing/migrated_database.h"

namespace storagepool::evidence {
namespace {

constexpr const char* kId = "00000000-0000-4000-8000-000000000001";

class EraseTest : public tables::testing::MigratedDatabaseTest {
 protected:
  void SetUp() override {
    MigratedDatabaseTest::SetUp();
    for (const char* last : {"1", "2"})
      superuser(
          std::string(
              "INSERT INTO audit_events (event_id, event_timestamp, version, event_type, event_category, "
              "event_action, event_outcome, correlation_id, resource_type, resource_id, severity, "
              "actor_id, actor_type, retention_days, is_sensitive, event_data, error_message) VALUES "
              "('00000000-0000-4000-8000-00000000000") +
          last +
          "', '2026-01-10T00:00:00.5Z', '1.0', 't', 'c', 'a', 'failure', 'r', 'c', 'r', 'info', 's', 's', "
          "2555, false, '{\"name\" : \"Ann\"}', 'no such person')");
  }
  event::Event stored() {
    auto read = must(postgres::testing::run(
        context_, session_->query_once(
                      "SELECT " + tables::kEventColumns + " FROM audit_events WHERE event_id = $1::uuid",
                      {kId}, deadline())));
    return tables::read_event(std::move(read.rows.at(0))).value();
  }
  Erased erase(const event::Event& event) {
    return must(postgres::testing::run(context_, erase_payload(*session_, event, erasure_, deadline())));
  }

  const event::Erasure erasure_{std::string(64, 'a'), std::string(64, 'b')};
};

TEST_F(EraseTest, TakesWhatTheEventHoldsAndLeavesAllElse) {
  const event::Event before = stored();
  EXPECT_EQ(erase(before), Erased::kDone);
  event::Event expected = before;
  expected.event_data = event::write_erasure(erasure_);
  expected.error_message.reset();
  EXPECT_EQ(stored(), expected);
  EXPECT_EQ(superuser("SELECT count(*) FROM audit_events WHERE event_data::text LIKE '%Ann%'")[0], "1")
      << "of the other";
  EXPECT_EQ(erase(before), Erased::kChanged);
  EXPECT_EQ(stored(), expected);
}

TEST_F(EraseTest, LeavesWhatALegalHoldKeeps) {
  const event::Event before = stored();
  superuser("INSERT INTO audit_legal_holds VALUES (gen_random_uuid(), 'r', 'a case', 'counsel', now(), 1)");
  EXPECT_EQ(erase(before), Erased::kHeld);
  EXPECT_EQ(stored(), before);
  superuser("UPDATE audit_legal_holds SET released_at = now(), released_by = 'judge'");
  EXPECT_EQ(erase(before), Erased::kDone);
}

TEST_F(EraseTest, TakesNothingThatIsNotAsItWasLookedAt) {
  event::Event other = stored();
  other.event_data = "{}";
  EXPECT_EQ(erase(other), Erased::kChanged);
  other = stored();
  other.error_message.reset();
  EXPECT_EQ(erase(other), Erased::kChanged);
  EXPECT_EQ(stored().error_message, "no such person");
}

}  // namespace
}  // namespace storagepool::evidence
