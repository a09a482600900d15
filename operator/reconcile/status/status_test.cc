#include "operator/reconcile/status/status.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace storagepool::reconcile {
namespace {

using testing::ElementsAre;
using testing::Field;

constexpr const char* kWhole = R"({
    "observedGeneration": 7, "selector": "a=b", "replicas": 2, "readyReplicas": 1, "ready": "1/2",
    "settingsGeneration": 12,
    "connectionBudget": {"peakPods": 3, "perPod": 9, "granted": 27, "serverMax": 40, "reserved": 13,
        "roleLimit": 30, "usable": 27, "share": 18, "otherPools": 4, "maxSafeReplicas": 20},
    "pods": [{"name": "audit-0", "ready": true, "appliedGeneration": 12, "maxOpenConns": 9, "open": 4,
              "inUse": 3, "idle": 1, "waitCount": 5},
             {"name": "audit-1", "ready": false}],
    "serverFacts": {"target": "h:1/d", "systemIdentifier": "77", "serverVersion": 150008, "maxConnections": 40,
        "superuserReservedConnections": 3, "reservedConnections": 0, "databaseLimit": 35,
        "startedAt": "2026-01-30T12:00:00.5Z",
        "observedAt": "2026-01-31T12:00:00Z"},
    "log": {"vkeys": ["second", "first"]},
    "conditions": [{"type": "Ready", "status": "False", "reason": "Progressing", "message": "m",
                    "observedGeneration": 7, "lastTransitionTime": "2026-01-31T12:00:01Z"}]})";

Status whole() {
  return parse_status(Json::parse(kWhole));
}

// Of a status whose other members are as in kWhole.
Status with(const char* pointer, const Json& value) {
  Json json = Json::parse(kWhole);
  json[Json::json_pointer(pointer)] = value;
  return parse_status(json);
}

TEST(Status, IsReadWhole) {
  const Status status = whole();
  EXPECT_EQ(status.observed_generation, 7);
  EXPECT_EQ(status.selector, "a=b");
  const PodsStatus pods = status.pods.value_or(PodsStatus{});
  EXPECT_EQ(pods.replicas, 2);
  EXPECT_EQ(pods.ready_replicas, 1);
  EXPECT_EQ(pods.ready, "1/2");
  EXPECT_EQ(pods.settings_generation, 12);
  EXPECT_THAT(pods.pods, ElementsAre(PodStatus{.name = "audit-0",
                                               .ready = true,
                                               .numbers = PodNumbers{.applied_generation = 12,
                                                                     .max_open_conns = 9,
                                                                     .open = 4,
                                                                     .in_use = 3,
                                                                     .idle = 1,
                                                                     .wait_count = 5}},
                                     PodStatus{.name = "audit-1"}));
  EXPECT_EQ(pods.budget.peak_pods, 3);
  EXPECT_EQ(pods.budget.per_pod, 9);
  EXPECT_EQ(pods.budget.granted, 27);
  const ServerBudget server = pods.budget.server.value_or(ServerBudget{});
  EXPECT_EQ(server.server_max, 40);
  EXPECT_EQ(server.role_limit, 30);
  EXPECT_EQ(server.share, 18);
  EXPECT_FALSE(server.database_limit);
  EXPECT_THAT(status.vkeys, ElementsAre("second", "first"));
  ASSERT_EQ(status.conditions.size(), 1U);
  EXPECT_TRUE(has_condition(status, "Ready", Truth::kFalse));
  EXPECT_EQ(status.conditions[0].last_transition, runtime::parse_timestamp("2026-01-31T12:00:01Z"));
}

TEST(Status, WritingIsTheInverseOfReading) {
  EXPECT_EQ(to_json(whole()), Json::parse(kWhole));
  const Status bare = parse_status(Json::parse(R"({"observedGeneration": 1, "selector": "s",
                                                   "conditions": []})"));
  EXPECT_FALSE(bare.pods);
  EXPECT_EQ(to_json(bare), Json::parse(R"({"observedGeneration": 1, "selector": "s", "conditions": []})"));
}

TEST(Status, WhatIsAbsentReadsAsNothing) {
  for (const char* text : {"null", "{}", "[]", "3", R"("x")"}) {
    EXPECT_EQ(parse_status(Json::parse(text)), Status{}) << text;
  }
}

TEST(Status, WhatIsForeignIsLeftOut) {
  EXPECT_EQ(with("/theirs", {{"a", 1}}), whole());
  EXPECT_EQ(with("/connectionBudget/theirs", 1), whole());
  EXPECT_EQ(with("/serverFacts/theirs", 1), whole());
  EXPECT_EQ(with("/pods/0/theirs", "x"), whole());
  EXPECT_EQ(with("/conditions/0/theirs", "x"), whole());
}

TEST(Status, AConditionOfSomebodyElseIsReadAndWrittenAsItIs) {
  const Json theirs = Json::parse(R"({"type": "Checked", "status": "Unknown", "reason": "r", "message": "",
                                      "lastTransitionTime": "2026-01-31T12:00:00.5Z"})");
  const Status status = with("/conditions/1", theirs);
  ASSERT_EQ(status.conditions.size(), 2U);
  EXPECT_FALSE(status.conditions[1].observed_generation);
  EXPECT_EQ(to_json(status)["conditions"][1], theirs);
}

