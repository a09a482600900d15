// A wrong StoragePool is refused by `kubectl apply` with a message that names the field and what is allowed:
// the rules of crds/storagepool.yaml as a person sees them.
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

class BadSpecIsRefused : public Scenario {};

struct BadSpec {
  std::string spec;                   // merged into a good StoragePool's spec
  std::vector<std::string> messages;  // all are in what kubectl prints
};

const std::vector<BadSpec>& bad_specs() {
  static const std::vector<BadSpec> specs{
      {R"({"replicas": 1001})", {"spec.replicas", "less than or equal to 1000"}},
      {R"({"replicas": -1})", {"spec.replicas", "greater than or equal to 0"}},
      {R"({"postgres": {"host": null}})", {"spec.postgres.host", "Required value"}},
      {R"({"postgres": {"host": "postgres://db:5432"}})",
       {"spec.postgres.host is postgres://db:5432", "a DNS name or an IP address"}},
      {R"({"postgres": {"port": 0}})", {"spec.postgres.port", "greater than or equal to 1"}},
      {R"({"postgres": {"port": 65536}})", {"spec.postgres.port", "less than or equal to 65535"}},
      {R"({"postgres": {"database": "a b"}})", {"spec.postgres.database is a b", "1 to 63 letters, digits"}},
      {R"({"postgres": {"credentialsSecretRef": {"name": "Not A Name"}}})",
       {"spec.postgres.credentialsSecretRef.name", "name of the Secret is Not A Name", "lower case letters"}},
      {R"({"postgres": {"sslMode": "prefer"}})",
       {"spec.postgres.sslMode", "prefer", "disable", "require", "verify-ca", "verify-full"}},
      {R"({"postgres": {"sslMode": "verify-full"}})",
       {"spec.postgres.caSecretRef is missing", "required with sslMode verify-full"}},
      {R"({"postgres": {"sslMode": "disable", "caSecretRef": {"name": "ca"}}})",
       {"spec.postgres.sslMode is disable", "verify-ca or verify-full"}},
      {R"({"postgres": {"reserve": -1}})", {"spec.postgres.reserve", "greater than or equal to 0"}},
      {R"({"pool": {"profile": "Huge"}})", {"spec.pool.profile", "Huge", "Low", "Medium", "High"}},
      {R"({"pool": {"profile": "High", "maxOpenConns": 5}})",
       {"spec.pool.profile is High and maxOpenConns or maxIdleConns is given too", "either a profile"}},
      {R"({"pool": {"profile": "High", "maxIdleConns": 5}})",
       {"spec.pool.profile is High and maxOpenConns or maxIdleConns is given too"}},
      {R"({"pool": {"maxOpenConns": 0}})", {"spec.pool.maxOpenConns", "greater than or equal to 1"}},
      {R"({"pool": {"maxOpenConns": 10001}})", {"spec.pool.maxOpenConns", "less than or equal to 10000"}},
      {R"({"pool": {"maxOpenConns": 5, "maxIdleConns": 6}})",
       {"spec.pool.maxIdleConns is above maxOpenConns", "0 to spec.pool.maxOpenConns"}},
      {R"({"pool": {"maxIdleConns": 26}})",
       {"spec.pool.maxIdleConns is above maxOpenConns", "25 when absent"}},
      {R"({"pool": {"connMaxLifetime": "500ms"}})",
       {"spec.pool.connMaxLifetime is 500ms", "0 (off) or a duration of at least 1s"}},
      {R"({"pool": {"connMaxIdleTime": "soon"}})",
       {"spec.pool.connMaxIdleTime is soon", "0 (off) or a duration of at least 1s"}},
      {R"({"pool": {"acquireTimeout": "0"}})", {"spec.pool.acquireTimeout is 0", "at least 1ms"}},
      {R"({"pool": {"connectTimeout": "99ms"}})", {"spec.pool.connectTimeout is 99ms", "at least 100ms"}},
      {R"({"pool": {"statementTimeout": "-1s"}})",
       {"spec.pool.statementTimeout is -1s", "0 (off) or a duration"}},
      {R"({"pool": {"statementTimeout": "720h"}})",
       {"spec.pool.statementTimeout is 720h", "at most 596h31m23s"}},
      {R"({"pool": {"surplusIdleTime": "5"}})",
       {"spec.pool.surplusIdleTime is 5", "0 (at once) or a duration"}},
      {R"({"pool": {"lockTimeout": "10"}})", {"spec.pool.lockTimeout is 10", "0 (off) or a duration"}},
      {R"({"pool": {"validateAfterIdle": "1 m"}})",
       {"spec.pool.validateAfterIdle is 1 m", "0 (always) or a duration"}},
      {R"({"pool": {"maxWaiters": -1}})", {"spec.pool.maxWaiters", "greater than or equal to 0"}},
      {R"({"pool": {"statementCacheSize": 10001}})",
       {"spec.pool.statementCacheSize", "less than or equal to 10000"}},
      {R"({"budget": {"policy": "Maybe"}})", {"spec.budget.policy", "Maybe", "Fit", "Strict", "Observe"}},
      {R"({"budget": {"minConnsPerPod": 0}})", {"spec.budget.minConnsPerPod", "greater than or equal to 1"}},
      {R"({"budget": {"minConnsPerPod": 26}})",
       {"spec.budget.minConnsPerPod is above what a pod asks for", "1 to spec.pool.maxOpenConns (25"}},
      {R"({"budget": {"maxConnections": 4, "minConnsPerPod": 5}})",
       {"spec.budget.maxConnections is below minConnsPerPod", "spec.budget.minConnsPerPod to 1000000"}},
      {R"({"budget": {"sizeFor": "Peak"}})", {"spec.budget.sizeFor", "Peak", "Current", "Maximum"}},
      {R"({"paused": "yes"})", {"spec.paused", "boolean"}},
      {R"({"journal": {"size": "8Mi"}})",
       {"spec.journal.size is 8Mi", "0 (no journal) or a size from 16Mi to 1Ti"}},
      {R"({"journal": {"size": "1.1Ti"}})", {"spec.journal.size is 1.1Ti", "from 16Mi to 1Ti"}},
      {R"({"journal": {"size": "-1Gi"}})", {"spec.journal.size is -1Gi", "from 16Mi to 1Ti"}},
      {R"({"journal": {"size": "plenty"}})", {"spec.journal.size is plenty", "from 16Mi to 1Ti"}},
      {R"({"journal": {"size": 1073741824}})", {"spec.journal.size", "string"}},
      {R"({"journal": {"persistence": "Maybe"}})",
       {"spec.journal.persistence", "Maybe", "PersistentVolume", "Ephemeral"}},
      {R"({"journal": {"persistence": "Ephemeral", "storageClassName": "fast"}})",
       {"spec.journal.storageClassName is fast with persistence Ephemeral",
        "allowed with PersistentVolume only"}},
      {R"({"drainDelay": "6m"})", {"spec.drainDelay is 6m", "a duration from 0s to 5m"}},
      {R"({"auth": {"mode": "Basic"}})",
       {"spec.auth.mode", "Basic", "ServiceAccount", "None", "Token", "Paseto"}},
      {R"({"auth": {"mode": "Token"}})", {"spec.auth.secretRef is missing", "required with mode Token"}},
      {R"({"auth": {"mode": "Paseto"}})", {"spec.auth.secretRef is missing", "required with mode Paseto"}},
      {R"({"auth": {"secretRef": {"name": "clients"}}})",
       {"spec.auth.mode is ServiceAccount", "allowed with secretRef: Token or Paseto"}},
      {R"({"auth": {"mode": "None", "serviceAccounts": [{"scopes": ["read"]}]}})",
       {"spec.auth.mode is None", "allowed with serviceAccounts: ServiceAccount"}},
      {R"({"auth": {"audience": "audit"}})",
       {"spec.auth.mode is ServiceAccount", "allowed with issuer or audience: Paseto"}},
      {R"({"auth": {"serviceAccounts": []}})", {"spec.auth.serviceAccounts", "at least 1"}},
      {R"({"auth": {"serviceAccounts": [{"scopes": ["root"]}]}})",
       {"scopes", "root", "read", "write", "admin", "hold", "sensitive", "verify", "export"}},
      {R"({"auth": {"serviceAccounts": [{"scopes": ["read"], "namespace": "A"}]}})",
       {"namespace of service accounts is A", "allowed: lower case letters"}},
      {R"({"auth": {"serviceAccounts": [{"scopes": ["read"], "workspaces": ["_x"]}]}})",
       {"workspace is _x", "allowed: _system"}},
      {R"({"auth": {"mode": "Token", "secretRef": {"name": "Not A Name"}}})",
       {"spec.auth.secretRef.name", "name of the Secret is Not A Name"}},
      {R"({"http": {"trustedProxies": []}})", {"spec.http.trustedProxies", "at least 1"}},
      {R"({"http": {"trustedProxies": ["10.0.0.0/8", "10.0.0.1"]}})",
       {"spec.http.trustedProxies[1]", "network of spec.http.trustedProxies is 10.0.0.1",
        "allowed: an IPv4 or IPv6 network"}},
      {R"({"http": {"trustedProxies": ["fd00::/129"]}})",
       {"network of spec.http.trustedProxies is fd00::/129", "allowed: an IPv4 or IPv6 network"}},
      {R"({"indexes": ["Actor", "All"]})", {"spec.indexes[1]", "All", "Actor", "Resource"}},
      {R"({"indexes": ["Actor", "Actor"]})", {"spec.indexes", "duplicate entries", "Actor"}},
      {R"({"log": {"witnesses": []}})", {"spec.log.witnesses", "at least 1"}},
      {R"({"log": {"witnesses": [{"url": "http://witness.example", "vkey":
       "w+00000000+BAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"}]}})",
       {"url of spec.log.witnesses is http://witness.example", "allowed: https://HOST"}},
      {R"({"log": {"witnesses": [{"url": "https://witness.example", "vkey":
       "w+00000000+AQAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"}]}})",
       {"vkey of spec.log.witnesses is w+00000000+AQ", "allowed: the verifier key of a witness"}},
      {R"({"retention": {"minDays": [{"category": "security", "days": 0}]}})",
       {"spec.retention.minDays[0].days", "greater than or equal to 1"}},
      {R"({"retention": {"minDays": [{"category": "security", "days": 2556}]}})",
       {"spec.retention.minDays[0].days", "less than or equal to 2555"}},
      {R"({"retention": {"minDays": [{"category": "a=b", "days": 1}]}})",
       {"category of spec.retention.minDays is a=b", "allowed: 1 to 50 letters, digits"}},
      {R"({"log": {"keySecretRef": {"name": "Not A Name"}}})",
       {"spec.log.keySecretRef.name", "name of the Secret is Not A Name"}},
      {R"({"log": {"keySecretRef": {}}})", {"spec.log.keySecretRef.name", "Required value"}},
      {R"({"rateLimit": {"burst": 5}})", {"spec.rateLimit.requestsPerSecond", "Required value"}},
      {R"({"rateLimit": {"requestsPerSecond": 0}})",
       {"spec.rateLimit.requestsPerSecond", "greater than or equal to 1"}},
      {R"({"rateLimit": {"requestsPerSecond": 5, "burst": 0}})",
       {"spec.rateLimit.burst", "greater than or equal to 1"}},
      {R"({"podMetadata": {"labels": {"app.kubernetes.io/name": "x"}}})",
       {"spec.podMetadata.labels", "app.kubernetes.io/"}},
      {R"({"podMetadata": {"annotations": {"storagepool.dev/postgres-hash": "x"}}})",
       {"spec.podMetadata.annotations", "storagepool.dev/"}},
      {R"({"imagePullPolicy": "Sometimes"})", {"spec.imagePullPolicy", "Sometimes", "IfNotPresent"}},
      {R"({"service": {"type": "ExternalName"}})", {"spec.service.type", "ExternalName", "ClusterIP"}},
  };
  return specs;
}

