// What the running program says of all events of a correlation, and what it notices.
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "pool/common/tlog/checkpoint.h"
#include "pool/common/tlog/note.h"
#include "pool/service/program_tests/testing/program_test.h"

namespace storagepool::service {
namespace {

using nlohmann::json;
using testing::eventually;
using testing::kEvents;
using testing::valid_event;

class VerifyChainTest : public testing::LoneProgramTest {
 protected:
  void SetUp() override {
    LoneProgramTest::SetUp();
    start();
    ids_ = {create("first"), create("second"), create("third")};
    create("of-another", "other");
    ASSERT_TRUE(eventually([&] { return verify().at("pending_events") == 0; })) << verify();
  }
  std::string create(const std::string& action, const std::string& correlation = "c-1") const {
    json event = valid_event();
    event["correlation_id"] = correlation;
    event["event_action"] = action;
    const auto created = pod_.create(event);
    EXPECT_EQ(created.status, 201U) << created.body;
    return json::parse(created.body).at("event_id");
  }
  testing::HttpResponse post(const std::string& body) const {
    return pod_.api("POST", "/api/v1/audit/verify-chain", body);
  }
  json verify(const std::string& correlation = "c-1") const {
    testing::HttpResponse answer;
    // Until its first entry is sealed there is no log.
    EXPECT_TRUE(eventually([&] {
      answer = post(json{{"correlation_id", correlation}}.dump());
      return answer.status == 200;
    })) << answer.body;
    return json::parse(answer.body);
  }
  void change(const std::string& statement) { server_.superuser(statement, "audit"); }
  std::string where(std::size_t event) const { return " WHERE event_id = '" + ids_.at(event) + "'"; }

