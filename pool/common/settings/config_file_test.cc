#include "pool/common/settings/config_file.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace storagepool::settings {
namespace {

using testing::HasSubstr;

constexpr std::string_view kMinimal = "postgres: {host: db.example, database: audit}\n";

std::string error_of(std::string_view yaml) {
  const auto config = parse_config(yaml);
  return config ? "" : to_string(config.error());
}

TEST(ConfigFile, ReadsEveryKeyAndItsDefaults) {
  const auto config = parse_config(
      "generation: 7\n"
      "postgres: {host: db.example, port: 6432, database: audit, sslMode: verify-full}\n"
      "pool: {maxOpenConns: 16, connMaxLifetime: 5m}\n");
  ASSERT_TRUE(config.has_value()) << to_string(config.error());
  EXPECT_EQ(config->generation, 7);
  EXPECT_EQ(config->postgres, (PostgresTarget{"db.example", 6432, "audit", SslMode::kVerifyFull}));
  EXPECT_EQ(config->pool, (Given{{"maxOpenConns", 16}, {"connMaxLifetime", 300'000}}));

  const auto minimal = parse_config(kMinimal);
  ASSERT_TRUE(minimal.has_value());
  EXPECT_EQ(minimal->postgres, (PostgresTarget{"db.example", 5432, "audit", SslMode::kRequire}));
  EXPECT_EQ(minimal->generation, 0);
}

TEST(ConfigFile, WhatIsRenderedReadsBackTheSame) {
  Config config;
  config.generation = 41;
  config.postgres = {"no", 5433, "we\"ird: {name}\n012", SslMode::kVerifyCa};
  config.pool = to_given(Settings{});
  const auto back = parse_config(render_config(config));
  ASSERT_TRUE(back.has_value()) << to_string(back.error());
  EXPECT_EQ(*back, config);
  config.pool.clear();
  EXPECT_EQ(parse_config(render_config(config)).value(), config);
}

TEST(ConfigFile, ErrorsNameTheKey) {
  const std::string head(kMinimal);
  EXPECT_THAT(error_of(head + "pol: {}\n"), HasSubstr("pol: there is no such key"));
  EXPECT_THAT(error_of(head + "pool: {maxOpenConns: 0}\n"), HasSubstr("maxOpenConns: \"0\" is not allowed"));
  EXPECT_THAT(error_of(head + "pool: {maxOpenConns: 3, maxOpenConns: 4}\n"), HasSubstr("is given twice"));
  EXPECT_THAT(error_of(head + "pool: [1]\n"), HasSubstr("pool: must be a mapping"));
  EXPECT_THAT(error_of(head + "generation: -1\n"), HasSubstr("generation: \"-1\""));
  EXPECT_THAT(error_of("postgres: {host: h, database: d, port: 0}\n"), HasSubstr("postgres.port: \"0\""));
  EXPECT_THAT(error_of("postgres: {host: h, database: d, sslMode: prefer}\n"),
              HasSubstr("postgres.sslMode: \"prefer\""));
  EXPECT_THAT(error_of("postgres: {host: h}\n"), HasSubstr("postgres.database"));
  for (const char* database : {"\"a\\0b\"", "a\xff"}) {
    EXPECT_THAT(error_of("postgres: {host: h, database: " + std::string(database) + "}\n"),
                HasSubstr("postgres.database: \"(not text)\" is not allowed; allowed is UTF-8 text"));
  }
  EXPECT_THAT(error_of("pool: {}\n"), HasSubstr("postgres.host"));
}

TEST(ConfigFile, SettingsOfANewerOperatorAreLeftAlone) {
  const std::string head(kMinimal);
  const auto config = parse_config(head + "pool: {umbrellas: 3, maxOpenConns: 7, weather: [rain]}\n");
  ASSERT_TRUE(config) << to_string(config.error());
  EXPECT_EQ(config->pool, (Given{{"maxOpenConns", 7}}));
  EXPECT_EQ(config->ignored, (Ignored{"umbrellas", "weather"}));
  EXPECT_THAT(error_of(head + "pool: {umbrellas: 3, maxOpenConns: 0}\n"),
              HasSubstr("maxOpenConns: \"0\" is not allowed"));
  Config kept = *config;
  kept.ignored.clear();
  EXPECT_EQ(parse_config(render_config(*config)).value(), kept);
  std::string many = head + "pool:\n";
  for (int i = 0; i < 100; ++i) many += "  " + std::string(200, 'k') + std::to_string(i) + ": 1\n";
  EXPECT_EQ(parse_config(many).value().ignored, Ignored(20, std::string(100, 'k')));
}

TEST(ConfigFile, HostileFilesAreRefused) {
  EXPECT_THAT(error_of(std::string(kMaxConfigBytes + 1, '#')), HasSubstr("at most 65536 bytes"));
  EXPECT_THAT(error_of("a: &a [x]\nb: &b [*a, *a]\npool: {maxOpenConns: [*b, *b]}\n"),
              HasSubstr("maxOpenConns: \"\" is not allowed"));
  EXPECT_THAT(error_of("pool: " + std::string(60'000, '[')), HasSubstr("config: not YAML"));
  EXPECT_THAT(error_of("{"), HasSubstr("config"));
  EXPECT_THAT(error_of("just text"), HasSubstr("must be a YAML mapping"));
  EXPECT_THAT(error_of(""), HasSubstr("must be a YAML mapping"));
  EXPECT_THAT(error_of("? [a, b]\n: c\n"), HasSubstr("there is no such key"));
}

TEST(ConfigFile, ACandidateReadsBackTheSame) {
  const PostgresTarget target{"db \"x\"", 5433, "audit", SslMode::kVerifyFull};
  EXPECT_EQ(parse_target(render_target(target)).value(), target);
  EXPECT_THAT(to_string(parse_target("host: db\nport: 0\n").error()), HasSubstr("postgres.port"));
  EXPECT_FALSE(parse_target("- host"));
}

}  // namespace
}  // namespace storagepool::settings
