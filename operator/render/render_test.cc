#include "operator/render/render.h"

#include <algorithm>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace storagepool::render {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::Not;

const Identity kPool{.name_space = "team", .name = "audit", .uid = "u-1"};

Spec spec_with(const Json& overrides = Json::object()) {
  Json object{
      {"metadata", {{"name", "audit"}}},
      {"spec",
       {{"postgres",
         {{"host", "db.example"}, {"database", "audit"}, {"credentialsSecretRef", {{"name", "creds"}}}}}}}};
  object["spec"].merge_patch(overrides);
  const auto spec = parse_spec(object);
  EXPECT_TRUE(spec);
  return *spec;
}

Json pods(const Json& overrides = Json::object()) {
  return stateful_set(kPool, spec_with(overrides), {.replicas = 3, .peak_pods = 5, .default_image = "img:1"});
}
Json container_of(const Json& set) {
  return set["spec"]["template"]["spec"]["containers"][0];
}
Json volumes_of(const Json& set) {
  return set["spec"]["template"]["spec"]["volumes"];
}
bool contains(const Json& list, const Json& item) {
  return std::find(list.begin(), list.end(), item) != list.end();
}

TEST(Render, EverythingIsOwnedAndLabelled) {
  const Spec spec = spec_with();
  for (const Json& object :
       {service_account(kPool), config_map(kPool, {}), service(kPool, spec), pods_service(kPool),
        pod_disruption_budget(kPool, true), stateful_set(kPool, spec, {})}) {
    const Json& metadata = object["metadata"];
    EXPECT_EQ(metadata["namespace"], "team");
    EXPECT_EQ(metadata["labels"]["app.kubernetes.io/managed-by"], "storagepool-operator");
    EXPECT_EQ(metadata["labels"]["app.kubernetes.io/instance"], "audit");
    ASSERT_EQ(metadata["ownerReferences"].size(), 1U);
    EXPECT_EQ(metadata["ownerReferences"][0]["uid"], "u-1");
    EXPECT_EQ(metadata["ownerReferences"][0]["controller"], true);
    EXPECT_EQ(metadata["ownerReferences"][0]["blockOwnerDeletion"], true);
  }
}

TEST(Render, ConfigMapSaysWhoseRequestsAPodTakes) {
  ConfigMapInput input;
  input.operator_key = "k4.public.x";
  EXPECT_EQ(config_map(kPool, input)["data"]["operator-keys"], "k4.public.x\n");
}

TEST(Render, ConfigMapIsWhatAPodReads) {
  const Spec spec = spec_with();
  const settings::Settings granted = settings::with_limit(spec.pool, 9);
  const Json object =
      config_map(kPool, {.generation = 7, .settings = granted, .ceiling = 25, .postgres = spec.postgres});
  EXPECT_EQ(object["metadata"]["name"], "audit-config");
  EXPECT_EQ(object["metadata"]["annotations"]["storagepool.dev/limit-ceiling"], "25");
  const auto config = settings::parse_config(object["data"]["config.yaml"].get<std::string>());
  ASSERT_TRUE(config);
  EXPECT_EQ(config->generation, 7);
  EXPECT_EQ(config->postgres, spec.postgres);
  const auto resolved = settings::resolve(config->pool);
  ASSERT_TRUE(resolved);
  EXPECT_EQ(*resolved, granted);
}

TEST(Render, ServicesReachThePods) {
  const Json api =
      service(kPool, spec_with({{"service", {{"type", "NodePort"}, {"annotations", {{"a", "b"}}}}}}));
  EXPECT_EQ(api["spec"]["type"], "NodePort");
  EXPECT_EQ(api["metadata"]["annotations"]["a"], "b");
  EXPECT_EQ(api["spec"]["ports"][0]["port"], 8080);
  EXPECT_EQ(api["spec"]["ports"].size(), 1U);
  const Json headless = pods_service(kPool);
  EXPECT_EQ(headless["metadata"]["name"], "audit-pods");
  EXPECT_EQ(headless["spec"]["clusterIP"], "None");
  EXPECT_EQ(headless["spec"]["publishNotReadyAddresses"], true);
  EXPECT_EQ(headless["spec"]["ports"].size(), 4U);
  const Json labels = pods()["spec"]["template"]["metadata"]["labels"];
  for (const auto& [key, value] : api["spec"]["selector"].items()) EXPECT_EQ(labels[key], value);
  EXPECT_EQ(pod_selector("audit"), "app.kubernetes.io/name=storagepool,app.kubernetes.io/instance=audit");
}

