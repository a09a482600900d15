#include "operator/render/storage_pool.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace storagepool::render {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

Json minimal() {
  return Json::parse(R"({
    "metadata": {"name": "audit", "namespace": "team", "uid": "u-1"},
    "spec": {"postgres": {"host": "db.example", "database": "audit", "credentialsSecretRef": {"name": "creds"}}}})");
}

std::string only_problem(const Json& object) {
  const auto spec = parse_spec(object);
  if (spec) return "accepted";
  EXPECT_EQ(spec.error().size(), 1U);
  return spec.error().front();
}

TEST(ParseSpec, FillsInDefaults) {
  const auto spec = parse_spec(minimal());
  ASSERT_TRUE(spec);
  EXPECT_EQ(spec->postgres.port, 5432);
  EXPECT_EQ(spec->postgres.ssl_mode, settings::SslMode::kRequire);
  EXPECT_EQ(spec->sizing.replicas, 1);
  EXPECT_EQ(spec->sizing.reserve, 10);
  EXPECT_EQ(spec->sizing.max_open_conns, 25);
  EXPECT_EQ(spec->sizing.policy, sizing::Policy::kFit);
  EXPECT_EQ(spec->credentials_secret, "creds");
  EXPECT_EQ(spec->image_pull_policy, "IfNotPresent");
  EXPECT_EQ(spec->journal_bytes, 1 << 30);
  EXPECT_TRUE(spec->journal_is_persistent);
  EXPECT_EQ(spec->storage_class, "");
  EXPECT_EQ(spec->keep_alive_timeout, std::chrono::seconds{75});
  EXPECT_EQ(spec->drain_delay, std::chrono::seconds{5});
  EXPECT_EQ(spec->auth_mode, "ServiceAccount");
  EXPECT_EQ(spec->auth_secret, "");
  EXPECT_EQ(spec->requests_per_second, 0);
}

