#include "operator/reconcile/view/view.h"

#include <gtest/gtest.h>

#include "operator/render/render.h"

namespace storagepool::reconcile {
namespace {

TEST(ReadPod, TakesWhatIsThere) {
  const auto read = read_pod(Json::parse(R"({
      "metadata": {"name": "audit-12", "uid": "u", "annotations": {"storagepool.dev/postgres-hash": "h"}},
      "spec": {"nodeName": "n"},
      "status": {"phase": "Running", "podIP": "10.0.0.1", "conditions": [{"type": "Ready", "status": "True"}]}})"),
                             "audit");
  ASSERT_TRUE(read);
  const PodView pod = read.value_or(PodView{});
  EXPECT_EQ(pod.ordinal, 12);
  EXPECT_TRUE(pod.started);
  EXPECT_TRUE(pod.ready);
  EXPECT_FALSE(pod.terminating);
  EXPECT_EQ(pod.ip, "10.0.0.1");
}

TEST(ReadPod, StartedMeansOnANodeAndNotEnded) {
  const auto started = [](const char* text) {
    return read_pod(Json::parse(text), "a").value_or(PodView{}).started;
  };
  EXPECT_FALSE(started(R"({"metadata": {"name": "a-0"}, "status": {"phase": "Pending"}})"));
  EXPECT_TRUE(
      started(R"({"metadata": {"name": "a-0"}, "spec": {"nodeName": "n"}, "status": {"phase": "Pending"}})"));
  EXPECT_FALSE(
      started(R"({"metadata": {"name": "a-0"}, "spec": {"nodeName": "n"}, "status": {"phase": "Failed"}})"));
  EXPECT_TRUE(
      started(R"({"metadata": {"name": "a-0"}, "spec": {"nodeName": "n"}, "status": {"phase": "Failed",
      "containerStatuses": [{"state": {"running": {}}}]}})"))
      << "the cluster has lost its node";
}

TEST(ReadPod, IgnoresWhatIsNotThePool) {
  for (const char* name : {"audit", "audit-", "audit-x", "audit--1", "other-0", "audit-1-2", ""}) {
    EXPECT_FALSE(read_pod({{"metadata", {{"name", name}}}}, "audit")) << name;
  }
  EXPECT_FALSE(read_pod(Json::parse(R"({"metadata": 3})"), "audit"));
}

TEST(ReadConfigMap, IsTheInverseOfRendering) {
  const auto spec = render::parse_spec(Json::parse(R"({"metadata": {"name": "a"}, "spec": {"postgres":
      {"host": "h", "database": "d", "credentialsSecretRef": {"name": "s"}}}})"));
  const Granted granted{.generation = 7,
                        .settings = settings::with_limit(spec->pool, 9),
                        .ceiling = 20,
                        .postgres = spec->postgres,
                        .candidate = settings::PostgresTarget{.host = "next", .database = "d"}};
  const Json object = render::config_map({"n", "a", "u"}, {.generation = 7,
                                                           .settings = granted.settings,
                                                           .ceiling = 20,
                                                           .postgres = granted.postgres,
                                                           .candidate = granted.candidate,
                                                           .leaving = {"db.n:5432", "other.n:5433"},
                                                           .tried = {"next.n:5432"}});
  const ConfigView read = read_config_map(object).value_or(ConfigView{});
  EXPECT_EQ(read.granted, granted);
  EXPECT_EQ(read.tried, (std::vector<std::string>{"next.n:5432"}));
  EXPECT_EQ(read.leaving, (std::vector<std::string>{"db.n:5432", "other.n:5433"}));
}

TEST(ReadConfigMap, WithoutAUsableCeilingAnyLimitIsPossible) {
  Json object{
      {"data",
       {{"config.yaml", "generation: 1\npostgres: {host: h, database: d}\npool: {maxOpenConns: 4}"}}}};
  EXPECT_EQ(read_config_map(object).value_or(ConfigView{}).granted.ceiling, 10'000);
  object["metadata"]["annotations"]["storagepool.dev/limit-ceiling"] = "x";
  EXPECT_EQ(read_config_map(object).value_or(ConfigView{}).granted.ceiling, 10'000);
  object["metadata"]["annotations"]["storagepool.dev/limit-ceiling"] = "2";  // below the limit itself
  EXPECT_EQ(read_config_map(object).value_or(ConfigView{}).granted.ceiling, 4);
}

TEST(ReadConfigMap, WhatAPodWouldRefuseIsNone) {
  for (const char* text : {"", "generation: x", "generation: 1\npool: {maxOpenConns: 0}"}) {
    EXPECT_FALSE(read_config_map({{"data", {{"config.yaml", text}}}})) << text;
  }
  EXPECT_FALSE(read_config_map(Json::parse(R"({"data": []})")));
}

TEST(ReadStatefulSet, SettledOnceTheControllerHasSeenIt) {
  Json object =
      Json::parse(R"({"metadata": {"generation": 3, "annotations": {"storagepool.dev/peak-pods": "5"}},
      "spec": {"replicas": 3}, "status": {"observedGeneration": 2, "replicas": 4}})");
  EXPECT_FALSE(read_stateful_set(object).value_or(WorkloadView{}).workload.settled);
  EXPECT_EQ(read_stateful_set(object).value_or(WorkloadView{}).workload.peak_pods, 5);
  object["status"]["observedGeneration"] = 3;
  EXPECT_TRUE(read_stateful_set(object).value_or(WorkloadView{}).workload.settled);
  object["metadata"].erase("annotations");  // somebody removed it: what exists counts
  EXPECT_EQ(read_stateful_set(object).value_or(WorkloadView{}).workload.peak_pods, 4);
}

}  // namespace
}  // namespace storagepool::reconcile