TEST(Render, StatefulSetMeetsTheRestrictedPodSecurityStandard) {
  const Json set = pods();
  const Json pod = set["spec"]["template"]["spec"];
  EXPECT_EQ(pod["securityContext"]["runAsNonRoot"], true);
  EXPECT_EQ(pod["securityContext"]["runAsUser"], 65532);
  EXPECT_EQ(pod["securityContext"]["seccompProfile"]["type"], "RuntimeDefault");
  EXPECT_EQ(pod["automountServiceAccountToken"], false);
  const Json security = container_of(set)["securityContext"];
  EXPECT_EQ(security["allowPrivilegeEscalation"], false);
  EXPECT_EQ(security["readOnlyRootFilesystem"], true);
  EXPECT_EQ(security["capabilities"]["drop"], Json::array({"ALL"}));
}

TEST(Render, StatefulSetMountsWhatThePodNeeds) {
  const Json set = pods();
  EXPECT_EQ(set["spec"]["replicas"], 3);
  EXPECT_EQ(set["spec"]["serviceName"], "audit-pods");
  EXPECT_EQ(set["spec"]["podManagementPolicy"], "Parallel");
  EXPECT_EQ(set["metadata"]["annotations"]["storagepool.dev/peak-pods"], "5");
  EXPECT_EQ(container_of(set)["image"], "img:1");
  EXPECT_EQ(container_of(set)["command"], Json::array({"/usr/bin/datastorage"}));
  const std::string text = set.dump();
  EXPECT_THAT(text, HasSubstr(R"("secretName":"creds")"));
  EXPECT_THAT(text, HasSubstr(R"("name":"audit-config")"));
  EXPECT_THAT(text, Not(HasSubstr("ca.crt")));
  EXPECT_EQ(container_of(set)["readinessProbe"]["httpGet"]["path"], "/readyz");
  EXPECT_EQ(container_of(set)["livenessProbe"]["httpGet"]["path"], "/livez");
}

TEST(Render, VerifiedServersBringTheirCertificateAuthority) {
  const Json set = pods({{"postgres", {{"sslMode", "verify-full"}, {"caSecretRef", {{"name", "pg-ca"}}}}}});
  EXPECT_THAT(set.dump(), HasSubstr(R"("secretName":"pg-ca")"));
  EXPECT_THAT(container_of(set)["args"].dump(), HasSubstr("--ca-file=/etc/storagepool/ca/ca.crt"));
}

TEST(Render, ClientsAreAskedForWhatIsInTheSecret) {
  for (const std::string mode : {"Token", "Paseto"}) {
    const Json set = pods({{"auth", {{"mode", mode}, {"secretRef", {{"name", "clients"}}}}}});
    EXPECT_TRUE(contains(container_of(set)["args"], "--auth-mode=" + mode));
    EXPECT_TRUE(contains(container_of(set)["args"], "--auth-dir=/etc/storagepool/auth"));
    // The whole folder, optional, readable to the pod only: a changed Secret shows in the running pod.
    EXPECT_TRUE(contains(container_of(set)["volumeMounts"],
                         {{"name", "auth"}, {"mountPath", "/etc/storagepool/auth"}, {"readOnly", true}}));
    EXPECT_TRUE(
        contains(volumes_of(set),
                 {{"name", "auth"},
                  {"secret", {{"secretName", "clients"}, {"optional", true}, {"defaultMode", 0440}}}}));
  }
  EXPECT_THAT(pods({{"auth", {{"mode", "None"}}}}).dump(), Not(HasSubstr("auth")));
}

