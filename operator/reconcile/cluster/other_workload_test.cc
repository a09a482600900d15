#include "operator/reconcile/cluster/other_workload.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "operator/reconcile/cluster/kept.h"

namespace storagepool::reconcile {
namespace {

using ::testing::ElementsAre;

Json declared(const Json& server, const Json& connections) {
  Json object{{"metadata", {{"name", "shop"}, {"namespace", "team"}, {"uid", "u"}}},
              {"spec", {{"replicas", 1}}}};
  if (!server.is_null()) object["metadata"]["annotations"]["storagepool.dev/server"] = server;
  if (!connections.is_null())
    object["metadata"]["annotations"]["storagepool.dev/connections-per-pod"] = connections;
  return object;
}

std::string server_of(const std::string& text) {
  const auto read = read_declaration(declared(text, "20"));
  return read ? read->server : "none: " + read.error().front();
}

TEST(OtherWorkload, IsOneWithEitherAnnotation) {
  EXPECT_TRUE(declares(declared("db:5432", "20")));
  EXPECT_TRUE(declares(declared("db:5432", nullptr)));
  EXPECT_TRUE(declares(declared(nullptr, "20")));
  EXPECT_FALSE(declares(declared(nullptr, nullptr)));
  EXPECT_FALSE(declares(7));
}

TEST(OtherWorkload, ItsServerIsThatOfAStoragePoolInItsNamespace) {
  EXPECT_EQ(server_of("db:5432"), "db.team:5432");
  EXPECT_EQ(server_of("DB.Other.svc.cluster.local.:6432"), "db.other:6432");
  EXPECT_EQ(server_of("10.0.0.7:5432"), "10.0.0.7:5432");
  EXPECT_EQ(server_of("[fd00::7]:5432"), "fd00::7:5432");
  EXPECT_EQ(read_declaration(declared("db:5432", "20"))->per_pod, 20);
}

TEST(OtherWorkload, WhatCannotBeReadIsNamedWithWhatIsAllowed) {
  const auto problems = [](const Json& server, const Json& connections) {
    return read_declaration(declared(server, connections)).error();
  };
  const std::string server =
      "; allowed: HOST:PORT, a DNS name or an IP address and a port from 1 to 65535, as in db.team:5432";
  const std::string number = "; allowed: a whole number from 1 to 10000, in quotes";
  EXPECT_THAT(problems("db", "20"), ElementsAre("storagepool.dev/server: got \"db\"" + server));
  for (const char* bad : {":5432", "db:", "db:0", "db:65536", "db:x", "postgres://db:5432", "a b:1", ""})
    EXPECT_THAT(problems(bad, "20"),
                ElementsAre("storagepool.dev/server: got \"" + std::string(bad) + "\"" + server));
  for (const char* bad : {"0", "-1", "10001", "abc", "20 ", "1e3", "", "99999999999999999999"})
    EXPECT_THAT(problems("db:5432", bad), ElementsAre("storagepool.dev/connections-per-pod: got \"" +
                                                      std::string(bad) + "\"" + number));
  EXPECT_THAT(problems("db", nullptr),
              ElementsAre("storagepool.dev/server: got \"db\"" + server,
                          "storagepool.dev/connections-per-pod: it is missing" + number));
  EXPECT_THAT(problems(nullptr, "20"), ElementsAre("storagepool.dev/server: it is missing" + server));
  EXPECT_THAT(problems(std::string(5000, 'x'), "20"),
              ElementsAre("storagepool.dev/server: got 5000 characters" + server));
}

TEST(OtherWorkload, PodsThatMayExistAreTheMostOfWhatIsAskedForAndWhatIsThere) {
  const auto pods = [](const char* text, std::int64_t most = 0) {
    return pods_that_may_exist(Json::parse(text), most);
  };
  const char* set = R"({"spec": {"replicas": 3}, "status": {"replicas": 5}})";
  EXPECT_EQ(pods(set), 5);
  EXPECT_EQ(pods(set, 8), 8) << "an autoscaler may ask for them at any moment";
  EXPECT_EQ(pods(R"({"spec": {}})"), 1) << "Kubernetes' default";
  EXPECT_EQ(pods(R"({"spec": {"replicas": 0}})"), 0);
  EXPECT_EQ(pods("7"), 1);

  EXPECT_EQ(pods(R"({"spec": {"replicas": 10, "strategy": {"rollingUpdate": {"maxSurge": "25%"}}}})"), 13);
  EXPECT_EQ(pods(R"({"spec": {"replicas": 10, "strategy": {"rollingUpdate": {"maxSurge": 2}}}})"), 12);
  EXPECT_EQ(pods(R"({"spec": {"replicas": 10, "strategy": {"rollingUpdate": {"maxSurge": "0%"}}}})"), 10);
  EXPECT_EQ(pods(R"({"spec": {"replicas": 4, "strategy": {"rollingUpdate": {"maxSurge": 1}}}})", 8), 9);
  EXPECT_EQ(pods(R"({"spec": {"replicas": 10, "strategy": {"type": "Recreate"}}})"), 10);
  EXPECT_EQ(pods(R"({"spec": {"replicas": 0, "strategy": {"rollingUpdate": {"maxSurge": 2}}}})"), 0);
  EXPECT_EQ(pods(R"({"spec": {"replicas": 2, "strategy": {"type": "Recreate"}},
                     "status": {"replicas": 5, "terminatingReplicas": 4}})"),
            9)
      << "those that terminate come on top";
  EXPECT_EQ(pods(R"({"spec": {"replicas": -7}, "status": {"replicas": "x", "terminatingReplicas": -1}})"), 0);
}

TEST(OtherWorkload, PodsHaveTheirGraceToEndAndTheServerItsTimeToNotice) {
  EXPECT_EQ(time_to_end(Json::object()), std::chrono::seconds(30 + 35));
  const Json quick{{"spec", {{"template", {{"spec", {{"terminationGracePeriodSeconds", 5}}}}}}}};
  EXPECT_EQ(time_to_end(quick), std::chrono::seconds(5 + 35));
}

TEST(OtherWorkload, WhatIsKeptIsAllThatIsRead) {
  Json object =
      Json::parse(R"({"metadata": {"name": "shop", "namespace": "team", "uid": "u", "resourceVersion": "7",
      "labels": {"a": "b"}, "annotations": {"a": "b", "storagepool.dev/server": "db:5432",
      "storagepool.dev/connections-per-pod": "20"}},
    "spec": {"replicas": 4, "strategy": {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": 2, "maxUnavailable": 1}},
      "template": {"spec": {"terminationGracePeriodSeconds": 5, "containers": [{"name": "c"}]}}},
    "status": {"replicas": 4, "terminatingReplicas": 3, "readyReplicas": 4}})");
  Json kept = object;
  keep_of_other_workload(kept);
  EXPECT_TRUE(declares(kept));
  EXPECT_EQ(read_declaration(kept)->server, "db.team:5432");
  EXPECT_EQ(pods_that_may_exist(kept, 0), 9);
  EXPECT_EQ(time_to_end(kept), std::chrono::seconds(40));
  EXPECT_FALSE(kept["metadata"].contains("labels"));
  EXPECT_FALSE(kept["metadata"]["annotations"].contains("a"));
  EXPECT_FALSE(kept["spec"]["template"]["spec"].contains("containers"));
  object["metadata"].erase("annotations");
  keep_of_other_workload(object);
  EXPECT_EQ(object, Json::parse(R"({"metadata": {"name": "shop", "namespace": "team", "uid": "u",
                                                 "resourceVersion": "7"}})"));
}

}  // namespace
}  // namespace storagepool::reconcile
