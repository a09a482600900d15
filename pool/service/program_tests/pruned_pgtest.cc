// A log whose first events have expired and are gone, as the running program serves it.
#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "pool/common/settings/admin_wire.h"
#include "pool/common/tlog/checkpoint.h"
#include "pool/common/tlog/note_key.h"
#include "pool/service/program_tests/testing/expired_entries.h"
#include "pool/service/program_tests/testing/program_test.h"

namespace storagepool::service {
namespace {

using nlohmann::json;
using testing::eventually;
using ::testing::HasSubstr;
using testing::kEvents;
using testing::valid_event;

class PrunedLogTest : public testing::LoneProgramTest {
 protected:
  // 300 entries that may go, and one that may not.
  void SetUp() override {
    LoneProgramTest::SetUp();
    start();
    testing::insert_expired_entries(server_);
    event_ = create();
    ASSERT_TRUE(eventually([&] { return status().value("size", 0) == 301; })) << pod_.log();
    EXPECT_EQ(status().at("min_index"), 0);
    EXPECT_EQ(get("/api/v1/audit/log/tile/entries/000").status, 200U);
  }
  std::string create() const {
    const auto created = pod_.create(valid_event());
    EXPECT_EQ(created.status, 201U) << created.body;
    return json::parse(created.body).value("event_id", "");
  }
  testing::HttpResponse get(const std::string& target) const { return pod_.api("GET", target); }
  json status() const {
    const auto answer = get("/api/v1/audit/log/status");
    return answer.status == 200 ? json::parse(answer.body) : json::object();
  }
  std::string event_;
};

TEST_F(PrunedLogTest, WhatIsPrunedIs410AndTheRestIsAsBefore) {
  ASSERT_TRUE(testing::show_log(pod_) && testing::is_pruned(pod_)) << pod_.log();
  EXPECT_THAT(pod_.log(), HasSubstr("entries are pruned whose events have expired"));
  for (const char* gone : {"entries/000", "0/000", "entries/000.p/9"}) {
    const auto tile = get("/api/v1/audit/log/tile/" + std::string(gone));
    EXPECT_EQ(tile.status, 410U) << gone;
    const json problem = json::parse(tile.body);
    EXPECT_EQ(problem.at("type"), "https://storagepool.dev/problems/pruned");
    EXPECT_EQ(problem.at("detail"),
              "the log has only entries from 256 on: those before are of events that have expired");
  }
  for (const char* there : {"1/000.p/1", "0/001.p/45", "entries/001.p/45"})
    EXPECT_EQ(get("/api/v1/audit/log/tile/" + std::string(there)).status, 200U) << there;
  EXPECT_EQ(get(kEvents + "/" + event_ + "/proof").status, 200U);
  const auto cursor = get("/api/v1/audit/feed?from=1.1.255.00000000");
  EXPECT_EQ(cursor.status, 410U);
  EXPECT_EQ(json::parse(cursor.body).at("resume_from"), "1.1.0.00000000");
  EXPECT_EQ(json::parse(cursor.body).at("detail"),
            "the cursor is of entries that the log does not have any more: their events have expired");
  const json page = json::parse(get("/api/v1/audit/feed?from=earliest&limit=1000").body);
  EXPECT_EQ(page.at("data").front().at("seq"), 256);
  EXPECT_EQ(page.at("data").front().at("expired"), true);
  EXPECT_EQ(page.at("data").back().at("event_id"), event_);
}

// Of an operator whose ConfigMap came from an old back-up: nobody can prove that the log has grown from
// there.
TEST_F(PrunedLogTest, AFloorBeforeTheFirstEntryIsTakenAndNotProvenFrom) {
  ASSERT_TRUE(testing::show_log(pod_) && testing::is_pruned(pod_)) << pod_.log();
  EXPECT_EQ(pod_.metric("storagepool_log_min_index"), 256);
  ASSERT_EQ(pod_.stop(), 0) << pod_.log();
  start();
  const auto key = tlog::NoteKey::of_seed(tlog::KeyKind::kWitness, "witness.example", std::string(32, 'w'));
  const tlog::Checkpoint old{.origin = "storagepool.dev/test/audit", .size = 100, .root = {}};
  const std::string note =
      tlog::Note{.text = old.write(), .signatures = {key->sign(old.write(), {})}}.write();
  const auto put = [&](const std::string& floor, bool grow) {
    return pod_.admin(
        "PUT", "/admin/log",
        settings::to_json(settings::LogFloor{.checkpoint = floor, .grow = grow, .restart = {}}));
  };
  ASSERT_TRUE(eventually([&] { return status().value("size", 0) == 301; })) << pod_.log();
  EXPECT_EQ(put(note, false).status, 200U);
  const auto refused = put(note, true);
  EXPECT_EQ(refused.status, 409U);
  EXPECT_THAT(refused.body, HasSubstr("the log has only entries from 256 on"));
  EXPECT_EQ(pod_.facts().at("log").at("alarm"), "");
  const auto anew = put("", true);
  EXPECT_EQ(anew.status, 200U) << "where nothing is kept: " << anew.body;
}

TEST_F(PrunedLogTest, NobodyIsAlarmedAndTheLogGoesOnAfterARestart) {
  ASSERT_TRUE(testing::show_log(pod_) && testing::is_pruned(pod_)) << pod_.log();
  ASSERT_EQ(pod_.stop(), 0) << pod_.log();
  server_.superuser("DELETE FROM audit_progress", "audit");
  start();
  create();
  ASSERT_TRUE(eventually([&] { return status().value("size", 0) == 302; })) << pod_.log();
  EXPECT_EQ(status().at("min_index"), 256);
  ASSERT_TRUE(eventually([&] { return status().contains("last_full_audit"); })) << pod_.log();
  const json audit = status().at("last_full_audit");
  EXPECT_EQ(audit.at("from"), 256);
  EXPECT_EQ(audit.at("missing"), 0);
  EXPECT_EQ(audit.at("altered"), 0) << pod_.log();
  EXPECT_EQ(audit.at("unlogged"), 0);
  EXPECT_EQ(pod_.facts().at("log").at("alarm"), "");
}

}  // namespace
}  // namespace storagepool::service
