// The operator may do what it needs and no more: it cannot read or change a Secret but those of its own keys,
// and it has nothing to talk to PostgreSQL with.
#include <map>
#include <set>
#include <string>
#include <utility>
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
  static std::string line(std::string text) {
    text.erase(text.find_last_not_of('\n') + 1);
    return text;
  }
};

constexpr const char* kVerbs[] = {"get",     "list",   "watch",      "create",           "update",
                                  "patch",   "delete", "bind",       "deletecollection", "escalate",
                                  "approve", "sign",   "impersonate"};

TEST_F(OperatorIsLeastPrivileged, MakesSecretsAndReadsNoneButThoseOfItsKeys) {
  for (const char* verb : kVerbs) {
    const bool creates = std::string(verb) == "create";  // for which a name cannot be asked
    EXPECT_EQ(can({verb, "secrets", "-A"}), creates) << verb;
    EXPECT_EQ(can({verb, "secrets", "-n", name_space()}), creates) << verb;
    for (const char* key : {"secrets/storagepool-operator-key", "secrets/storagepool-witness-key"}) {
      const bool reads = std::string(verb) == "get";
      EXPECT_EQ(can({verb, key, "-n", name_space()}), creates) << verb << " " << key;
      EXPECT_EQ(can({verb, key, "-n", operator_namespace()}), reads || creates) << verb << " " << key;
    }
    EXPECT_EQ(can({verb, "secrets", "-n", operator_namespace()}), creates) << verb;
  }
}

// What it keeps of logs goes with their StoragePools.
TEST_F(OperatorIsLeastPrivileged, DeletesConfigMapsOfItsOwnNamespaceAlone) {
  EXPECT_TRUE(can({"delete", "configmaps", "-n", operator_namespace()}));
  EXPECT_FALSE(can({"delete", "configmaps", "-n", name_space()}));
  EXPECT_FALSE(can({"deletecollection", "configmaps", "-n", operator_namespace()}));
}

// Also what an empty PATCH would answer with, as the operator itself would send it.
TEST_F(OperatorIsLeastPrivileged, IsToldNothingOfASecretThatItPatches) {
  constexpr const char* kHidden = "hidden-from-the-operator";
  kubectl_out({"-n", name_space(), "create", "secret", "generic", "theirs",
               std::string("--from-literal=a=") + kHidden});
  const std::string token = line(
      kubectl_out({"-n", operator_namespace(), "create", "token", "storagepool-operator", "--duration=10m"}));
  const json config = kubectl_json({"config", "view", "--raw", "--minify"});
  const std::string server = config.at("clusters").at(0).at("cluster").at("server");
  for (const char* type : {"application/merge-patch+json", "application/strategic-merge-patch+json",
                           "application/json-patch+json", "application/apply-patch+yaml"}) {
    const std::string empty = std::string(type) == "application/json-patch+json" ? "[]"
                              : std::string(type) == "application/apply-patch+yaml"
                                  ? R"({"apiVersion":"v1","kind":"Secret","metadata":{"name":"theirs"}})"
                                  : "{}";
    const Result answer =
        run({"curl", "-sSk", "-w", "\n%{http_code}", "-X", "PATCH", "-K", "-", "-H",
             std::string("Content-Type: ") + type, "-d", empty,
             server + "/api/v1/namespaces/" + name_space() + "/secrets/theirs?fieldManager=x&dryRun=All"},
            "header = \"Authorization: Bearer " + token + "\"\n");
    ASSERT_TRUE(answer.ok()) << answer.err;
    EXPECT_THAT(answer.out, ::testing::EndsWith("\n403")) << type << ": " << answer.out;
    EXPECT_THAT(answer.out, Not(HasSubstr("\"data\""))) << type;
  }
}

struct Allowed {
  const char* group;
  const char* resource;
  std::set<std::string> verbs;
};
// All that it may do anywhere, beside what Kubernetes lets everybody do.
const std::vector<Allowed>& allowed_everywhere() {
  static const std::vector<Allowed> all = {
      {"storagepool.dev", "storagepools", {"list", "watch", "patch"}},
      {"storagepool.dev", "storagepools/status", {"patch"}},
      {"storagepool.dev", "storagepools/finalizers", {"update"}},
      {"apps", "statefulsets", {"list", "watch", "create", "patch"}},
      {"policy", "poddisruptionbudgets", {"list", "watch", "create", "patch"}},
      {"autoscaling", "horizontalpodautoscalers", {"list", "watch"}},
      {"", "configmaps", {"list", "watch", "create", "patch"}},
      {"", "services", {"list", "watch", "create", "patch"}},
      {"", "serviceaccounts", {"list", "watch", "create", "patch"}},
      {"", "secrets", {"create"}},
      {"", "pods", {"list", "watch"}},
      {"", "namespaces", {"list", "watch"}},
      {"", "persistentvolumeclaims", {"list", "watch", "delete"}},
      {"events.k8s.io", "events", {"list", "create", "patch"}},
      {"apiextensions.k8s.io", "customresourcedefinitions", {"get", "patch"}},  // that of StoragePools
  };
  return all;
}

// Every verb on every kind, as the API server's authorizer adds up what the rules give.
TEST_F(OperatorIsLeastPrivileged, MayDoNothingElseToAnything) {
  const json review{{"apiVersion", "authorization.k8s.io/v1"},
                    {"kind", "SelfSubjectRulesReview"},
                    {"spec", {{"namespace", name_space()}}}};
  const json rules =
      json::parse(kubectl_out({"create", "-f", "-", "-o", "json", "--validate=false", "--as=" + account()},
                              review.dump()))
          .at("status")
          .at("resourceRules");
  std::map<std::pair<std::string, std::string>, std::set<std::string>> found;
  for (const json& rule : rules) {
    const json names = rule.value("resourceNames", json::array());
    if (rule.at("resources") == json({"customresourcedefinitions"})) {
      EXPECT_EQ(names, json({"storagepools.storagepool.dev"})) << rule;
    } else {
      EXPECT_TRUE(names.empty()) << rule;
    }
    for (const std::string group : rule.at("apiGroups")) {
      if (group == "authorization.k8s.io" || group == "authentication.k8s.io")
        continue;  // reviews of oneself
      for (const std::string resource : rule.at("resources")) {
        for (const std::string verb : rule.at("verbs")) found[{group, resource}].insert(verb);
      }
    }
  }
  std::map<std::pair<std::string, std::string>, std::set<std::string>> allowed;
  for (const Allowed& one : allowed_everywhere()) allowed[{one.group, one.resource}] = one.verbs;
  EXPECT_EQ(found, allowed);
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