TEST(Render, ServiceAccountsAreAskedForByDefaultAndNamedInTheConfigMap) {
  EXPECT_TRUE(contains(container_of(pods())["args"], "--auth-mode=ServiceAccount"));
  EXPECT_EQ(pods({{"auth", {{"serviceAccounts", {{{"scopes", {"read"}}}}}}}}), pods())
      << "no pod is replaced for who may do what";
  ConfigMapInput input;
  input.access = "{}";
  EXPECT_EQ(config_map(kPool, input)["data"]["access.json"], "{}");
  input.access = "";
  EXPECT_FALSE(config_map(kPool, input)["data"].contains("access.json"));
}

TEST(Render, PasetoTokensAreAskedForTheirParties) {
  const Json set = pods({{"auth",
                          {{"mode", "Paseto"},
                           {"secretRef", {{"name", "keys"}}},
                           {"issuer", "https://i"},
                           {"audience", "audit"}}}});
  EXPECT_TRUE(contains(container_of(set)["args"], "--auth-issuer=https://i"));
  EXPECT_TRUE(contains(container_of(set)["args"], "--auth-audience=audit"));
}

Json ephemeral_pods(const Json& overrides = Json::object()) {
  Json all = overrides;
  all["journal"]["persistence"] = "Ephemeral";
  const Spec spec = spec_with(all);
  return stateful_set(
      kPool, spec, {.replicas = 3, .peak_pods = 5, .default_image = "img:1", .volumes = wants_volumes(spec)});
}

TEST(Render, JournalIsAsLargeAsAskedAndItsVolumeLarger) {
  const auto rendered = [](const char* size) {
    const Json set = ephemeral_pods({{"journal", {{"size", size}}}});
    return std::pair(container_of(set)["args"].back(), volumes_of(set)[3]["emptyDir"]["sizeLimit"]);
  };
  EXPECT_EQ(rendered("512Mi"), std::pair(Json("--journal-max-bytes=512Mi"), Json("1088Mi")));
  EXPECT_EQ(rendered("1.5G"), std::pair(Json("--journal-max-bytes=1500000000"), Json("3067108864")));
  EXPECT_EQ(rendered("0"), std::pair(Json("--journal-max-bytes=0"), Json("64Mi")));
  EXPECT_EQ(pods({{"journal", {{"size", "524288Ki"}}}}), pods({{"journal", {{"size", "512Mi"}}}}));
}

TEST(Render, TheKeyOfTheLogIsASecretOfItsOwnThatPodsMount) {
  const Json secret = log_key(kPool, "PRIVATE+KEY+x");
  EXPECT_EQ(secret["metadata"]["name"], log_key_name(kPool.name));
  EXPECT_EQ(secret["stringData"], (Json{{"key", "PRIVATE+KEY+x"}}));
  EXPECT_FALSE(secret["metadata"].contains("ownerReferences")) << "it outlives the StoragePool";
  const Json set = ephemeral_pods();
  const Json volume = volumes_of(set)[2]["secret"];
  EXPECT_EQ(volume["secretName"], log_key_name(kPool.name));
  EXPECT_EQ(volume["optional"], true) << "events are stored without it";
  EXPECT_TRUE(contains(container_of(set)["volumeMounts"],
                       {{"name", "log-key"}, {"mountPath", "/etc/storagepool/log"}, {"readOnly", true}}));
}

TEST(Render, TheKeyOfTheLogMayBeASecretOfTheUsers) {
  const Json set = pods({{"log", {{"keySecretRef", {{"name", "vaulted"}}}}}});
  EXPECT_EQ(volumes_of(set)[2]["secret"]["secretName"], "vaulted");
  EXPECT_EQ(volumes_of(set)[2]["secret"]["optional"], true) << "without it events are stored all the same";
  EXPECT_FALSE(set["metadata"]["annotations"].contains(kLogKeyAnnotation)) << "none was made";
}

