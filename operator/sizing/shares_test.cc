#include "operator/sizing/shares.h"

#include <gtest/gtest.h>

namespace storagepool::sizing {
namespace {

Asker asker(std::int64_t replicas, std::int64_t each, std::int64_t weight = 1) {
  return {.request = {.replicas = replicas, .max_open_conns = each, .weight = weight},
          .existing = {},
          .limits = {0}};
}

std::vector<Share> shares(const std::vector<Asker>& askers, const std::vector<std::int64_t>& limits) {
  std::vector<Share> result;
  for (const Shared& shared : share(askers, limits)) result.push_back(shared.share);
  return result;
}

using Result = std::vector<Share>;

TEST(Shares, WhoAsksForLittleGetsItAndTheOthersTheSame) {
  EXPECT_EQ(shares({asker(1, 5), asker(1, 100), asker(1, 100)}, {45}), (Result{{1, 5}, {1, 20}, {1, 20}}));
  EXPECT_EQ(shares({asker(1, 5), asker(1, 7)}, {45}), (Result{{1, 5}, {1, 7}}));
}

TEST(Shares, WhatIsLeftOverGoesToTheEarlier) {
  EXPECT_EQ(shares({asker(1, 100), asker(1, 100), asker(1, 100)}, {44}), (Result{{1, 15}, {1, 15}, {1, 14}}));
}

TEST(Shares, NothingIsLeftThatAnybodysPodsCouldHave) {
  EXPECT_EQ(shares({asker(1, 100), asker(10, 100)}, {27}), (Result{{1, 17}, {10, 1}}));
  EXPECT_EQ(shares({asker(3, 100), asker(2, 100)}, {26}), (Result{{3, 4}, {2, 7}}));
}

TEST(Shares, AreInTheProportionOfTheWeights) {
  EXPECT_EQ(shares({asker(1, 1'000), asker(1, 1'000, 3)}, {100}), (Result{{1, 25}, {1, 75}}));
  EXPECT_EQ(shares({asker(1, 1'000), asker(1, 1'000, 100)}, {101}), (Result{{1, 1}, {1, 100}}));
  EXPECT_EQ(shares({asker(1, 1'000, 100), asker(1, 1'000, 100)}, {100}), (Result{{1, 50}, {1, 50}}));
}

TEST(Shares, ALimitThatOnlySomeAreUnderLeavesTheRestToTheOthers) {
  Asker limited = asker(1, 100);
  limited.limits = {0, 1};
  EXPECT_EQ(shares({limited, limited, asker(1, 100)}, {90, 20}), (Result{{1, 10}, {1, 10}, {1, 70}}));
}

TEST(Shares, EverybodysMinimumComesFirst) {
  Asker needs = asker(2, 100);
  needs.request.min_conns_per_pod = 10;
  EXPECT_EQ(shares({asker(1, 100), needs}, {24}), (Result{{1, 4}, {2, 10}}));
}

TEST(Shares, PodsThatRunComeBeforeNewOnesAndEarlierStoragePoolsBeforeLaterOnes) {
  Asker later = asker(5, 9);
  later.existing = {.replicas = 5, .peak_pods = 5, .limit = 1};
  EXPECT_EQ(shares({asker(4, 9), later, asker(4, 9)}, {7}), (Result{{2, 1}, {5, 1}, {0, 1}}));
  Asker earlier = later;
  EXPECT_EQ(shares({earlier, later}, {7}), (Result{{5, 1}, {2, 1}}));
}

TEST(Shares, PodsThatLeaveCountUntilTheyAreGone) {
  Asker shrinks = asker(2, 100);
  shrinks.existing = {.replicas = 2, .peak_pods = 5, .limit = 4};
  EXPECT_EQ(shares({shrinks, asker(1, 100)}, {20}), (Result{{2, 2}, {1, 10}}));
}

TEST(Shares, SizedForTheMaximumThereIsRoomAsIfAllPodsWereThere) {
  Asker sized = asker(2, 100);
  sized.request.max_replicas = 5;
  sized.request.size_for_maximum = true;
  EXPECT_EQ(shares({sized, asker(1, 100)}, {60}), (Result{{2, 6, 3}, {1, 30}}));
  const auto before = shares({sized, asker(1, 100)}, {60});
  sized.request.replicas = 5;
  const auto after = shares({sized, asker(1, 100)}, {60});
  EXPECT_EQ(after, (Result{{5, 6}, {1, 30}}));
  EXPECT_EQ(before[1], after[1]) << "the neighbour does not notice";
}

TEST(Shares, PodsThatAreAskedForComeBeforePodsThatMayBe) {
  Asker sized = asker(2, 100);
  sized.request.max_replicas = 20;
  sized.request.size_for_maximum = true;
  EXPECT_EQ(shares({sized, asker(3, 100)}, {10}), (Result{{2, 1, 5}, {3, 1}}));
  sized.existing = {.replicas = 2, .peak_pods = 4, .limit = 3};
  EXPECT_EQ(shares({sized, asker(3, 100)}, {10}), (Result{{2, 1, 5}, {3, 1}}))
      << "pods that leave make room for those that may come";
}

TEST(Shares, StrictThatDoesNotGetAllGivesWay) {
  Asker strict = asker(2, 30);
  strict.request.policy = Policy::kStrict;
  EXPECT_EQ(shares({strict, asker(1, 100)}, {100}), (Result{{1, 1}, {1, 99}}));
  EXPECT_EQ(shares({strict, asker(1, 40)}, {100}), (Result{{2, 30}, {1, 40}}));
  EXPECT_EQ(shares({strict, strict}, {100}), (Result{{2, 30}, {1, 1}})) << "the later one gives way";
  strict.existing = {.replicas = 2, .peak_pods = 2, .limit = 20};
  EXPECT_EQ(shares({strict, asker(1, 100)}, {100}), (Result{{2, 20}, {1, 60}}));
}

TEST(Shares, OfNothingIsNothing) {
  EXPECT_EQ(shares({asker(2, 9), asker(0, 9)}, {-5}), (Result{{0, 1}, {0, 1}}));
  EXPECT_EQ(shares({}, {5}), Result{});
}

}  // namespace
}  // namespace storagepool::sizing