TEST_F(BadSpecIsRefused, NamingFieldAndRange) {
  for (const auto& bad : bad_specs()) {
    SCOPED_TRACE(bad.spec);
    const Result result = try_apply(pool("audit", 1, {{"spec", json::parse(bad.spec)}}));
    EXPECT_NE(result.exit_code, 0);
    EXPECT_FALSE(result.timed_out);
    for (const auto& message : bad.messages) EXPECT_THAT(result.err, HasSubstr(message));
  }
  EXPECT_TRUE(list("storagepools", "").empty());
}

TEST_F(BadSpecIsRefused, NamesThatPodsCannotHave) {
  const Result too_long = try_apply(pool(std::string(53, 'a'), 1));
  EXPECT_THAT(too_long.err, HasSubstr("allowed: 1 to 52 characters"));
  const Result dotted = try_apply(pool("audit.one", 1));
  EXPECT_THAT(dotted.err, HasSubstr("metadata.name is audit.one; allowed: lower case letters, digits and -"));
  const Result anothers = try_apply(pool("audit-pods", 1));
  EXPECT_THAT(anothers.err, HasSubstr("metadata.name is audit-pods; allowed: a name that does not end with"));
}

TEST_F(BadSpecIsRefused, ButNotASizeInAUsualForm) {
  for (const auto* size : {"0", "16Mi", "20M", "1.5Gi", "1Ti"}) {
    const json journal{{"size", size}, {"persistence", "Ephemeral"}};
    const Result result = try_apply(pool("audit", 0, {{"spec", {{"journal", journal}}}}));
    EXPECT_TRUE(result.ok()) << size << ": " << result.err;
  }
}