  std::vector<std::string> ids_;
};

TEST_F(VerifyChainTest, WhatIsAsItWasStoredIsValid) {
  const json said = verify();
  EXPECT_EQ(said.at("correlation_id"), "c-1");
  EXPECT_EQ(said.at("is_valid"), true);
  EXPECT_EQ(said.at("total_events"), 3);
  EXPECT_EQ(said.at("verified_events"), 3);
  EXPECT_EQ(said.at("missing_events"), 0);
  EXPECT_EQ(said.at("complete"), true);
  EXPECT_FALSE(said.contains("skipped_null_hash"));
  EXPECT_FALSE(said.contains("tampered_events"));
  EXPECT_EQ(said.at("message"), "Hash chain verified successfully: no tampering detected");
  const auto note = tlog::Note::read(said.at("checkpoint").get<std::string>());
  ASSERT_TRUE(note);
  EXPECT_EQ(tlog::Checkpoint::read(note->text)->origin, "storagepool.dev/test/audit");
  const json nothing = verify("never-seen");
  EXPECT_EQ(nothing.at("is_valid"), true);
  EXPECT_EQ(nothing.at("total_events"), 0);
  EXPECT_EQ(nothing.at("message"), "No events found for correlation_id");
}

TEST_F(VerifyChainTest, WhatWasStoredThisMomentIsValidToo) {
  change("ALTER TABLE audit_seals RENAME TO elsewhere");
  create("fourth");
  change("ALTER TABLE elsewhere RENAME TO audit_seals");
  const json said = verify();
  EXPECT_EQ(said.at("is_valid"), true) << said;
  EXPECT_EQ(said.at("verified_events"), 4);
}

TEST_F(VerifyChainTest, AnAlteredEventIsTampered) {
  change("UPDATE audit_events SET actor_id = 'nobody'" + where(1));
  const json said = verify();
  EXPECT_EQ(said.at("is_valid"), false);
  EXPECT_EQ(said.at("verified_events"), 2);
  EXPECT_THAT(said.at("message").get<std::string>(),
              ::testing::StartsWith("Hash chain verification FAILED: tampering detected"));
  ASSERT_EQ(said.at("tampered_events").size(), 1U);
  const json& event = said.at("tampered_events")[0];
  EXPECT_EQ(event.at("event_id"), ids_[1]);
  EXPECT_NE(event.at("expected_hash"), event.at("actual_hash"));
  EXPECT_EQ(event.at("previous_hash").get<std::string>().size(), 64U);
}

// What no pod can have stored must not end one that reads it.
TEST_F(VerifyChainTest, AnEventThatCannotHaveBeenStoredIsTampered) {
  change("UPDATE audit_events SET retention_days = 100000" + where(0));
  EXPECT_EQ(pod_.api("GET", kEvents + "/" + ids_[0] + "/proof").status, 409U);
  const json said = verify();
  ASSERT_EQ(said.at("tampered_events").size(), 1U);
  EXPECT_FALSE(said.at("tampered_events")[0].contains("expected_hash"));
}

TEST_F(VerifyChainTest, ADeletedEventIsMissing) {
  change("DELETE FROM audit_events" + where(1));
  json said = verify();
  EXPECT_EQ(said.at("is_valid"), false);
  EXPECT_EQ(said.at("missing_events"), 1) << said;
  EXPECT_EQ(said.at("total_events"), 2);
  change("DELETE FROM audit_events WHERE correlation_id = 'c-1'");
  said = verify();
  EXPECT_EQ(said.at("is_valid"), false);
  EXPECT_EQ(said.at("missing_events"), 3) << said;
  EXPECT_EQ(said.at("total_events"), 0);
  EXPECT_EQ(verify("other").at("is_valid"), true);
}

TEST_F(VerifyChainTest, AnEventOfAnotherCorrelationNowIsTampered) {
  change("UPDATE audit_events SET correlation_id = 'other'" + where(2));
  for (const char* correlation : {"c-1", "other"}) {
    const json said = verify(correlation);
    ASSERT_EQ(said.value("tampered_events", json::array()).size(), 1U) << said;
    EXPECT_EQ(said.at("tampered_events")[0].at("event_id"), ids_[2]);
    EXPECT_EQ(said.at("missing_events"), 0) << said;
  }
}

TEST_F(VerifyChainTest, AnEventWithoutItsBatchIsTampered) {
  change("UPDATE audit_events SET batch = NULL" + where(0));
  const json said = verify();
  EXPECT_EQ(said.at("is_valid"), false) << said;
  EXPECT_EQ(said.at("tampered_events").at(0).at("event_id"), ids_[0]);
}

TEST_F(VerifyChainTest, WhatAnEarlierReleaseStoredIsSkipped) {
  change("UPDATE audit_events SET batch = NULL WHERE correlation_id = 'other'");
  change(
      "INSERT INTO audit_events SELECT (jsonb_populate_record(audit_events, "
      "jsonb_build_object('correlation_id', 'old', 'event_id', gen_random_uuid()))).* FROM audit_events "
      "WHERE correlation_id = 'other'");
  const json said = verify("old");
  EXPECT_EQ(said.at("is_valid"), true) << said;
  EXPECT_EQ(said.at("skipped_null_hash"), 1);
}

TEST_F(VerifyChainTest, ARewrittenLogIsTampered) {
  change(
      "UPDATE audit_batches SET entries = set_byte(entries, 66, get_byte(entries, 66) # 1) WHERE batch = "
      "(SELECT batch FROM audit_events" +
      where(0) + ")");
  const json said = verify();
  EXPECT_EQ(said.at("is_valid"), false) << said;
  change("DELETE FROM audit_batches WHERE batch = (SELECT batch FROM audit_events" + where(0) + ")");
  EXPECT_EQ(verify().at("is_valid"), false) << said;
}

TEST_F(VerifyChainTest, GoesOverManyPagesAndBatches) {
  json batch = json::array();
  for (int call = 0; call < 3; ++call) {
    batch.clear();
    for (int i = 0; i < 90; ++i) {
      json event = valid_event();
      event["correlation_id"] = "many";
      batch.push_back(std::move(event));
    }
    ASSERT_EQ(pod_.api("POST", kEvents + "/batch", batch.dump()).status, 201U);
  }
  // Batches of others, so that those of this one are looked for in more than one part.
  change(
      "INSERT INTO audit_batches (batch, events, entries, mac) SELECT (SELECT max(batch) FROM audit_batches) "
      "+ n, 1, "
      "decode(repeat('00', 67), 'hex'), decode(repeat('00', 16), 'hex') FROM generate_series(1, 1200) AS n");
  change(
      "DELETE FROM audit_events WHERE correlation_id = 'many' AND event_id IN "
      "(SELECT event_id FROM audit_events WHERE correlation_id = 'many' ORDER BY event_id LIMIT 7)");
  const json said = verify("many");
  EXPECT_EQ(said.at("verified_events"), 263) << said;
  EXPECT_EQ(said.at("missing_events"), 7);
  EXPECT_EQ(said.at("complete"), true);
}

TEST_F(VerifyChainTest, RefusesWhatNamesNoCorrelation) {
  for (const char* body : {"", "{", "[]", "{}", R"({"correlation_id":""})", R"({"correlation_id":1})",
                           R"({"correlation_id":"a\u0000b"})"}) {
    const auto answer = post(body);
    EXPECT_EQ(answer.status, 400U) << body;
  }
  EXPECT_EQ(post(json{{"correlation_id", std::string(255, 'x')}}.dump()).status, 200U);
  EXPECT_EQ(post(json{{"correlation_id", std::string(256, 'x')}}.dump()).status, 400U);
  const std::size_t most = std::size_t{64} * 1024;
  EXPECT_EQ(post(std::string(most, '[')).status, 400U);
  EXPECT_EQ(post(std::string(most + 1, '[')).status, 413U);
}

}  // namespace
}  // namespace storagepool::service
