#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "operator/reconcile/status/conditions.h"
#include "operator/reconcile/testing/reconcile_fixture.h"
#include "pool/common/tlog/note_key.h"

namespace storagepool::reconcile {
namespace {

class LogTampered : public Reconcile {
 protected:
  void pods_say(const std::string& alarm, const std::string& detail) {
    for (auto& [address, pod] : cluster_.pods)
      pod.facts.log = settings::LogFacts{.size = 5, .floor = 7, .alarm = alarm, .detail = detail, .epoch = 1};
    ASSERT_TRUE(look());
  }
};

TEST_F(LogTampered, IsSaidOnceAsThePodsSayItAndNothingWaitsForIt) {
  settle();
  pods_say("", "");
  EXPECT_EQ(condition_of(kLogTampered).type, "");
  pods_say("LogRolledBack", "it has 5 entries, not 7");
  EXPECT_EQ(condition(kLogTampered), "True LogRolledBack");
  EXPECT_THAT(message(kLogTampered), ::testing::HasSubstr("audit-0: it has 5 entries, not 7"));
  EXPECT_EQ(condition(kReady), "True Ready");
  EXPECT_THAT(events(), ::testing::Contains("LogRolledBack").Times(1));
  cluster_.writes.clear();
  pods_say("LogRolledBack", "it has 5 entries, not 7");
  EXPECT_THAT(cluster_.writes, ::testing::IsEmpty());
  pods_say("", "");
  EXPECT_EQ(condition(kLogTampered), "False AsWitnessed");
}

TEST_F(LogTampered, WhatAWitnessSaysIsNotTakenForWhatAPodDoes) {
  settle();
  pods_say("LogInconsistent", "of the witness w: it has seen another");
  EXPECT_EQ(condition(kLogTampered), "True LogInconsistent");
  EXPECT_EQ(
      message(kLogTampered),
      "the log of events is not as it was witnessed (of the witness w: it has seen another); events are "
      "stored all the same");
}

class LogUnwitnessed : public Reconcile {
 protected:
  void witnesses_are(const std::vector<pods::WitnessWord>& words) {
    for (auto& [address, pod] : cluster_.pods) pod.witnesses = words;
    ASSERT_TRUE(look());
  }
  Json witnesses() { return cluster_.get("StoragePool", "audit")["status"].value("log", Json::object()); }
};

TEST_F(LogUnwitnessed, SaysWhichWitnessDoesNotCosignAndNothingWaitsForIt) {
  settle();
  witnesses_are({{.name = "a", .state = "Waiting"}, {.name = "b", .state = "Cosigning"}});
  EXPECT_EQ(condition_of(kLogUnwitnessed).type, "");
  EXPECT_EQ(witnesses(),
            (Json{{"witnesses",
                   {{{"name", "a"}, {"state", "Waiting"}}, {{"name", "b"}, {"state", "Cosigning"}}}}}));
  witnesses_are({{.name = "a", .state = "Failing", .failing = "it cannot be reached"},
                 {.name = "b", .state = "Cosigning"}});
  EXPECT_EQ(condition(kLogUnwitnessed), "True WitnessFailing");
  EXPECT_EQ(
      message(kLogUnwitnessed),
      "checkpoints of the log are not cosigned by a: it cannot be reached; nothing else waits for that");
  EXPECT_EQ(condition(kReady), "True Ready");
  EXPECT_THAT(events(), ::testing::Contains("WitnessFailing").Times(1));
  cluster_.writes.clear();
  ASSERT_TRUE(look());
  EXPECT_THAT(cluster_.writes, ::testing::IsEmpty());
  witnesses_are({{.name = "a", .state = "Cosigning"}});
  EXPECT_EQ(condition(kLogUnwitnessed), "False Witnessed");
  witnesses_are({});
  EXPECT_EQ(witnesses(), Json::object()) << "the spec names none";
}

TEST_F(LogUnwitnessed, IsKeptWhileNothingIsKnown) {
  Json pool = storage_pool("audit", 3);
  pool["spec"]["log"]["witnesses"] = {
      {{"url", "https://witness.example"},
       {"vkey", tlog::NoteKey::of_seed(tlog::KeyKind::kWitness, "a", std::string(32, 'o'))->public_text()}}};
  cluster_.put(pool);
  settle();
  witnesses_are({{.name = "a", .state = "Failing", .failing = "it cannot be reached"}});
  const Json before = witnesses();
  witnesses_are({});  // as after a restart of the operator
  EXPECT_EQ(condition(kLogUnwitnessed), "True WitnessFailing");
  EXPECT_EQ(witnesses(), before);
}

TEST_F(LogTampered, APodDoesNotChooseAReasonThatTheApiServerRefuses) {
  settle();
  pods_say("no word; " + std::string(100, 'x'), "\nodd");
  EXPECT_EQ(condition(kLogTampered), "True LogNotAsLeft");
}

}  // namespace
}  // namespace storagepool::reconcile
