#include "pool/service/config/config_source.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace storagepool::service {
namespace {

using testing::HasSubstr;

settings::Config config(std::int64_t generation, std::int64_t max_open, const std::string& host = "mounted") {
  return {
      .generation = generation,
      .postgres = {.host = host, .port = 5432, .database = "audit", .ssl_mode = settings::SslMode::kRequire},
      .pool = {{"maxOpenConns", max_open}}};
}

TEST(ChooseConfig, TakesTheMountedFileAtTheFirstStart) {
  const auto chosen = choose_config(config(3, 16), std::nullopt, {});
  ASSERT_TRUE(chosen);
  EXPECT_EQ(chosen->config, config(3, 16));
  EXPECT_EQ(chosen->settings.max_open_conns, 16);
}

TEST(ChooseConfig, TheHighestGenerationWins) {
  EXPECT_EQ(choose_config(config(4, 16), config(3, 8), {})->settings.max_open_conns, 16);
  EXPECT_EQ(choose_config(config(3, 16), config(4, 8), {})->settings.max_open_conns, 8);
  EXPECT_EQ(choose_config(config(3, 16), config(4, 8), {})->config.generation, 4);
}

TEST(ChooseConfig, OfEqualGenerationsTheAcknowledgedOneWins) {
  EXPECT_EQ(choose_config(config(3, 16), config(3, 8), {})->settings.max_open_conns, 8);
}

TEST(ChooseConfig, WithoutAnOperatorTheMountedFileCounts) {
  EXPECT_EQ(choose_config(config(0, 16), config(0, 8), {})->settings.max_open_conns, 16);
}

TEST(ChooseConfig, TheTargetIsAlwaysTheMountedOne) {
  EXPECT_EQ(choose_config(config(3, 16), config(4, 8, "persisted"), {})->config.postgres.host, "mounted");
}

TEST(ChooseConfig, TheEnvironmentAddsAndMayNotContradict) {
  const auto added = choose_config(config(1, 16), std::nullopt, {{"maxIdleConns", 2}, {"maxOpenConns", 16}});
  ASSERT_TRUE(added);
  EXPECT_EQ(added->settings.max_idle_conns, 2);
  EXPECT_EQ(added->config.pool, (settings::Given{{"maxOpenConns", 16}}));
  const auto conflict = choose_config(config(1, 16), std::nullopt, {{"maxOpenConns", 17}});
  ASSERT_FALSE(conflict);
  const std::string message = settings::to_string(conflict.error());
  EXPECT_THAT(message, HasSubstr("maxOpenConns"));
  EXPECT_THAT(message, HasSubstr("the configuration file"));
  EXPECT_THAT(message, HasSubstr("the environment"));
  EXPECT_THAT(settings::to_string(choose_config(config(1, 16), config(2, 9), {{"maxOpenConns", 17}}).error()),
              HasSubstr("the persisted configuration"));
}

TEST(ChooseConfig, ChecksRelationsAfterJoiningTheSources) {
  EXPECT_FALSE(choose_config(config(1, 4), std::nullopt, {{"maxIdleConns", 5}}));
}

TEST(Judge, GoesByTheGeneration) {
  const InForce now = *choose_config(config(5, 16), std::nullopt, {});
  settings::Settings other = now.settings;
  other.max_open_conns = 8;
  EXPECT_EQ(judge(now, 6, other), Verdict::kApply);
  EXPECT_EQ(judge(now, 6, now.settings), Verdict::kApply);
  EXPECT_EQ(judge(now, 5, now.settings), Verdict::kSame);
  EXPECT_EQ(judge(now, 5, other), Verdict::kConflict);
  EXPECT_EQ(judge(now, 4, now.settings), Verdict::kStale);
  EXPECT_EQ(judge(now, 4, other), Verdict::kStale);
}

}  // namespace
}  // namespace storagepool::service
