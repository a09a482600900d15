// The operator may do what it needs and no more: it cannot read Secrets, and it has nothing to talk to
// PostgreSQL with.
#include <chrono>
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "e2e/support/scenario.h"

namespace storagepool::e2e {
namespace {

using nlohmann::json;
using ::testing::HasSubstr;
using ::testing::Not;

class OperatorIsLeastPrivileged : public Scenario {
 protected:
  static std::string account() {
    return "system:serviceaccount:" + operator_namespace() + ":storagepool-operator";
  }

  static bool can(std::vector<std::string> what) {
    what.insert(what.begin(), {"auth", "can-i"});
    what.push_back("--as=" + account());
    const Result result = kubectl(what);
    EXPECT_THAT(result.out, ::testing::AnyOf("yes\n", "no\n")) << result.err;
    return result.out == "yes\n";
  }
};

TEST_F(OperatorIsLeastPrivileged, ReadsNoSecretOutsideItsNamespace) {
  for (const auto* verb : {"get", "list", "watch", "update", "delete", "deletecollection"}) {
    EXPECT_FALSE(can({verb, "secrets", "-A"})) << verb;
    EXPECT_FALSE(can({verb, "secrets", "-n", name_space()})) << verb;
  }
  EXPECT_FALSE(can({"list", "secrets", "-n", operator_namespace()}));
  // What it writes: the admin tokens.
  EXPECT_TRUE(can({"create", "secrets", "-n", name_space()}));
  EXPECT_TRUE(can({"patch", "secrets", "-n", name_space()}));
}

TEST_F(OperatorIsLeastPrivileged, MayNotDoWhatItNeverDoes) {
  const std::vector<std::vector<std::string>> never{
      {"*", "*", "-A"},
      {"get", "events.events.k8s.io", "-A"},
      {"watch", "events.events.k8s.io", "-A"},
      {"delete", "events.events.k8s.io", "-A"},
      {"list", "events", "-A"},  // of the core group
      {"create", "pods", "-A"},
      {"delete", "pods", "-A"},
      {"create", "persistentvolumeclaims", "-A"},
      {"patch", "persistentvolumeclaims", "-A"},
      {"create", "pods", "--subresource=exec", "-A"},
      {"create", "pods", "--subresource=portforward", "-A"},
      {"create", "horizontalpodautoscalers.autoscaling", "-A"},
      {"patch", "horizontalpodautoscalers.autoscaling", "-A"},
      {"get", "nodes"},
      {"create", "namespaces"},
      {"delete", "namespaces"},
      {"create", "clusterrolebindings.rbac.authorization.k8s.io"},
      {"update", "clusterroles.rbac.authorization.k8s.io"},
      {"escalate", "clusterroles.rbac.authorization.k8s.io"},
      {"create", "rolebindings.rbac.authorization.k8s.io", "-A"},
      {"impersonate", "users"},
      {"create", "deployments.apps", "-A"},
      {"update", "customresourcedefinitions.apiextensions.k8s.io"},
      {"create", "storagepools.storagepool.dev", "-A"},
      {"delete", "storagepools.storagepool.dev", "-A"},
      {"create", "serviceaccounts", "--subresource=token", "-A"},
  };
  for (const auto& what : never) EXPECT_FALSE(can(what)) << ::testing::PrintToString(what);
}

TEST_F(OperatorIsLeastPrivileged, LinksNoPostgresClient) {
  const Result result = run({"ldd", STORAGEPOOL_OPERATOR_PROGRAM});
  ASSERT_TRUE(result.ok()) << result.err;
  EXPECT_THAT(result.out, HasSubstr("libcpprest"));
  EXPECT_THAT(result.out, Not(HasSubstr("libpq")));
}

TEST_F(OperatorIsLeastPrivileged, OpensNoConnectionToPostgres) {
  const Postgres postgres(name_space(), 40);
  postgres.superuser("alter system set log_connections = on");
  postgres.superuser("select pg_reload_conf()");
  apply(pool("audit", 1, {{"spec", {{"postgres", {{"host", postgres.direct_host()}}}}}}));
  ASSERT_TRUE(becomes_ready("audit", 1));
  const std::string log = kubectl_out({"-n", name_space(), "logs", "deployment/postgres"});
  const std::string pod = get("pod", "audit-0").at("status").at("podIP");
  // With the port, so that one address is not taken for another that begins with it.
  const auto connected = [](const std::string& address) {
    return HasSubstr("connection received: host=" + address + " port=");
  };
  EXPECT_THAT(log, connected(pod));
  const json operators =
      kubectl_json({"-n", operator_namespace(), "get", "pods", "-l", "app.kubernetes.io/component=operator"});
  ASSERT_FALSE(operators.at("items").empty());
  for (const auto& one : operators.at("items")) {
    EXPECT_THAT(log, Not(connected(one.at("status").at("podIP").get<std::string>())));
  }
}

}  // namespace
}  // namespace storagepool::e2e
