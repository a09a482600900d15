#include "pool/evidence/sealing/publish.h"

#include <gtest/gtest.h>

#include "pool/evidence/sealing/publishing.h"

namespace storagepool::evidence {
namespace {

using namespace std::chrono_literals;

Floor floor_of(std::uint64_t size) {
  Floor log{.size = size};
  log.root[0] = static_cast<std::uint8_t>(size);
  return log;
}

class PublishTest : public ::testing::Test {
 protected:
  // Shows what may be; how many entries are shown then.
  std::uint64_t look(std::uint64_t committed, const Standbys& standbys) {
    if (const auto newest = publishing_.look(now_, floor_of(committed), standbys)) publishing_.show(*newest);
    return publishing_.shown() ? publishing_.shown()->size : 0;
  }
  static Standbys flushed(std::uint64_t position, std::uint64_t flushed) {
    return {.any = true, .position = position, .flushed = flushed};
  }
  static Standbys unseen(std::uint64_t position, std::chrono::milliseconds age = 0ms) {
    return {.any = true, .position = position, .age = age};
  }

  Publishing publishing_;
  Publishing::TimePoint now_{1h};
};

TEST_F(PublishTest, WithoutStandbysWhatIsCommittedIsShown) {
  EXPECT_EQ(look(3, {}), 3U);
  EXPECT_EQ(look(5, {}), 5U);
  EXPECT_FALSE(publishing_.look(now_, floor_of(5), {})) << "it is already";
  EXPECT_FALSE(publishing_.waiting());
}

TEST_F(PublishTest, WhatStandbysHaveFlushedIsShown) {
  EXPECT_EQ(look(3, flushed(100, 99)), 0U);
  EXPECT_TRUE(publishing_.waiting());
  EXPECT_EQ(look(4, flushed(200, 100)), 3U);
  EXPECT_EQ(look(5, flushed(300, 199)), 3U);
  EXPECT_EQ(look(5, flushed(400, 300)), 5U) << "of several the newest";
  EXPECT_FALSE(publishing_.waiting());
  EXPECT_EQ(look(6, flushed(500, 500)), 6U);
}

TEST_F(PublishTest, WhereNobodySaysHowFarTheyAreItIsShownLater) {
  EXPECT_EQ(look(3, unseen(100)), 0U);
  now_ += Publishing::kDelay - 1ms;
  EXPECT_EQ(look(4, unseen(200)), 0U);
  now_ += 1ms;
  EXPECT_EQ(look(4, unseen(200)), 3U);
  now_ += Publishing::kDelay;
  EXPECT_EQ(look(4, unseen(200)), 4U);
}

TEST_F(PublishTest, APodThatBeginsShowsWhatIsOldEnough) {
  EXPECT_EQ(look(3, unseen(100, Publishing::kDelay - 1ms)), 0U);
  now_ += 1ms;
  EXPECT_EQ(look(3, unseen(100, Publishing::kDelay)), 3U);
}

TEST_F(PublishTest, WhenTheLastStandbyIsGoneNothingIsWaitedFor) {
  EXPECT_EQ(look(3, flushed(100, 50)), 0U);
  EXPECT_EQ(look(4, {}), 4U);
  EXPECT_FALSE(publishing_.waiting());
}

TEST_F(PublishTest, WhatWaitedForStandbysOfAnotherServerIsForgotten) {
  EXPECT_EQ(look(3, flushed(100, 50)), 0U);
  EXPECT_EQ(look(2, flushed(90, 90)), 2U);
  EXPECT_FALSE(publishing_.waiting());
}

TEST_F(PublishTest, ManyLooksAreNotAllRemembered) {
  for (std::uint64_t size = 1; size <= Publishing::kMostWaiting + 5; ++size)
    EXPECT_EQ(look(size, flushed(size, 0)), 0U);
  EXPECT_EQ(look(50, flushed(50, 20)), Publishing::kMostWaiting);
  EXPECT_EQ(look(50, flushed(50, 50)), 50U);
}

TEST_F(PublishTest, OfAnotherEpochNothingIsKnown) {
  look(3, {});
  look(4, flushed(100, 50));
  publishing_.forget();
  EXPECT_FALSE(publishing_.shown());
  EXPECT_FALSE(publishing_.waiting());
}

TEST_F(PublishTest, StandbysAreReadFromARow) {
  const auto read = [](std::vector<std::optional<std::string>> row) {
    return read_standbys({.columns = {}, .rows = {std::move(row)}});
  };
  EXPECT_FALSE(read({"0", "0", std::nullopt, std::nullopt, "7"}).any);
  const Standbys all = read({"2", "2", "4294967296", "4294967299", "1500"});
  EXPECT_TRUE(all.any);
  EXPECT_EQ(all.flushed, std::uint64_t{4294967296});
  EXPECT_EQ(all.position, std::uint64_t{4294967299});
  EXPECT_EQ(all.age, 1500ms);
  const Standbys one_unseen = read({"2", "1", "5", "9", std::nullopt});
  EXPECT_TRUE(one_unseen.any);
  EXPECT_FALSE(one_unseen.flushed);
  EXPECT_EQ(one_unseen.position, 9U);
  EXPECT_TRUE(read({}).any) << "nobody knows";
}

}  // namespace
}  // namespace storagepool::evidence
