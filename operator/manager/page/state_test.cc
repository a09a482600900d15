#include "operator/manager/page/state.h"

#include <optional>
#include <string>
#include <utility>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace storagepool::manager {
namespace {

using kube::Json;

Json condition(const std::string& type, const std::string& status, const std::string& reason) {
  return {{"type", type},
          {"status", status},
          {"reason", reason},
          {"message", "in words"},
          {"lastTransitionTime", "2026-11-29T00:00:00Z"}};
}

Json storage_pool(const std::string& name, const std::string& host, const std::string& system_identifier) {
  return {
      {"metadata", {{"namespace", "team"}, {"name", name}}},
      {"spec", {{"postgres", {{"host", host}}}}},
      {"status",
       {{"conditions", {condition("Ready", "True", "Ready"), condition("Stalled", "False", "NotStalled")}},
        {"replicas", 2},
        {"ready", "2/2"},
        {"settingsGeneration", 3},
        {"pods", {{{"name", name + "-0"}, {"ready", true}}, {{"name", name + "-1"}, {"ready", true}}}},
        {"connectionBudget",
         {{"peakPods", 2},
          {"perPod", 20},
          {"granted", 40},
          {"serverMax", 100},
          {"reserved", 13},
          {"usable", 87},
          {"share", 40},
          {"otherPools", 40},
          {"otherWorkloads", 5},
          {"maxSafeReplicas", 4}}},
        {"serverFacts",
         {{"target", host + ":5432/audit"},
          {"systemIdentifier", system_identifier},
          {"maxConnections", 100}}}}}};
}

pods::Answer answer(std::int64_t open, std::int64_t in_use) {
  settings::SettingsReport report;
  report.settings.max_open_conns = 20;
  report.applied_generation = 3;
  report.open = open;
  report.closing = 1;
  report.in_use = in_use;
  report.waiting = 5;
  report.not_ready = {"the journal is full"};
  report.journal = settings::JournalReport{.waiting_events = 7, .reason = "no room"};
  return {.outcome = pods::Outcome::kAnswered, .report = std::move(report)};
}

std::optional<Answers> nobody(const kube::ObjectKey&) {
  return Answers();
}

TEST(PageState, OneServerHasTheStoragePoolsOfAllItsAddresses) {
  const Json state =
      page_state({storage_pool("a", "primary", "7"), storage_pool("b", "10.0.0.5", "7")}, nobody);
  ASSERT_EQ(state["servers"].size(), 1U);
  const Json& server = state["servers"][0];
  EXPECT_EQ(server["name"], "primary:5432");
  EXPECT_EQ(server["serverMax"], 100);
  EXPECT_EQ(server["reserved"], 13 + 5);
  EXPECT_EQ(server["granted"], 80);
  EXPECT_EQ(server["storagePools"].size(), 2U);
}

TEST(PageState, ServersThatNobodyKnowsYetAreApartByAddress) {
  Json unknown = storage_pool("b", "elsewhere", "");
  unknown["spec"]["postgres"]["port"] = 6432;
  unknown["status"] = nullptr;
  const Json state = page_state({storage_pool("a", "primary", ""), unknown}, nobody);
  ASSERT_EQ(state["servers"].size(), 2U);
  EXPECT_EQ(state["servers"][0]["name"], "elsewhere:6432");
  EXPECT_FALSE(state["servers"][0].contains("serverMax"));
  EXPECT_EQ(state["servers"][0]["granted"], 0);
  EXPECT_FALSE(state["servers"][0]["storagePools"][0].contains("granted"));
}

TEST(PageState, ServersWithComplaintsComeFirst) {
  Json wrong = storage_pool("z", "z", "9");
  wrong["status"]["conditions"] = {condition("Ready", "False", "Progressing"),
                                   condition("Reconciling", "True", "Progressing")};
  const Json state = page_state({storage_pool("a", "a", "7"), wrong}, nobody);
  EXPECT_EQ(state["servers"][0]["name"], "z:5432");
  EXPECT_EQ(state["servers"][0]["complaints"], true);
  const Json& conditions = state["servers"][0]["storagePools"][0]["conditions"];
  EXPECT_EQ(conditions[0]["complaint"], true);
  EXPECT_EQ(conditions[1]["complaint"], false) << "that work goes on";
  EXPECT_EQ(state["servers"][1]["complaints"], false);
}

TEST(PageState, PodsAreShownAsTheyLastAnswered) {
  const Json state = page_state({storage_pool("a", "a", "7")}, [](const kube::ObjectKey& key) {
    EXPECT_EQ(key, (kube::ObjectKey{"team", "a"}));
    return Answers{{"a-0", answer(4, 2)},
                   {"a-1", {.outcome = pods::Outcome::kUnreachable, .failure = "it is silent"}}};
  });
  const Json& pods = state["servers"][0]["storagePools"][0]["pods"];
  EXPECT_EQ(pods[0], Json({{"name", "a-0"},
                           {"ready", true},
                           {"silent", ""},
                           {"limit", 20},
                           {"open", 5},
                           {"inUse", 2},
                           {"waiting", 5},
                           {"waitCount", 0},
                           {"generation", 3},
                           {"notReady", {"the journal is full"}},
                           {"journal",
                            {{"waiting", 7},
                             {"setAside", 0},
                             {"oldestSeconds", 0},
                             {"takesEvents", false},
                             {"reason", "no room"}}}}));
  EXPECT_EQ(pods[1], Json({{"name", "a-1"}, {"ready", true}, {"silent", "it is silent"}}));
}

TEST(PageState, WhoWaitsToLeadSaysThatAnotherKnowsThePods) {
  const Json state =
      page_state({storage_pool("a", "a", "7")}, [](const kube::ObjectKey&) { return std::nullopt; });
  const Json& pods = state["servers"][0]["storagePools"][0]["pods"];
  ASSERT_EQ(pods.size(), 2U);
  EXPECT_THAT(pods[0]["silent"], ::testing::HasSubstr("waits to lead"));
}

TEST(PageState, WhatHasNoShapeIsShownEmpty) {
  for (const Json& odd : {Json::object(), Json{{"spec", 5}, {"status", "x"}, {"metadata", {1}}},
                          Json{{"status", {{"conditions", {1, Json::object()}}, {"pods", "x"}}}}}) {
    const Json state = page_state({odd}, nobody);
    ASSERT_EQ(state["servers"].size(), 1U) << odd;
    EXPECT_EQ(state["servers"][0]["name"], "no host:5432");
  }
}

}  // namespace
}  // namespace storagepool::manager