TEST(Status, GarbledPartsReadAsAbsentAndLeaveTheRestAlone) {
  Status expected = whole();
  expected.conditions.clear();
  for (const char* pointer : {"/conditions", "/conditions/0", "/conditions/0/type", "/conditions/0/status",
                              "/conditions/0/lastTransitionTime"}) {
    EXPECT_EQ(with(pointer, ""), expected) << pointer;
    EXPECT_EQ(with(pointer, 3), expected) << pointer;
    EXPECT_EQ(with(pointer, nullptr), expected) << pointer;
  }
  EXPECT_EQ(with("/conditions/0/status", "true"), expected);
  EXPECT_EQ(with("/conditions/0/lastTransitionTime", "yesterday"), expected);
  expected = whole();
  expected.pods->pods.clear();
  EXPECT_EQ(with("/pods", Json::object()), expected);
  EXPECT_EQ(with("/pods", Json::array({1, Json::object(), {{"name", 3}}})), expected);
  expected = whole();
  expected.pods->pods[0].numbers.reset();
  EXPECT_EQ(with("/pods/0/appliedGeneration", "12"), expected);
  expected = whole();
  expected.pods->budget = {};
  EXPECT_EQ(with("/connectionBudget", "x"), expected);
  expected = whole();
  expected.pods->budget.server.reset();
  EXPECT_EQ(with("/connectionBudget/serverMax", 1.5), expected);
  expected = whole();
  expected.server_facts.reset();
  EXPECT_EQ(with("/serverFacts", Json::array()), expected);
  EXPECT_EQ(with("/serverFacts/target", 1), expected);
  expected = whole();
  expected.server_facts->facts.database_limit.reset();
  EXPECT_EQ(with("/serverFacts/databaseLimit", -1), expected);
}

TEST(Status, TheGenerationIsReadByItself) {
  const Status only_generation = parse_status(Json::parse(R"({"settingsGeneration": 4})"));
  EXPECT_EQ(only_generation.pods.value_or(PodsStatus{}).settings_generation, 4);
}

using sizing::KnownFacts;

const KnownFacts::Time kRead{std::chrono::hours{1}};

TEST(FactsOfAStatus, OnlyOfTheSameTarget) {
  const Status status = parse_status(Json::parse(R"({"serverFacts": {"target": "h:1/d", "maxConnections": 40,
      "roleLimit": 5, "superuserReservedConnections": 3, "observedAt": "2026-01-31T12:00:00Z"}})"));
  const auto read = known_facts(status, "h:1/d", kRead);
  ASSERT_TRUE(read);
  const KnownFacts known = read.value_or(KnownFacts{});
  EXPECT_EQ(known.facts.max_connections, 40);
  EXPECT_EQ(known.facts.role_limit, 5);
  EXPECT_FALSE(known.facts.database_limit);
  EXPECT_EQ(known.read, kRead);
  EXPECT_EQ(known.facts.read_at, 0) << "an older pod does not tell the server's time";
  EXPECT_FALSE(known_facts(status, "other:1/d", kRead));
  EXPECT_FALSE(known_facts(parse_status(Json()), "h:1/d", kRead));
  const KnownFacts newer = known_facts(whole(), "h:1/d", kRead).value_or(KnownFacts{});
  EXPECT_EQ(newer.facts.read_at, 1769860800000);
  EXPECT_EQ(newer.facts.started_at, 1769774400500);
}

TEST(FactsOfAStatus, NotWithoutALimitOrATime) {
  EXPECT_TRUE(known_facts(whole(), "h:1/d", kRead));
  EXPECT_FALSE(known_facts(with("/serverFacts/maxConnections", 0), "h:1/d", kRead));
  EXPECT_FALSE(known_facts(with("/serverFacts/maxConnections", "40"), "h:1/d", kRead));
  EXPECT_FALSE(known_facts(with("/serverFacts/observedAt", "yesterday"), "h:1/d", kRead));
}

TEST(StatusDifference, NumbersThatChangeByThemselvesAreVolatile) {
  EXPECT_EQ(difference(whole(), whole()), Difference::kNone);
  for (const char* pointer : {"/pods/0/open", "/pods/0/inUse", "/pods/0/idle", "/pods/0/waitCount"}) {
    EXPECT_EQ(difference(whole(), with(pointer, 8)), Difference::kVolatileOnly) << pointer;
  }
  for (const char* pointer :
       {"/pods/0/appliedGeneration", "/pods/0/maxOpenConns", "/pods/1/appliedGeneration", "/replicas",
        "/connectionBudget/usable", "/observedGeneration"}) {
    EXPECT_EQ(difference(whole(), with(pointer, 8)), Difference::kReal) << pointer;
  }
}

TEST(FindCondition, ByItsType) {
  const Status status = whole();
  ASSERT_NE(find_condition(status, "Ready"), nullptr);
  EXPECT_EQ(find_condition(status, "Ready")->reason, "Progressing");
  EXPECT_EQ(find_condition(status, "Stalled"), nullptr);
  EXPECT_FALSE(has_condition(status, "Stalled", Truth::kUnknown));
}

}  // namespace
}  // namespace storagepool::reconcile
