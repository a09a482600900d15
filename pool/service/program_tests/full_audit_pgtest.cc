// What the running program finds when it compares all that is stored with the log, and whom it tells.
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "pool/service/program_tests/testing/program_test.h"

namespace storagepool::service {
namespace {

using nlohmann::json;
using testing::eventually;
using ::testing::HasSubstr;
using testing::kEvents;
using testing::valid_event;

class FullAuditTest : public testing::LoneProgramTest {
 protected:
  void SetUp() override {
    LoneProgramTest::SetUp();
    start();
    for (int i = 0; i < 5; ++i) {
      const auto created = pod_.create(valid_event());
      ASSERT_EQ(created.status, 201U) << created.body;
      ids_.push_back(json::parse(created.body).at("event_id"));
    }
  }
  json status() const {
    const auto answer = pod_.api("GET", "/api/v1/audit/log/status");
    return answer.status == 200 ? json::parse(answer.body) : json::object();
  }
  // The first one that ends with these counts.
  bool ends_with(int missing, int altered, int unlogged) const {
    return eventually([&] {
      const json audit = status().value("last_full_audit", json::object());
      return audit.value("to", 0) >= 5 && audit.value("missing", -1) == missing &&
             audit.value("altered", -1) == altered && audit.value("unlogged", -1) == unlogged;
    });
  }
  // Somebody changes the database, and a pod begins an audit, which is not due for days.
  void change(const std::string& sql) {
    ASSERT_EQ(pod_.stop(), 0) << pod_.log();
    server_.superuser(sql, "audit");
    server_.superuser("DELETE FROM audit_progress", "audit");
    start();
  }
  std::string where(std::size_t event) const { return " WHERE event_id = '" + ids_.at(event) + "'"; }

  std::vector<std::string> ids_;
};

TEST_F(FullAuditTest, FindsNothingWhereAllIsAsItWasStored) {
  ASSERT_TRUE(ends_with(0, 0, 0)) << pod_.log();
  const json audit = status().at("last_full_audit");
  EXPECT_EQ(audit.at("from"), 0);
  EXPECT_EQ(audit.at("without_entry"), 0);
  EXPECT_LE(audit.at("began_at"), audit.at("at"));
  EXPECT_FALSE(status().contains("full_audit"));
  EXPECT_THAT(pod_.log(), HasSubstr("a full audit has ended"));
  EXPECT_EQ(pod_.metric("storagepool_log_audit_missing_events"), 0);
  EXPECT_LT(pod_.metric("storagepool_log_audit_age_seconds"), 300);
}

TEST_F(FullAuditTest, TellsApartWhatIsMissingAlteredAndUnlogged) {
  ASSERT_TRUE(ends_with(0, 0, 0)) << pod_.log();
  change("DELETE FROM audit_events" + where(0) + "; UPDATE audit_events SET actor_id = 'nobody'" + where(1) +
         "; UPDATE audit_events SET actor_id = 'nobody'" + where(2) +
         "; CREATE TABLE copies AS SELECT e.* FROM audit_events AS e, generate_series(1, 3)" + where(3) +
         "; UPDATE copies SET event_id = gen_random_uuid(); INSERT INTO audit_events SELECT * FROM copies");
  ASSERT_TRUE(ends_with(1, 2, 3)) << status() << pod_.log();
  EXPECT_EQ(pod_.metric("storagepool_log_audit_missing_events"), 1);
  EXPECT_EQ(pod_.metric("storagepool_log_audit_altered_events"), 2);
  EXPECT_EQ(pod_.metric("storagepool_log_audit_unlogged_events"), 3);
  const std::string metrics = pod_.metrics();
  EXPECT_THAT(metrics, HasSubstr("storagepool_log_alarms_total{alarm=\"MissingEvents\"} 1"));
  EXPECT_THAT(metrics, HasSubstr("storagepool_log_alarms_total{alarm=\"AlteredEvents\"} 2"));
  EXPECT_THAT(metrics, HasSubstr("storagepool_log_alarms_total{alarm=\"UnloggedEvents\"} 1"));
  EXPECT_THAT(pod_.log(), HasSubstr("the full audit has found events"));
  EXPECT_THAT(pod_.log(), HasSubstr(ids_[0]));
}

TEST_F(FullAuditTest, APodThatStartsKnowsWhatTheLastOneHasFound) {
  ASSERT_TRUE(ends_with(0, 0, 0)) << pod_.log();
  const json before = status().at("last_full_audit");
  ASSERT_EQ(pod_.stop(), 0) << pod_.log();
  start();
  ASSERT_TRUE(ends_with(0, 0, 0)) << pod_.log();
  EXPECT_EQ(status().at("last_full_audit"), before);
}

TEST_F(FullAuditTest, ProgressThatSomebodyElseWroteIsTold) {
  ASSERT_TRUE(ends_with(0, 0, 0)) << pod_.log();
  ASSERT_EQ(pod_.stop(), 0) << pod_.log();
  server_.superuser("UPDATE audit_progress SET mac = ''", "audit");
  start();
  ASSERT_TRUE(ends_with(0, 0, 0)) << pod_.log();
  EXPECT_THAT(pod_.log(), HasSubstr("was not written by a pod of this StoragePool"));
}

}  // namespace
}  // namespace storagepool::service
