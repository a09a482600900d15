#include "pool/service/config/live_settings.h"

#include <filesystem>
#include <fstream>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "pool/common/runtime/files.h"
#include "pool/common/runtime/testing/temporary_folder.h"

namespace storagepool::service {
namespace {

using testing::HasSubstr;

class LiveSettingsTest : public ::testing::Test {
 protected:
  LiveSettings make(const settings::Given& environment = {}) {
    const settings::Config mounted{
        .generation = 3, .postgres = {"db", 5432, "audit"}, .pool = {{"maxOpenConns", 16}}};
    return {*choose_config(mounted, std::nullopt, environment), environment, file_,
            [this](const settings::Settings& settings) { applied_.push_back(settings.max_open_conns); }};
  }
  settings::Config persisted() const { return *settings::parse_config(*runtime::read_file(file_, 65536)); }

  runtime::testing::TemporaryFolder folder_;
  std::string file_ = folder_ / "config.yaml";
  std::vector<std::int64_t> applied_;
};

TEST_F(LiveSettingsTest, PersistsAndAppliesAHigherGeneration) {
  LiveSettings live = make();
  EXPECT_EQ(live.change(4, {{"maxOpenConns", 8}}, "the change"), true);
  EXPECT_EQ(live.in_force().config.generation, 4);
  EXPECT_EQ(live.in_force().settings.max_open_conns, 8);
  EXPECT_EQ(persisted(), live.in_force().config);
  EXPECT_EQ(applied_, std::vector<std::int64_t>{8});
}

TEST_F(LiveSettingsTest, TellsWhatItDoesNotKnow) {
  LiveSettings live = make();
  EXPECT_EQ(live.change(4, {{"maxOpenConns", 8}}, "the change", {"umbrellas"}), true);
  EXPECT_EQ(live.in_force().config.ignored, settings::Ignored{"umbrellas"});
  EXPECT_EQ(live.change(5, {{"maxOpenConns", 8}}, "the change"), true);
  EXPECT_EQ(live.in_force().config.ignored, settings::Ignored{});
}

TEST_F(LiveSettingsTest, AppliesNothingTwice) {
  LiveSettings live = make();
  EXPECT_EQ(live.change(3, {{"maxOpenConns", 16}}, "the change"), false);
  EXPECT_TRUE(applied_.empty());
}

TEST_F(LiveSettingsTest, RefusesOlderAndContradictingGenerations) {
  LiveSettings live = make();
  const auto stale = live.change(2, {{"maxOpenConns", 16}}, "the change");
  ASSERT_FALSE(stale);
  EXPECT_EQ(stale.error().reason, Refusal::Reason::kStale);
  EXPECT_THAT(stale.error().detail, HasSubstr("got 2 which is behind generation 3"));
  const auto conflict = live.change(3, {{"maxOpenConns", 17}}, "the change");
  ASSERT_FALSE(conflict);
  EXPECT_EQ(conflict.error().reason, Refusal::Reason::kConflict);
  EXPECT_TRUE(applied_.empty());
}

TEST_F(LiveSettingsTest, RefusesInvalidSettingsAndContradictionsOfTheEnvironment) {
  LiveSettings live = make({{"maxOpenConns", 16}});
  const auto invalid = live.change(4, {{"maxOpenConns", 16}, {"maxIdleConns", 17}}, "the change");
  ASSERT_FALSE(invalid);
  EXPECT_EQ(invalid.error().reason, Refusal::Reason::kInvalid);
  EXPECT_EQ(invalid.error().problems.at(0).key, "maxIdleConns");
  const auto conflict = live.change(4, {{"maxOpenConns", 8}}, "the change");
  ASSERT_FALSE(conflict);
  EXPECT_THAT(conflict.error().detail, HasSubstr("the change"));
  EXPECT_THAT(conflict.error().detail, HasSubstr("the environment"));
  EXPECT_TRUE(applied_.empty());
  EXPECT_EQ(live.in_force().config.generation, 3);
}

TEST_F(LiveSettingsTest, DoesNotApplyWhatItCannotPersist) {
  LiveSettings live = make();
  std::filesystem::remove_all(folder_.path());
  const auto refused = live.change(4, {{"maxOpenConns", 8}}, "the change");
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().reason, Refusal::Reason::kNotPersisted);
  EXPECT_TRUE(applied_.empty());
  EXPECT_EQ(live.in_force().config.generation, 3);
}

}  // namespace
}  // namespace storagepool::service