TEST_F(BadSpecIsRefused, AlsoAsAChange) {
  apply(pool("audit", 0));
  const Result patched = kubectl({"-n", name_space(), "patch", "storagepool", "audit", "--type=merge", "-p",
                                  R"({"spec":{"pool":{"maxIdleConns":99}}})"});
  EXPECT_THAT(patched.err, HasSubstr("spec.pool.maxIdleConns is above maxOpenConns"));
  for (const auto& [change, message] :
       {std::pair{R"({"persistence":"Ephemeral"})",
                  "spec.journal.persistence is Ephemeral and was PersistentVolume"},
        std::pair{R"({"size":"2Gi"})", "spec.journal.size is 2Gi and was 1Gi"},
        std::pair{R"({"storageClassName":"fast"})", "spec.journal.storageClassName cannot be added"}}) {
    const Result changed = kubectl({"-n", name_space(), "patch", "storagepool", "audit", "--type=merge", "-p",
                                    R"({"spec":{"journal":)" + std::string(change) + "}}"});
    EXPECT_THAT(changed.err, HasSubstr(message));
  }
  const Result scaled = kubectl({"-n", name_space(), "scale", "storagepool/audit", "--replicas=2000"});
  EXPECT_THAT(scaled.err, HasSubstr("less than or equal to 1000"));
}

}  // namespace
}  // namespace storagepool::e2e