TEST(Render, RateLimitIsOffUnlessAskedFor) {
  const auto arguments = [](const Json& overrides) { return container_of(pods(overrides))["args"].dump(); };
  EXPECT_THAT(arguments({{"rateLimit", {{"requestsPerSecond", 50}, {"burst", 7}}}}),
              HasSubstr(R"("--rate-limit=50","--rate-limit-burst=7")"));
  EXPECT_THAT(arguments({{"rateLimit", {{"requestsPerSecond", 50}, {"burst", 100}}}}),
              AllOf(HasSubstr(R"("--rate-limit=50")"), Not(HasSubstr("burst"))));
  EXPECT_THAT(arguments(Json::object()), Not(HasSubstr("rate-limit")));
}

TEST(Render, AJournalLiesOnAVolumeThatOutlivesItsPod) {
  const Json set = pods({{"journal", {{"size", "512Mi"}, {"storageClassName", "fast"}}}});
  ASSERT_EQ(set["spec"]["volumeClaimTemplates"].size(), 1U);
  const Json claim = set["spec"]["volumeClaimTemplates"][0];
  EXPECT_EQ(claim["metadata"]["name"], "state");
  EXPECT_EQ(claim["metadata"]["labels"]["app.kubernetes.io/managed-by"], "storagepool-operator");
  EXPECT_FALSE(claim["metadata"].contains("ownerReferences"));
  EXPECT_EQ(claim["spec"]["accessModes"], Json::array({"ReadWriteOnce"}));
  EXPECT_EQ(claim["spec"]["resources"]["requests"]["storage"], "1088Mi");
  EXPECT_EQ(claim["spec"]["storageClassName"], "fast");
  EXPECT_EQ(set["spec"]["persistentVolumeClaimRetentionPolicy"],
            Json({{"whenDeleted", "Retain"}, {"whenScaled", "Retain"}}));
  EXPECT_EQ(set["spec"]["template"]["spec"]["securityContext"]["fsGroup"], 65532);
  EXPECT_TRUE(contains(container_of(set)["volumeMounts"],
                       {{"name", "state"}, {"mountPath", "/var/lib/storagepool"}}));
  EXPECT_THAT(volumes_of(set).dump(), Not(HasSubstr("emptyDir")));
  EXPECT_FALSE(pods()["spec"]["volumeClaimTemplates"][0]["spec"].contains("storageClassName"));
  EXPECT_EQ(claim_name("audit", 2), "state-audit-2");
}

TEST(Render, VolumesAreMadeOnlyForAJournalThatWantsOne) {
  EXPECT_TRUE(wants_volumes(spec_with()));
  EXPECT_FALSE(wants_volumes(spec_with({{"journal", {{"persistence", "Ephemeral"}}}})));
  EXPECT_FALSE(wants_volumes(spec_with({{"journal", {{"size", "0"}}}})));
  const Json set = ephemeral_pods();
  EXPECT_FALSE(set["spec"].contains("volumeClaimTemplates"));
  EXPECT_TRUE(contains(volumes_of(set), {{"name", "state"}, {"emptyDir", Json::object()}}));
}

TEST(Render, APodHasTimeForItsDelayAndItsDrain) {
  const auto rendered = [](const char* delay) {
    const Json set = pods({{"drainDelay", delay}});
    return std::pair(container_of(set)["args"].back().get<std::string>(),
                     set["spec"]["template"]["spec"]["terminationGracePeriodSeconds"].get<int>());
  };
  EXPECT_EQ(rendered("5s"), std::pair(std::string("--auth-mode=ServiceAccount"), 35));
  EXPECT_EQ(rendered("0s"), std::pair(std::string("--drain-delay=0s"), 30));
  EXPECT_EQ(rendered("1500ms"), std::pair(std::string("--drain-delay=1s500ms"), 32));
  EXPECT_EQ(rendered("5m").second, 330);
}

