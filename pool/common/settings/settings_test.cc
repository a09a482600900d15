#include "pool/common/settings/settings.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>

namespace storagepool::settings {
namespace {

using std::chrono::milliseconds;
using testing::HasSubstr;

EnvironmentLookup environment(std::map<std::string, std::string, std::less<>> values) {
  return [values = std::move(values)](std::string_view name) -> std::optional<std::string> {
    const auto found = values.find(name);
    return found == values.end() ? std::nullopt : std::optional(found->second);
  };
}

TEST(SettingsTable, KeysAndEnvironmentNamesAreUniqueAndDocumented) {
  std::set<std::string_view> keys;
  std::set<std::string_view> names;
  for (const Setting& setting : table()) {
    EXPECT_TRUE(keys.insert(setting.key).second) << setting.key;
    EXPECT_FALSE(setting.doc.empty()) << setting.key;
    EXPECT_EQ(find(setting.key), &setting);
    for (const auto& name : setting.environment) EXPECT_TRUE(names.insert(name.name).second) << name.name;
  }
  EXPECT_EQ(find("maxOpenCons"), nullptr);
}

TEST(SettingsResolve, DefaultsAreTheDocumentedOnes) {
  const auto settings = resolve({});
  ASSERT_TRUE(settings.has_value());
  EXPECT_EQ(*settings, Settings{});
  EXPECT_EQ(settings->max_open_conns, 25);
  EXPECT_EQ(settings->acquire_timeout, milliseconds{30'000});
}

TEST(SettingsResolve, EverySettingReachesItsOwnField) {
  Given given{{"maxOpenConns", 50}};
  std::int64_t next = 30;
  for (const Setting& setting : table()) {
    if (setting.key == "maxOpenConns") continue;
    ++next;
    given[std::string(setting.key)] = setting.kind == Kind::kCount      ? next
                                      : setting.kind == Kind::kDuration ? 1000 * next
                                                                        : setting.maximum;
  }
  const auto settings = resolve(given);
  ASSERT_TRUE(settings.has_value()) << to_string(settings.error());
  EXPECT_EQ(to_given(*settings), given);
}

TEST(SettingsResolve, DefaultsFollowASmallMaxOpenConns) {
  const auto settings = resolve({{"maxOpenConns", 2}});
  ASSERT_TRUE(settings.has_value());
  EXPECT_EQ(settings->max_idle_conns, 2);
  EXPECT_EQ(settings->max_conns_per_database, 2);
  EXPECT_EQ(settings->system_conns, 1);
}

TEST(SettingsResolve, SystemConnsDefaultsToATenthWithinItsBounds) {
  for (const auto& [open, system] :
       std::map<std::int64_t, std::int64_t>{{1, 1}, {8, 4}, {25, 5}, {100, 10}, {1000, 20}}) {
    const auto settings = resolve({{"maxOpenConns", open}});
    ASSERT_TRUE(settings.has_value());
    EXPECT_EQ(settings->system_conns, system) << open;
  }
}

TEST(SettingsResolve, GivenValuesAreNeverClamped) {
  const auto settings = resolve({{"maxOpenConns", 4}, {"maxIdleConns", 5}});
  ASSERT_FALSE(settings.has_value());
  EXPECT_THAT(to_string(settings.error()),
              HasSubstr("maxIdleConns: \"5\" is not allowed; allowed is a whole number "
                        "from 0 to maxOpenConns, which is 4"));
}

TEST(SettingsResolve, BothEndsOfEveryRangeHold) {
  for (const Setting& setting : table()) {
    const std::string key(setting.key);
    Given given{{"maxOpenConns", 10'000}};
    given[key] = setting.minimum;
    if (key == "maxOpenConns") given = {{key, setting.minimum}};
    EXPECT_TRUE(resolve(given).has_value()) << key;
    given[key] = setting.minimum - 1;
    EXPECT_EQ(resolve(given).has_value(), setting.zero_allowed && setting.minimum == 1) << key;
    given[key] = setting.maximum + 1;
    EXPECT_FALSE(resolve(given).has_value()) << key;
    given[key] = 0;
    EXPECT_EQ(resolve(given).has_value(), setting.minimum == 0 || setting.zero_allowed) << key;
  }
}

TEST(SettingsParse, ErrorsNameKeyValueAndRange) {
  const auto count = parse_value(*find("maxOpenConns"), "many");
  ASSERT_FALSE(count.has_value());
  EXPECT_EQ(count.error().message,
            "maxOpenConns: \"many\" is not allowed; allowed is a whole number from 1 to 10000");
  const auto unit = parse_value(*find("connMaxLifetime"), "300");
  ASSERT_FALSE(unit.has_value());
  EXPECT_EQ(
      unit.error().message,
      "connMaxLifetime: \"300\" is not allowed; allowed is 0 (off) or at least 1s (a duration with its unit, "
      "such as 250ms, 30s or 1m30s)");
  EXPECT_FALSE(parse_value(*find("maxOpenConns"), "5m").has_value());
  EXPECT_FALSE(parse_value(*find("maxOpenConns"), " 5").has_value());
  EXPECT_FALSE(parse_value(*find("maxOpenConns"), "").has_value());
}

TEST(SettingsParse, AHostileValueIsShownShortAndPrintable) {
  const auto value = parse_value(*find("maxOpenConns"), "\n\x1b[31m" + std::string(10'000, 'x'));
  ASSERT_FALSE(value.has_value());
  EXPECT_LT(value.error().message.size(), 250U);
  EXPECT_EQ(value.error().message.find('\n'), std::string::npos);
  EXPECT_EQ(value.error().message.find('\x1b'), std::string::npos);
}

TEST(SettingsParse, AChoiceIsOneOfItsWords) {
  const Setting& level = *find("synchronousCommit");
  for (const auto& [word, value] :
       std::map<std::string, SynchronousCommit>{{"server", SynchronousCommit::kServer},
                                                {"local", SynchronousCommit::kLocal},
                                                {"remote_write", SynchronousCommit::kRemoteWrite},
                                                {"on", SynchronousCommit::kOn},
                                                {"remote_apply", SynchronousCommit::kRemoteApply}}) {
    const auto parsed = parse_value(level, word);
    ASSERT_TRUE(parsed.has_value()) << word;
    EXPECT_EQ(resolve({{"synchronousCommit", *parsed}})->synchronous_commit, value);
    EXPECT_EQ(format_value(level, *parsed), word);
    EXPECT_EQ(to_string(value), word);
  }
  const auto off = parse_value(level, "off");
  ASSERT_FALSE(off.has_value());
  EXPECT_EQ(off.error().message,
            "synchronousCommit: \"off\" is not allowed; allowed is one of: server, local, remote_write, on, "
            "remote_apply");
}

TEST(SettingsEnvironment, EveryAcceptedNameIsRead) {
  for (const Setting& setting : table()) {
    for (const auto& name : setting.environment) {
      const std::string text = name.in_seconds ? "7" : setting.kind == Kind::kCount ? "7" : "7s";
      const auto given = from_environment(environment({{std::string(name.name), text}}));
      ASSERT_TRUE(given.has_value()) << name.name;
      EXPECT_EQ(*given, (Given{{std::string(setting.key), setting.kind == Kind::kCount ? 7 : 7000}}))
          << name.name;
    }
  }
}

TEST(SettingsEnvironment, TwoNamesMustAgree) {
  EXPECT_TRUE(
      from_environment(environment({{"DB_MAX_CONNECTIONS", "9"}, {"DB_CONNECTION_LIMIT", "9"}})).has_value());
  const auto given =
      from_environment(environment({{"DB_MAX_CONNECTIONS", "9"}, {"DB_CONNECTION_LIMIT", "8"}}));
  ASSERT_FALSE(given.has_value());
  EXPECT_THAT(to_string(given.error()),
              HasSubstr("DB_MAX_CONNECTIONS says 9 but DB_CONNECTION_LIMIT says 8"));
}

TEST(SettingsEnvironment, PoolTimeoutIsInSecondsOrCarriesItsUnit) {
  EXPECT_EQ(from_environment(environment({{"DB_POOL_TIMEOUT", "250ms"}})).value(),
            (Given{{"acquireTimeout", 250}}));
  EXPECT_FALSE(from_environment(environment({{"DB_POOL_TIMEOUT", "0"}})).has_value());
  const auto bad = from_environment(environment({{"DB_POOL_TIMEOUT", "soon"}}));
  ASSERT_FALSE(bad.has_value());
  EXPECT_THAT(to_string(bad.error()), HasSubstr("DB_POOL_TIMEOUT: \"soon\""));
}

TEST(SettingsMerge, SameKeyMustAgree) {
  EXPECT_EQ(merge({{"maxOpenConns", 5}}, "file", {{"maxIdleConns", 2}}, "environment").value(),
            (Given{{"maxOpenConns", 5}, {"maxIdleConns", 2}}));
  const auto merged =
      merge({{"acquireTimeout", 5000}}, "the file", {{"acquireTimeout", 4000}}, "the environment");
  ASSERT_FALSE(merged.has_value());
  EXPECT_THAT(to_string(merged.error()),
              HasSubstr("acquireTimeout: the file says 5s but the environment says 4s"));
}

}  // namespace
}  // namespace storagepool::settings
