// Resizes under load, by people and by an autoscaler, one StoragePool and several at once.
#include <array>
#include <chrono>
#include <string>

#include <gtest/gtest.h>

#include "e2e/chaos/chaos.h"

namespace storagepool::e2e {
namespace {

using nlohmann::json;
using namespace std::chrono_literals;

class ScalingKeepsTheSum : public Chaos {};

TEST_F(ScalingKeepsTheSum, OneToSixToTwoToFive) {
  const Postgres postgres(name_space(), 60);
  apply(greedy(postgres, "audit", 1));
  ASSERT_TRUE(becomes_ready("audit", 1));
  Promise promise(name_space(), "1-scaling", "Scaled 1, 6, 2, 5 under load", kReserve);
  Traffic traffic;
  load(traffic, "audit", 48);
  for (const int replicas : {6, 2, 5}) {
    promise.mark("to " + std::to_string(replicas));
    scale("audit", replicas);
    EXPECT_TRUE(becomes_ready("audit", replicas));
    EXPECT_TRUE(flows(traffic));
  }
  traffic.stop();
  expect_kept(promise, traffic, traffic.failures());
}

TEST_F(ScalingKeepsTheSum, ThreeStoragePoolsAtOnce) {
  const Postgres postgres(name_space(), 60);
  constexpr std::array kNames{"first", "second", "third"};
  for (const char* name : kNames) apply(greedy(postgres, name, 2));
  for (const char* name : kNames) ASSERT_TRUE(becomes_ready(name, 2));
  Promise promise(name_space(), "2-three-at-once", "Three StoragePools resized at once", kReserve);
  Traffic traffic;
  for (const char* name : kNames) load(traffic, name, 20);
  for (const std::array<int, 3> sizes : {std::array{4, 1, 3}, std::array{1, 4, 2}, std::array{3, 3, 3}}) {
    promise.mark("to " + std::to_string(sizes[0]) + ", " + std::to_string(sizes[1]) + ", " +
                 std::to_string(sizes[2]));
    for (std::size_t i = 0; i < kNames.size(); ++i) scale(kNames.at(i), sizes.at(i));
    for (std::size_t i = 0; i < kNames.size(); ++i) EXPECT_TRUE(becomes_ready(kNames.at(i), sizes.at(i)));
    EXPECT_TRUE(flows(traffic));
  }
  traffic.stop();
  expect_kept(promise, traffic, traffic.failures());
}

// The cluster's own autoscaler changes the scale subresource: what its bounds ask for needs no metrics.
TEST_F(ScalingKeepsTheSum, ByAnAutoscaler) {
  const Postgres postgres(name_space(), 60);
  apply(greedy(postgres, "audit", 1));
  ASSERT_TRUE(becomes_ready("audit", 1));
  Promise promise(name_space(), "3-autoscaler", "A HorizontalPodAutoscaler, 1 to 4 to 2 to 5, under load",
                  kReserve);
  Traffic traffic;
  load(traffic, "audit", 48);
  const auto between = [&](int least, int most) {
    promise.mark(std::to_string(least) + " to " + std::to_string(most) + " replicas");
    apply({{"apiVersion", "autoscaling/v2"},
           {"kind", "HorizontalPodAutoscaler"},
           {"metadata", {{"name", "audit"}, {"namespace", name_space()}}},
           {"spec",
            {{"minReplicas", least},
             {"maxReplicas", most},
             {"scaleTargetRef",
              {{"apiVersion", "storagepool.dev/v1alpha1"}, {"kind", "StoragePool"}, {"name", "audit"}}}}}});
  };
  between(4, 6);
  EXPECT_TRUE(becomes_ready("audit", 4));
  EXPECT_TRUE(flows(traffic));
  between(1, 2);
  EXPECT_TRUE(becomes_ready("audit", 2));
  EXPECT_TRUE(flows(traffic));

  // Sized for the maximum, pods come without anybody's limit being changed.
  promise.mark("sizeFor: Maximum");
  patch("audit", {{"spec", {{"budget", {{"sizeFor", "Maximum"}}}}}});
  between(1, 5);
  const auto status = [&] { return get("storagepool", "audit").value("status", json::object()); };
  const auto budget = [&] { return status().value("connectionBudget", json::object()); };
  constexpr int kForFive = (60 - 3 - kReserve) / 5;
  EXPECT_TRUE(eventually(60s, [&]() -> std::string {
    return budget().value("granted", 0) == kForFive * 2 ? "" : summary(get("storagepool", "audit"));
  }));
  const int generation = status().value("settingsGeneration", 0);
  between(5, 5);
  EXPECT_TRUE(becomes_ready("audit", 5));
  EXPECT_TRUE(flows(traffic));
  EXPECT_EQ(budget().value("perPod", 0), kForFive);
  EXPECT_EQ(status().value("settingsGeneration", 0), generation) << "nobody shrank";
  between(5, 60);
  EXPECT_TRUE(eventually(60s, [&]() -> std::string {
    const json object = get("storagepool", "audit");
    return condition(object, "BudgetExceeded").value("reason", "") == "MaximumDoesNotFit" ? ""
                                                                                          : summary(object);
  })) << "before it hurts";
  traffic.stop();
  expect_kept(promise, traffic, traffic.failures());
}

}  // namespace
}  // namespace storagepool::e2e