TEST(Render, TlsIsForTheApiAlone) {
  const Json set = pods(
      {{"tls", {{"secretRef", {{"name", "certificate"}}}, {"clientCASecretRef", {{"name", "clients"}}}}}});
  const Json arguments = container_of(set)["args"];
  EXPECT_TRUE(contains(arguments, "--tls-dir=/etc/storagepool/tls"));
  EXPECT_TRUE(contains(arguments, "--tls-client-ca=/etc/storagepool/client-ca/ca.crt"));
  EXPECT_TRUE(
      contains(volumes_of(set),
               {{"name", "tls"},
                {"secret", {{"secretName", "certificate"}, {"optional", true}, {"defaultMode", 0440}}}}));
  EXPECT_TRUE(
      contains(volumes_of(set), {{"name", "client-ca"},
                                 {"secret",
                                  {{"secretName", "clients"},
                                   {"optional", true},
                                   {"defaultMode", 0440},
                                   {"items", Json::array({{{"key", "ca.crt"}, {"path", "ca.crt"}}})}}}}));
  for (const char* probe : {"startupProbe", "livenessProbe", "readinessProbe"}) {
    EXPECT_EQ(container_of(set)[probe]["httpGet"]["port"], "health");
    EXPECT_EQ(container_of(set)[probe]["httpGet"]["scheme"], "HTTP");
  }
  const auto port_of = [](const Spec& spec) { return service(kPool, spec)["spec"]["ports"][0]; };
  EXPECT_EQ(port_of(spec_with({{"tls", {{"secretRef", {{"name", "certificate"}}}}}}))["appProtocol"],
            "https");
  EXPECT_FALSE(port_of(spec_with()).contains("appProtocol"));
}

TEST(Render, ConnectionsAreKeptAsTheSpecSays) {
  const Json set = pods({{"http", {{"keepAliveTimeout", "620s"}, {"accessLog", "100"}}}});
  const Json arguments = container_of(set)["args"];
  EXPECT_TRUE(contains(arguments, "--keep-alive-timeout=10m20s"));
  EXPECT_TRUE(contains(arguments, "--access-log=100"));
}

TEST(Render, ThreadsForHttpAreAsTheSpecSaysElseThePodsGoByTheirLimit) {
  for (const char* threads : {"0", "4"}) {
    const Json set = pods({{"http", {{"threads", std::stoi(threads)}}}});
    EXPECT_TRUE(contains(container_of(set)["args"], "--http-threads=" + std::string(threads)));
  }
  EXPECT_THAT(container_of(pods({{"resources", {{"limits", {{"cpu", "3"}}}}}}))["args"].dump(),
              Not(HasSubstr("http-threads")));
}

TEST(Render, ProxiesAreTrustedAsTheSpecSays) {
  const Json set = pods(Json::parse(R"({"http": {"trustedProxies": ["10.0.0.0/8", "fd00::/8"]}})"));
  EXPECT_TRUE(contains(container_of(set)["args"], "--trusted-proxies=10.0.0.0/8,fd00::/8"));
  EXPECT_THAT(container_of(pods())["args"].dump(), Not(HasSubstr("trusted-proxies")));
}

TEST(Render, EventsAreIndexedAsTheSpecSays) {
  const Json both = pods(Json::parse(R"({"indexes": ["Resource", "Actor"]})"));
  EXPECT_TRUE(contains(container_of(both)["args"], "--indexes=Actor,Resource"));
  for (const Json& none : {pods(), pods(Json::parse(R"({"indexes": []})"))})
    EXPECT_THAT(container_of(none)["args"].dump(), Not(HasSubstr("--indexes")));
}

TEST(Render, EventsAreKeptAsTheSpecSays) {
  const Json set =
      pods({{"retention",
             {{"minDays",
               {{{"category", "security"}, {"days", 2555}}, {{"category", "gateway"}, {"days", 1}}}}}}});
  EXPECT_TRUE(contains(container_of(set)["args"], "--retention-min-days=gateway=1,security=2555"));
}

TEST(Render, EvictionsAreOneAtATimeOrNoneAtAll) {
  const Json usual = pod_disruption_budget(kPool, true)["spec"];
  EXPECT_EQ(usual["maxUnavailable"], 1);
  EXPECT_EQ(usual["unhealthyPodEvictionPolicy"], "AlwaysAllow");
  const Json none = pod_disruption_budget(kPool, false)["spec"];
  EXPECT_EQ(none["maxUnavailable"], 0);
  // A pod whose journal is full is not ready, and must not go either.
  EXPECT_EQ(none["unhealthyPodEvictionPolicy"], "IfHealthyBudget");
}

