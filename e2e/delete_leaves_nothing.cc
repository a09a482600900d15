// Deleting a StoragePool removes every object made for it and every connection, and nothing else, but for the
// key of its log: with it what PostgreSQL keeps is proven, also to the next StoragePool of that name. What
// was there before it under the name of one of them is left alone from the start.
#include <chrono>
#include <string>

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "e2e/support/scenario.h"

namespace storagepool::e2e {
namespace {

using nlohmann::json;
using namespace std::chrono_literals;

constexpr const char* kKinds =
    "statefulsets,controllerrevisions,pods,services,endpointslices,configmaps,secrets,serviceaccounts,"
    "poddisruptionbudgets,persistentvolumeclaims";
constexpr const char* kSelector =
    "app.kubernetes.io/instance=audit,app.kubernetes.io/managed-by=storagepool-operator";

constexpr const char* kLogKey = "audit-log-key";

class DeleteLeavesNothing : public Scenario {
 protected:
  // What was made for the StoragePool audit and is there, but for the key of its log.
  std::string left() {
    std::string names;
    for (const auto& object : list(kKinds, kSelector)) {
      const std::string name = object.at("metadata").at("name");
      if (name != kLogKey) names += object.at("kind").get<std::string>() + "/" + name + " ";
    }
    return names;
  }
};

TEST_F(DeleteLeavesNothing, NoChildAndNoBackend) {
  const Postgres postgres(name_space(), 40);
  const json direct = {{"spec", {{"postgres", {{"host", postgres.direct_host()}}}}}};
  apply(pool("audit", 2, direct));
  apply(pool("other", 1, direct));
  ASSERT_TRUE(becomes_ready("audit", 2));
  ASSERT_TRUE(becomes_ready("other", 1));
  EXPECT_GE(list(kKinds, kSelector).size(), 8U);

  const auto addresses = [&](const std::string& pool_name) {
    std::string text;
    for (const auto& pod : list("pods", "app.kubernetes.io/instance=" + pool_name)) {
      text += (text.empty() ? "'" : ",'") + pod.at("status").at("podIP").get<std::string>() + "'";
    }
    return text;
  };
  const std::string audit = addresses("audit");
  const std::string other = addresses("other");
  const auto backends = [&](const std::string& from) {
    return std::stoi(
        postgres.superuser("select count(*) from pg_stat_activity where client_addr in (" + from + ")")
            .at(0));
  };
  EXPECT_TRUE(
      eventually(30s, [&]() -> std::string { return backends(audit) > 0 ? "" : "no backend to be closed"; }));

  kubectl_out({"-n", name_space(), "delete", "storagepool", "audit", "--timeout=90s"}, {}, 100s);
  EXPECT_EQ(backends(audit), 0);
  EXPECT_TRUE(eventually(60s, [&] { return left(); }));

  // What is not its own stays: the user's Secrets, and the other StoragePool with its connections.
  EXPECT_TRUE(kubectl({"-n", name_space(), "get", "secret", kCredentials, kAuthority, kLogKey}).ok());
  EXPECT_TRUE(becomes_ready("other", 1));
  EXPECT_TRUE(
      eventually(30s, [&]() -> std::string { return backends(other) > 0 ? "" : "no backend of the other"; }));
}

TEST_F(DeleteLeavesNothing, AlsoWhileThePodsCannotStart) {
  // No PostgreSQL, no Secret: the pods never become ready.
  apply(pool("audit", 2));
  EXPECT_TRUE(eventually(
      60s, [&]() -> std::string { return list("pods", kSelector).empty() ? "no pod was made" : ""; }));
  kubectl_out({"-n", name_space(), "delete", "storagepool", "audit", "--timeout=90s"}, {}, 100s);
  EXPECT_TRUE(eventually(60s, [&] { return left(); }));
}

TEST_F(DeleteLeavesNothing, WhatHasAChildsNameAlready) {
  const Postgres postgres(name_space(), 40);
  const std::pair<const char*, const char*> others[] = {{"service", "postgres"},
                                                        {"serviceaccount", "default"}};
  for (const auto& [kind, name] : others) {
    const auto seen = [&] {
      json object = get(kind, name);
      object.at("metadata").erase("managedFields");
      return object;
    };
    const json before = seen();
    apply(pool(name, 1));
    EXPECT_TRUE(eventually(30s, [&]() -> std::string {
      const json stalled = condition(get("storagepool", name), "Stalled");
      return stalled.is_object() && stalled.value("reason", "") == "NameTaken" ? "" : stalled.dump();
    }));
    EXPECT_EQ(seen(), before);
    kubectl_out({"-n", name_space(), "delete", "storagepool", name, "--timeout=90s"}, {}, 100s);
    EXPECT_TRUE(eventually(60s, [&]() -> std::string {
      const json left = list(kKinds, std::string("app.kubernetes.io/managed-by=storagepool-operator,") +
                                         "app.kubernetes.io/instance=" + name);
      return left.empty() ? "" : left.dump();
    }));
    EXPECT_EQ(seen(), before);
  }
}

}  // namespace
}  // namespace storagepool::e2e
