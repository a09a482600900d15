// The CRD's schema says of each pool setting what the settings table says: default, range, type. What the CRD
// leaves out is left out on purpose and named here.
#include <algorithm>
#include <map>
#include <set>
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <yaml-cpp/yaml.h>

#include "operator/render/log_witnesses.h"
#include "operator/render/storage_pool.h"
#include "pool/common/settings/bytes.h"
#include "pool/common/settings/duration.h"
#include "pool/common/settings/networks.h"
#include "pool/common/settings/service_limits.h"
#include "pool/common/settings/settings.h"

namespace storagepool::render {
namespace {

using testing::ElementsAreArray;
using testing::HasSubstr;

class Schema : public testing::Test {
 protected:
  YAML::Node crd_ = YAML::LoadFile(STORAGEPOOL_CRD);
  YAML::Node version() const { return crd_["spec"]["versions"][0]; }
  YAML::Node spec() const {
    return version()["schema"]["openAPIV3Schema"]["properties"]["spec"]["properties"];
  }
  YAML::Node pool() const { return spec()["pool"]["properties"]; }
};

const std::set<std::string, std::less<>> kNotAsked{"maxConnsPerDatabase", "systemConns"};
// Their defaults follow from `profile` and from each other.
const std::set<std::string, std::less<>> kDefaultDerived{"maxOpenConns", "maxIdleConns"};

TEST_F(Schema, HasEverySettingAndNoOther) {
  std::set<std::string> expected{"profile"};
  for (const settings::Setting& setting : settings::table()) {
    if (!kNotAsked.contains(setting.key)) expected.emplace(setting.key);
  }
  std::set<std::string> actual;
  for (const auto& property : pool()) actual.insert(property.first.as<std::string>());
  EXPECT_EQ(actual, expected);
}

TEST_F(Schema, DefaultsAndRangesAreTheTables) {
  for (const settings::Setting& setting : settings::table()) {
    if (kNotAsked.contains(setting.key)) continue;
    const std::string key(setting.key);
    const YAML::Node property = pool()[key];
    SCOPED_TRACE(key);
    if (!kDefaultDerived.contains(key)) {
      EXPECT_EQ(settings::parse_value(setting, property["default"].as<std::string>()), setting.default_value);
    } else {
      EXPECT_FALSE(property["default"]);
    }
    if (setting.kind == settings::Kind::kCount) {
      EXPECT_EQ(property["type"].as<std::string>(), "integer");
      EXPECT_EQ(property["minimum"].as<std::int64_t>(), setting.minimum);
      EXPECT_EQ(property["maximum"].as<std::int64_t>(), setting.maximum);
      continue;
    }
    EXPECT_EQ(property["type"].as<std::string>(), "string");
    if (setting.kind == settings::Kind::kChoice) {
      const auto choices = property["enum"].as<std::vector<std::string>>();
      EXPECT_TRUE(std::ranges::equal(choices, setting.choices));
      continue;
    }
    const std::string rule = property["x-kubernetes-validations"][0]["rule"].as<std::string>();
    const std::string message =
        property["x-kubernetes-validations"][0]["messageExpression"].as<std::string>();
    EXPECT_THAT(message, HasSubstr("spec.pool." + key));
    if (setting.minimum > 0) {
      const std::string least = settings::format_value(setting, setting.minimum);
      EXPECT_THAT(rule, HasSubstr("duration(self) >= duration('" + least + "')"));
      EXPECT_THAT(message, HasSubstr("at least " + least));
    } else {
      EXPECT_EQ(rule.find(">="), std::string::npos);
    }
    constexpr std::int64_t kCenturies = 3'000'000'000'000;
    if (setting.maximum < kCenturies) {
      const std::string most = settings::format_value(setting, setting.maximum);
      EXPECT_THAT(rule, HasSubstr("duration(self) <= duration('" + most + "')"));
      EXPECT_THAT(message, HasSubstr("at most " + most));
    }
    if (setting.zero_allowed && setting.minimum > 0) {
      EXPECT_THAT(rule, HasSubstr("duration(self) == duration('0s')"));
    }
  }
}

TEST_F(Schema, TheServicesRangesAreThoseOfTheSettings) {
  const YAML::Node size = spec()["journal"]["properties"]["size"]["x-kubernetes-validations"][0];
  const std::string least = settings::format_bytes(settings::kMinJournalBytes);
  const std::string most = settings::format_bytes(settings::kMaxJournalBytes);
  EXPECT_THAT(size["rule"].as<std::string>(), HasSubstr("compareTo(quantity('" + least + "')) >= 0"));
  EXPECT_THAT(size["rule"].as<std::string>(), HasSubstr("compareTo(quantity('" + most + "')) <= 0"));
  EXPECT_THAT(size["messageExpression"].as<std::string>(), HasSubstr("from " + least + " to " + most));
  const std::string longest = settings::format_duration(settings::kMaxDrainDelay);
  EXPECT_THAT(spec()["drainDelay"]["x-kubernetes-validations"][0]["rule"].as<std::string>(),
              HasSubstr("duration(self) <= duration('" + longest + "')"));
  const YAML::Node kept = spec()["http"]["properties"]["keepAliveTimeout"]["x-kubernetes-validations"][0];
  EXPECT_THAT(
      kept["rule"].as<std::string>(),
      HasSubstr("duration(self) >= duration('" + settings::format_duration(settings::kMinKeepAliveTimeout) +
                "') && duration(self) <= duration('" +
                settings::format_duration(settings::kMaxKeepAliveTimeout) + "')"));
  const YAML::Node proxies = spec()["http"]["properties"]["trustedProxies"];
  EXPECT_EQ(proxies["maxItems"].as<std::size_t>(), settings::kMaxNetworks);
  EXPECT_EQ(proxies["items"]["maxLength"].as<std::size_t>(), settings::kMaxNetworkText);
  EXPECT_THAT(proxies["items"]["x-kubernetes-validations"][0]["messageExpression"].as<std::string>(),
              HasSubstr(std::string(settings::kAllowedNetwork)));
  const YAML::Node witnesses = spec()["log"]["properties"]["witnesses"];
  EXPECT_EQ(witnesses["maxItems"].as<std::size_t>(), kMaxLogWitnesses);
  const YAML::Node witness = witnesses["items"]["properties"];
  EXPECT_EQ(witness["url"]["maxLength"].as<std::size_t>(), kMaxWitnessUrl);
  EXPECT_EQ(witness["vkey"]["maxLength"].as<std::size_t>(), kMaxWitnessKey);
  const auto allowed = [&](const char* field) {
    return witness[field]["x-kubernetes-validations"][0]["messageExpression"].as<std::string>();
  };
  EXPECT_THAT(allowed("url"), HasSubstr(kAllowedWitnessUrl));
  EXPECT_THAT(allowed("vkey"), HasSubstr(kAllowedWitnessKey));
  const YAML::Node indexes = spec()["indexes"];
  EXPECT_EQ(indexes["maxItems"].as<std::size_t>(), settings::kEventIndexes.size());
  EXPECT_THAT(indexes["items"]["enum"].as<std::vector<std::string>>(),
              ElementsAreArray(settings::kEventIndexes));
  const YAML::Node min_days = spec()["retention"]["properties"]["minDays"];
  EXPECT_EQ(min_days["maxItems"].as<std::size_t>(), settings::kMaxCategories);
  const YAML::Node entry = min_days["items"]["properties"];
  EXPECT_EQ(entry["category"]["maxLength"].as<std::size_t>(), settings::kMaxCategory);
  EXPECT_THAT(entry["category"]["x-kubernetes-validations"][0]["messageExpression"].as<std::string>(),
              HasSubstr(std::string(settings::kAllowedCategory)));
  EXPECT_EQ(entry["days"]["minimum"].as<int>(), 1);
  EXPECT_EQ(entry["days"]["maximum"].as<std::int64_t>(), settings::kMaxRetentionDays);
  const YAML::Node rate = spec()["rateLimit"]["properties"];
  EXPECT_EQ(rate["requestsPerSecond"]["maximum"].as<std::int64_t>(), settings::kMaxRequestsPerSecond);
  EXPECT_EQ(rate["burst"]["maximum"].as<std::int64_t>(), settings::kMaxRequestBurst);
  for (const char* key : {"requestsPerSecond", "burst"}) EXPECT_EQ(rate[key]["minimum"].as<int>(), 1);
}

void expect_described(const YAML::Node& properties, const std::string& path) {
  for (const auto& property : properties) {
    const std::string name = path + "." + property.first.as<std::string>();
    EXPECT_TRUE(property.second["description"]) << name << " has no description";
    EXPECT_TRUE(property.second["type"]) << name << " has no type";
    if (property.second["properties"]) expect_described(property.second["properties"], name);
    if (property.second["items"] && property.second["items"]["properties"]) {
      expect_described(property.second["items"]["properties"], name + "[]");
    }
  }
}

TEST_F(Schema, DescribesEveryField) {
  const YAML::Node properties = version()["schema"]["openAPIV3Schema"]["properties"];
  for (const char* part : {"spec", "status"}) expect_described(properties[part]["properties"], part);
}

TEST_F(Schema, DefaultsAreThoseOfTheOperator) {
  // A StoragePool stored without the CRD's defaults reads the same.
  const auto bare = parse_spec(Json::parse(R"({"metadata": {"name": "a"}, "spec": {"postgres":
      {"host": "h", "database": "d", "credentialsSecretRef": {"name": "s"}}}})"));
  ASSERT_TRUE(bare);
  EXPECT_EQ(spec()["replicas"]["default"].as<std::int64_t>(), bare->sizing.replicas);
  EXPECT_EQ(spec()["paused"]["default"].as<bool>(), bare->sizing.paused);
  const YAML::Node postgres = spec()["postgres"]["properties"];
  EXPECT_EQ(postgres["port"]["default"].as<int>(), bare->postgres.port);
  EXPECT_EQ(postgres["sslMode"]["default"].as<std::string>(), settings::to_string(bare->postgres.ssl_mode));
  EXPECT_EQ(postgres["reserve"]["default"].as<std::int64_t>(), bare->sizing.reserve);
  EXPECT_EQ(spec()["budget"]["properties"]["minConnsPerPod"]["default"].as<std::int64_t>(),
            bare->sizing.min_conns_per_pod);
  const YAML::Node weight = spec()["budget"]["properties"]["weight"];
  EXPECT_EQ(weight["default"].as<std::int64_t>(), bare->sizing.weight);
  EXPECT_EQ(weight["minimum"].as<std::int64_t>(), 1);
  EXPECT_EQ(weight["maximum"].as<std::int64_t>(), sizing::kMaxWeight);
  EXPECT_EQ(spec()["replicas"]["maximum"].as<std::int64_t>(), sizing::kMaxReplicas);
  EXPECT_EQ(spec()["budget"]["properties"]["policy"]["default"].as<std::string>(), "Fit");
  EXPECT_EQ(spec()["budget"]["properties"]["sizeFor"]["default"].as<std::string>(), "Current");
  EXPECT_FALSE(bare->sizing.size_for_maximum);
  EXPECT_EQ(settings::parse_bytes(spec()["journal"]["properties"]["size"]["default"].as<std::string>()),
            bare->journal_bytes);
  EXPECT_EQ(spec()["journal"]["properties"]["persistence"]["default"].as<std::string>(), "PersistentVolume");
  EXPECT_TRUE(bare->journal_is_persistent);
  EXPECT_EQ(settings::parse_duration(spec()["drainDelay"]["default"].as<std::string>()), bare->drain_delay);
  EXPECT_EQ(
      settings::parse_duration(spec()["http"]["properties"]["keepAliveTimeout"]["default"].as<std::string>()),
      bare->keep_alive_timeout);
  EXPECT_FALSE(spec()["http"]["properties"]["threads"]["default"]);
  EXPECT_EQ(spec()["http"]["properties"]["threads"]["minimum"].as<std::int64_t>(), 0);
  EXPECT_EQ(spec()["http"]["properties"]["threads"]["maximum"].as<std::int64_t>(), settings::kMaxHttpThreads);
  EXPECT_EQ(bare->http_threads, -1);
  EXPECT_EQ(spec()["http"]["properties"]["accessLog"]["default"].as<std::string>(), bare->access_log);
  EXPECT_EQ(spec()["auth"]["properties"]["mode"]["default"].as<std::string>(), bare->auth_mode);
  EXPECT_FALSE(spec()["rateLimit"]["default"]);
  EXPECT_EQ(bare->requests_per_second, 0);
  EXPECT_EQ(spec()["rateLimit"]["properties"]["burst"]["default"].as<std::int64_t>(), bare->request_burst);
  EXPECT_EQ(spec()["imagePullPolicy"]["default"].as<std::string>(), bare->image_pull_policy);
  EXPECT_EQ(spec()["service"]["properties"]["type"]["default"].as<std::string>(), bare->service_type);
}

}  // namespace
}  // namespace storagepool::render