// Else all pods would be replaced when the operator or the CRD is.
TEST(Render, DefaultsOfTheServiceLeaveTheTemplateAsItWas) {
  const Json bare = pods();
  EXPECT_EQ(pods({{"journal", {{"size", "1Gi"}}},
                  {"auth", {{"mode", "ServiceAccount"}}},
                  {"http", {{"keepAliveTimeout", "75s"}, {"accessLog", "off"}}},
                  {"retention", Json::object()},
                  {"drainDelay", "5s"}}),
            bare);
  EXPECT_EQ(
      container_of(bare)["env"],
      Json::array({{{"name", "POD_NAME"}, {"valueFrom", {{"fieldRef", {{"fieldPath", "metadata.name"}}}}}},
                   {{"name", "POD_UID"}, {"valueFrom", {{"fieldRef", {{"fieldPath", "metadata.uid"}}}}}}}));
  EXPECT_EQ(container_of(bare)["args"],
            Json::array({"--config=/etc/storagepool/config/config.yaml",
                         "--credentials-dir=/etc/storagepool/credentials",
                         "--operator-keys=/etc/storagepool/config/operator-keys", "--pod-uid=$(POD_UID)",
                         "--session-name=$(POD_NAME).u-1", "--state-dir=/var/lib/storagepool",
                         "--auth-mode=ServiceAccount"}));
  EXPECT_EQ(volumes_of(bare).size(), 3U);
}

TEST(Render, EveryFieldOfTheSpecReachesThePods) {
  const Json overrides = Json::parse(R"({
    "image": "other:2", "imagePullPolicy": "Always", "resources": {"limits": {"memory": "64Mi"}},
    "nodeSelector": {"disk": "ssd"}, "tolerations": [{"operator": "Exists"}],
    "affinity": {"nodeAffinity": {}}, "topologySpreadConstraints": [{"maxSkew": 1}],
    "podMetadata": {"labels": {"team": "x", "app.kubernetes.io/name": "stolen"}, "annotations": {"note": "y"}}})");
  const Json set = pods(overrides);
  const Json pod = set["spec"]["template"]["spec"];
  EXPECT_EQ(container_of(set)["image"], "other:2");
  EXPECT_EQ(container_of(set)["imagePullPolicy"], "Always");
  EXPECT_EQ(container_of(set)["resources"], overrides["resources"]);
  for (const char* key : {"nodeSelector", "tolerations", "affinity", "topologySpreadConstraints"}) {
    EXPECT_EQ(pod[key], overrides[key]);
  }
  const Json metadata = set["spec"]["template"]["metadata"];
  EXPECT_EQ(metadata["labels"]["team"], "x");
  EXPECT_EQ(metadata["labels"]["app.kubernetes.io/name"], "storagepool");
  EXPECT_EQ(metadata["annotations"]["note"], "y");
}

TEST(Render, PoolSettingsAndTheServersPlaceNeverRollThePodsButTheDatabaseDoes) {
  const auto template_of = [](const Json& overrides) { return pods(overrides)["spec"]["template"]; };
  const Json before = template_of(Json::object());
  EXPECT_EQ(template_of({{"pool", {{"profile", "High"}, {"acquireTimeout", "1s"}}}}), before);
  EXPECT_EQ(template_of({{"postgres", {{"reserve", 20}}}}), before);
  EXPECT_EQ(template_of({{"budget", {{"policy", "Strict"}}}}), before);
  for (const Json& change : {Json{{"host", "db2"}}, Json{{"port", 5433}}, Json{{"sslMode", "disable"}}}) {
    EXPECT_EQ(template_of({{"postgres", change}}), before) << change;
  }
  for (const Json& change : {Json{{"database", "b"}}, Json{{"credentialsSecretRef", {{"name", "c2"}}}}}) {
    EXPECT_NE(template_of({{"postgres", change}}), before) << change;
  }
}

}  // namespace
}  // namespace storagepool::render