TEST(ParseSpec, ReadsEverySetting) {
  Json object = minimal();
  object["spec"]["pool"] = {
      {"maxOpenConns", 30},       {"maxIdleConns", 7},        {"connMaxLifetime", "1m"},
      {"connMaxIdleTime", "0"},   {"surplusIdleTime", "0"},   {"acquireTimeout", "2s"},
      {"maxWaiters", 9},          {"connectTimeout", "1s"},   {"statementCacheSize", 11},
      {"statementTimeout", "3s"}, {"lockTimeout", "250ms"},   {"validateAfterIdle", "4s"},
      {"stallAfter", "2s"},       {"synchronousCommit", "on"}};
  const auto spec = parse_spec(object);
  ASSERT_TRUE(spec);
  const settings::Given expected{
      {"maxOpenConns", 30},       {"maxIdleConns", 7},      {"connMaxLifetime", 60'000},
      {"connMaxIdleTime", 0},     {"surplusIdleTime", 0},   {"acquireTimeout", 2000},
      {"maxWaiters", 9},          {"connectTimeout", 1000}, {"statementCacheSize", 11},
      {"statementTimeout", 3000}, {"lockTimeout", 250},     {"validateAfterIdle", 4000},
      {"stallAfter", 2000},       {"synchronousCommit", 3}};
  EXPECT_EQ(spec->pool, expected);
}

TEST(ParseSpec, ReadsWhatLimitsAreSizedFor) {
  EXPECT_FALSE(parse_spec(minimal())->sizing.size_for_maximum);
  Json object = minimal();
  for (const bool maximum : {false, true}) {
    object["spec"]["budget"]["sizeFor"] = maximum ? "Maximum" : "Current";
    const auto spec = parse_spec(object);
    ASSERT_TRUE(spec);
    EXPECT_EQ(spec->sizing.size_for_maximum, maximum);
  }
}

TEST(ParseSpec, ReadsWhetherItIsPaused) {
  EXPECT_FALSE(parse_spec(minimal())->sizing.paused);
  Json object = minimal();
  for (const bool paused : {false, true}) {
    object["spec"]["paused"] = paused;
    const auto spec = parse_spec(object);
    ASSERT_TRUE(spec);
    EXPECT_EQ(spec->sizing.paused, paused);
  }
}

TEST(ParseSpec, ProfilesAreTiers) {
  for (const auto& [name, open, idle] :
       {std::tuple{"Low", 25, 5}, std::tuple{"Medium", 50, 10}, std::tuple{"High", 100, 25}}) {
    Json object = minimal();
    object["spec"]["pool"]["profile"] = name;
    const auto spec = parse_spec(object);
    ASSERT_TRUE(spec);
    EXPECT_EQ(spec->pool.at("maxOpenConns"), open);
    EXPECT_EQ(spec->pool.at("maxIdleConns"), idle);
    EXPECT_EQ(spec->sizing.max_open_conns, open);
  }
}

TEST(ParseSpec, ReadsWhatTheServiceIsTold) {
  Json object = minimal();
  object["spec"]["journal"] = {{"size", "1.5Gi"}, {"storageClassName", "fast"}};
  object["spec"]["tls"] = {{"secretRef", {{"name", "certificate"}}},
                           {"clientCASecretRef", {{"name", "clients"}}}};
  object["spec"]["log"]["keySecretRef"]["name"] = "vaulted";
  object["spec"]["http"]["accessLog"] = "errors";
  object["spec"]["http"]["keepAliveTimeout"] = "620s";
  object["spec"]["http"]["threads"] = 3;
  object["spec"]["http"]["trustedProxies"] = {"10.0.0.0/8", "2001:db8::/32"};
  object["spec"]["indexes"] = {"Resource", "Actor"};
  object["spec"]["drainDelay"] = "1500ms";
  object["spec"]["auth"] = {{"mode", "Paseto"}, {"secretRef", {{"name", "keys"}}}};
  object["spec"]["rateLimit"] = {{"requestsPerSecond", 50}, {"burst", 7}};
  object["spec"]["retention"]["minDays"] =
      Json::array({{{"category", "security"}, {"days", 2555}}, {{"category", "gateway"}, {"days", 1}}});
  const auto spec = parse_spec(object);
  ASSERT_TRUE(spec);
  EXPECT_EQ(spec->min_days, (settings::MinDays{{"gateway", 1}, {"security", 2555}}));
  EXPECT_EQ(spec->journal_bytes, 3 << 29);
  EXPECT_EQ(spec->log_key_secret, "vaulted");
  EXPECT_EQ(spec->storage_class, "fast");
  EXPECT_EQ(spec->access_log, "errors");
  EXPECT_EQ(spec->indexes, (settings::EventIndexes{"Actor", "Resource"}));
  EXPECT_THAT(spec->trusted_proxies, ElementsAre("10.0.0.0/8", "2001:db8::/32"));
  EXPECT_EQ(spec->tls_secret, "certificate");
  EXPECT_EQ(spec->client_ca_secret, "clients");
  EXPECT_EQ(spec->keep_alive_timeout, std::chrono::seconds{620});
  EXPECT_EQ(spec->http_threads, 3);
  EXPECT_EQ(spec->drain_delay, std::chrono::milliseconds{1500});
  EXPECT_EQ(spec->auth_mode, "Paseto");
  EXPECT_EQ(spec->auth_secret, "keys");
  EXPECT_EQ(spec->requests_per_second, 50);
  EXPECT_EQ(spec->request_burst, 7);
  for (const auto& [size, bytes] :
       {std::pair{"0", std::int64_t{0}}, std::pair{"16Mi", std::int64_t{16} << 20},
        std::pair{"20M", std::int64_t{20'000'000}}, std::pair{"1Ti", std::int64_t{1} << 40}}) {
    object["spec"]["journal"]["size"] = size;
    const auto sized = parse_spec(object);
    ASSERT_TRUE(sized) << size;
    EXPECT_EQ(sized->journal_bytes, bytes);
  }
}

TEST(ParseSpec, RefusesWhatTheServiceWouldRefuse) {
  const auto with = [](const char* field, const char* value) {
    Json object = minimal();
    object["spec"][field] = Json::parse(value);
    return only_problem(object);
  };
  for (const auto& [size, shown] :
       {std::pair{R"("1Mi")", "1Mi"}, std::pair{R"("1.1Ti")", "1.1Ti"}, std::pair{R"("-1Gi")", "-1Gi"},
        std::pair{R"("lots")", "lots"}, std::pair{"1073741824", "1073741824"}}) {
    EXPECT_EQ(with("journal", (R"({"size": )" + std::string(size) + "}").c_str()),
              "spec.journal.size is " + std::string(shown) +
                  "; allowed: 0 (no journal) or a size from 16Mi to 1Ti");
  }
  EXPECT_EQ(with("journal", R"({"persistence": "Maybe"})"),
            "spec.journal.persistence is Maybe; allowed: PersistentVolume, Ephemeral");
  EXPECT_EQ(with("journal", R"({"persistence": "Ephemeral", "storageClassName": "fast"})"),
            "spec.journal.storageClassName is fast; allowed: with persistence PersistentVolume");
  for (const auto& [delay, shown] :
       {std::pair{R"("6m")", "6m"}, std::pair{R"("soon")", "soon"}, std::pair{"5", "5"}}) {
    EXPECT_EQ(with("drainDelay", delay),
              "spec.drainDelay is " + std::string(shown) + "; allowed: a duration from 0s to 5m");
  }
  for (const auto& [kept, shown] :
       {std::pair{R"("999ms")", "999ms"}, std::pair{R"("2h")", "2h"}, std::pair{"75", "75"}}) {
    EXPECT_EQ(with("http", (R"({"keepAliveTimeout": )" + std::string(kept) + "}").c_str()),
              "spec.http.keepAliveTimeout is " + std::string(shown) + "; allowed: a duration from 1s to 1h");
  }
  for (const char* threads : {"-1", "5"}) {
    EXPECT_EQ(with("http", (R"({"threads": )" + std::string(threads) + "}").c_str()),
              "spec.http.threads is " + std::string(threads) + "; allowed: a whole number from 0 to 4");
  }
  EXPECT_EQ(with("http", R"({"accessLog": "all"})"),
            "spec.http.accessLog is all; allowed: off, errors or a whole number from 1 to 1000000");
  EXPECT_EQ(with("http", R"({"trustedProxies": ["10.0.0.0/8", "10.0.0.1"]})"),
            "spec.http.trustedProxies[1] is 10.0.0.1; allowed: an IPv4 or IPv6 network with the bits of its "
            "prefix such as 10.0.0.0/8, 192.0.2.7/32, fd00::/8");
  EXPECT_THAT(with("http", R"({"trustedProxies": [8]})"),
              HasSubstr("spec.http.trustedProxies[0] is 8; allowed"));
  EXPECT_EQ(with("indexes", R"(["Actor", "All"])"), "spec.indexes[1] is All; allowed: Actor, Resource");
  EXPECT_EQ(with("indexes", R"(["Actor", "Actor"])"), "spec.indexes[1] is Actor; allowed: each once");
  EXPECT_EQ(with("indexes", R"("Actor")"), "spec.indexes is Actor; allowed: a list of Actor and Resource");
  EXPECT_EQ(with("http", R"({"trustedProxies": []})"),
            "spec.http.trustedProxies is []; allowed: a list of 1 to 64 networks");
  for (const auto& [days, shown] :
       {std::pair{"0", "0"}, std::pair{"2556", "2556"}, std::pair{R"("9")", "9"}}) {
    const std::string entry = R"({"minDays": [{"category": "a", "days": )" + std::string(days) + "}]}";
    EXPECT_EQ(with("retention", entry.c_str()), "spec.retention.minDays[0].days is " + std::string(shown) +
                                                    "; allowed: a whole number from 1 to 2555");
  }
  EXPECT_EQ(with("retention", R"({"minDays": [{"category": "a"}]})"),
            "spec.retention.minDays[0].days is missing; allowed: a whole number from 1 to 2555");
  EXPECT_EQ(with("retention", R"({"minDays": [{"category": "a,b", "days": 1}]})"),
            "spec.retention.minDays[0].category is a,b; allowed: 1 to 50 letters, digits and _ . : / -");
  EXPECT_EQ(with("retention", R"({"minDays": [{"category": "a", "days": 1}, {"category": "a", "days": 2}]})"),
            "spec.retention.minDays[1].category is a; allowed: each category once");
  EXPECT_EQ(with("retention", R"({"minDays": []})"),
            "spec.retention.minDays is []; allowed: a list of 1 to 64 entries");
  EXPECT_EQ(with("tls", R"({"clientCASecretRef": {"name": "clients"}})"),
            "spec.tls.secretRef is missing; allowed: the name of a Secret, with clientCASecretRef");
  EXPECT_THAT(with("log", R"({"keySecretRef": {"name": "../x"}})"),
              HasSubstr("spec.log.keySecretRef.name is ../x"));
  EXPECT_THAT(with("log", R"({"keySecretRef": {}})"), HasSubstr("spec.log.keySecretRef.name is missing"));
  EXPECT_THAT(with("tls", R"({"secretRef": {"name": "../x"}})"),
              HasSubstr("spec.tls.secretRef.name is ../x"));
  EXPECT_EQ(with("auth", R"({"mode": "Token"})"),
            "spec.auth.secretRef is missing; allowed: the name of a Secret, which mode Token needs");
  EXPECT_THAT(with("auth", R"({"mode": "Token", "secretRef": {"name": "../x"}})"),
              HasSubstr("spec.auth.secretRef.name is ../x"));
  EXPECT_EQ(with("rateLimit", "{}"),
            "spec.rateLimit.requestsPerSecond is missing; allowed: a whole number from 1 to 1000000");
  EXPECT_THAT(with("rateLimit", R"({"requestsPerSecond": 0})"),
              HasSubstr("spec.rateLimit.requestsPerSecond is 0; allowed: a whole number from 1"));
  EXPECT_THAT(with("rateLimit", R"({"requestsPerSecond": 5, "burst": 0})"),
              HasSubstr("spec.rateLimit.burst is 0; allowed: a whole number from 1 to 1000000"));
}

TEST(ParseSpec, RefusesNamingFieldValueAndRange) {
  const auto with = [](const char* pointer, const Json& value) {
    Json object = minimal();
    object[Json::json_pointer(pointer)] = value;
    return only_problem(object);
  };
  EXPECT_EQ(with("/spec/replicas", 1001), "spec.replicas is 1001; allowed: a whole number from 0 to 1000");
  EXPECT_EQ(with("/spec/replicas", "x"), "spec.replicas is x; allowed: a whole number from 0 to 1000");
  EXPECT_EQ(with("/spec/postgres/port", 0),
            "spec.postgres.port is 0; allowed: a whole number from 1 to 65535");
  EXPECT_EQ(with("/spec/postgres/host", "a b"),
            "spec.postgres.host is a b; allowed: a DNS name or an IP address");
  EXPECT_EQ(with("/spec/postgres/host", nullptr),
            "spec.postgres.host is missing; allowed: a DNS name or an IP address");
  EXPECT_EQ(with("/spec/postgres/sslMode", "prefer"),
            "spec.postgres.sslMode is prefer; allowed: require, disable, verify-ca, verify-full");
  EXPECT_THAT(with("/spec/postgres/sslMode", "verify-ca"), HasSubstr("spec.postgres.caSecretRef is missing"));
  EXPECT_THAT(with("/spec/postgres/caSecretRef", {{"name", "ca"}}),
              HasSubstr("spec.postgres.sslMode is require"));
  EXPECT_THAT(with("/spec/postgres/credentialsSecretRef/name", "../x"),
              HasSubstr("spec.postgres.credentialsSecretRef.name is ../x"));
  EXPECT_THAT(with("/spec/pool/maxOpenConns", 0), HasSubstr("spec.pool.maxOpenConns is 0; allowed: "));
  EXPECT_THAT(with("/spec/pool/maxIdleConns", 26), HasSubstr("maxIdleConns"));
  EXPECT_THAT(with("/spec/pool/connMaxLifetime", "10ms"),
              HasSubstr("spec.pool.connMaxLifetime is 10ms; allowed: 0 (off)"));
  EXPECT_THAT(with("/spec/pool/acquireTimeout", 5), HasSubstr("spec.pool.acquireTimeout is 5; allowed: "));
  EXPECT_THAT(with("/spec/pool", {{"profile", "Low"}, {"maxOpenConns", 3}}),
              HasSubstr("spec.pool.profile is Low"));
  for (const int weight : {0, 101}) {
    EXPECT_THAT(with("/spec/budget/weight", weight),
                HasSubstr("spec.budget.weight is " + std::to_string(weight) +
                          "; allowed: a whole number from 1 to 100"));
  }
  EXPECT_EQ(with("/spec/paused", "yes"), "spec.paused is yes; allowed: true or false");
  EXPECT_EQ(with("/spec/budget/sizeFor", "Peak"), "spec.budget.sizeFor is Peak; allowed: Current, Maximum");
  EXPECT_THAT(with("/spec/budget/minConnsPerPod", 26),
              HasSubstr("spec.budget.minConnsPerPod is 26; allowed: a whole number from 1 to 25"));
  EXPECT_THAT(with("/spec/budget/maxConnections", 0), HasSubstr("spec.budget.maxConnections is 0"));
  EXPECT_THAT(with("/spec/affinity", "x"), HasSubstr("spec.affinity is x"));
  EXPECT_THAT(with("/metadata/name", std::string(53, 'a')), HasSubstr("metadata.name is "));
}

TEST(ParseSpec, SurvivesAnyShape) {
  for (const char* text :
       {R"({})", R"({"spec": 3})", R"({"spec": {"postgres": [1]}})", R"({"metadata": 4, "spec": null})",
        R"({"metadata":{"name":"a"},"spec":{"postgres":{"host":{"x":1}},"pool":"x","budget":7,
            "journal":1,"auth":[],"rateLimit":"x"}})"}) {
    EXPECT_FALSE(parse_spec(Json::parse(text))) << text;
  }
}

TEST(ParseSpec, ReportsEveryProblem) {
  Json object = minimal();
  object["spec"]["replicas"] = -1;
  object["spec"]["pool"]["maxWaiters"] = -1;
  const auto spec = parse_spec(object);
  ASSERT_FALSE(spec);
  EXPECT_THAT(spec.error(), ElementsAre(HasSubstr("spec.replicas"), HasSubstr("spec.pool.maxWaiters")));
}

TEST(Names, OfTheServerAreComparable) {
  EXPECT_EQ(settings::server_of({.host = "DB.Example.", .port = 5432, .database = "a"}), "db.example:5432");
  EXPECT_EQ(settings::target_of({.host = "db", .port = 1, .database = "A"}), "db:1/A");
}

TEST(Finalizer, IsFound) {
  EXPECT_FALSE(has_finalizer(minimal()));
  EXPECT_TRUE(has_finalizer(Json::parse(R"({"metadata": {"finalizers": ["x", "storagepool.dev/drain"]}})")));
}

}  // namespace
}  // namespace storagepool::render
