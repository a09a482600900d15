#include "operator/sizing/sizing.h"

#include <gtest/gtest.h>

namespace storagepool::sizing {
namespace {

settings::ServerFacts server(std::int64_t max_connections) {
  settings::ServerFacts facts;
  facts.system_identifier = "7";
  facts.max_connections = max_connections;
  facts.superuser_reserved_connections = 3;
  return facts;
}

Budget budget_of(const Plan& plan) {
  return plan.budget.value_or(Budget{});
}

TEST(Plan, GrantsWhatIsAskedWhenItFits) {
  const Plan p = plan({.replicas = 3, .max_open_conns = 25}, server(100), {}, {});
  EXPECT_EQ(p.replicas, 3);
  EXPECT_EQ(p.per_pod, 25);
  EXPECT_EQ(p.shortage, Shortage::kNone);
  ASSERT_TRUE(p.budget);
  EXPECT_EQ(budget_of(p).usable, 87);
  EXPECT_EQ(budget_of(p).reserved, 13);
  EXPECT_EQ(budget_of(p).max_safe_replicas, 87);
}

TEST(Plan, FitDividesWhatTheServerCanGive) {
  const Plan p = plan({.replicas = 3, .max_open_conns = 100}, server(40), {}, {});
  EXPECT_EQ(p.per_pod, 9);  // (40 - 3 - 10) / 3
  EXPECT_EQ(p.replicas, 3);
  EXPECT_EQ(p.shortage, Shortage::kLimitsReduced);
  EXPECT_EQ(
      p.message,
      "3 pods ask for 100 connections each, 300 together; 27 are usable (max_connections 40, reserved 13); "
      "planned are 3 pods with 9 each");
}

TEST(Plan, TheSmallestLimitCounts) {
  auto facts = server(100);
  facts.reserved_connections = 5;
  EXPECT_EQ(budget_of(plan({}, facts, {}, {})).usable, 82);
  facts.role_limit = 50;
  EXPECT_EQ(budget_of(plan({}, facts, {}, {})).usable, 40);
  facts.database_limit = 30;
  EXPECT_EQ(budget_of(plan({}, facts, {}, {})).usable, 20);
  EXPECT_EQ(budget_of(plan({.max_connections = 7}, facts, {}, {})).usable, 7);
  EXPECT_EQ(budget_of(plan({.reserve = 40}, facts, {}, {})).usable, 0);
}

TEST(Plan, OthersCountAgainstTheLimitTheyShare) {
  auto facts = server(100);
  facts.role_limit = 40;
  // Another role's connections leave this role's limit alone.
  Others others{.held = {.on_server = 50}, .least = {.on_server = 2}, .have_pods = true};
  EXPECT_EQ(budget_of(plan({}, facts, others, {})).available, 30);
  others.held.of_role = 25;
  EXPECT_EQ(budget_of(plan({}, facts, others, {})).available, 5);
  EXPECT_EQ(budget_of(plan({}, facts, others, {})).other_pools, 50);
}

TEST(Plan, PodsThatStillExistAreCounted) {
  const Plan p = plan({.replicas = 3, .max_open_conns = 100}, server(100), {},
                      {.replicas = 3, .peak_pods = 5, .limit = 10});
  EXPECT_EQ(p.peak_pods, 5);
  EXPECT_EQ(p.per_pod, 17);
}

TEST(Plan, FewerPodsWhenTheMinimumDoesNotFit) {
  const Plan p = plan({.replicas = 10, .max_open_conns = 25, .min_conns_per_pod = 5}, server(40), {}, {});
  EXPECT_EQ(p.replicas, 5);
  EXPECT_EQ(p.per_pod, 5);
  EXPECT_EQ(p.shortage, Shortage::kMinimumDoesNotFit);
  EXPECT_EQ(budget_of(p).max_safe_replicas, 5);
}

TEST(Plan, RunningPodsAreNotGivenUpForWhatOthersHoldAboveTheirMinimum) {
  const Others others{.held = {.on_server = 27}, .least = {.on_server = 3}, .have_pods = true};
  EXPECT_EQ(plan({.replicas = 3}, server(40), others, {.replicas = 3, .peak_pods = 3, .limit = 9}).replicas,
            3);
  EXPECT_EQ(plan({.replicas = 3}, server(40), others, {}).replicas, 0);
}

TEST(Plan, TheOnlyPodOfAServerStaysToSeeItGrow) {
  const Plan p = plan({.replicas = 3}, server(13), {}, {.replicas = 3, .peak_pods = 3, .limit = 5});
  EXPECT_EQ(p.replicas, 1);
  EXPECT_EQ(p.per_pod, 1);
  EXPECT_EQ(p.shortage, Shortage::kMinimumDoesNotFit);
  EXPECT_EQ(plan({.replicas = 0}, server(13), {}, {}).replicas, 0);
}

TEST(Plan, UnknownServerStartsWithOnePodAtTheMinimum) {
  const Plan p = plan({.replicas = 3, .max_open_conns = 25, .min_conns_per_pod = 2}, std::nullopt, {}, {});
  EXPECT_EQ(p.replicas, 1);
  EXPECT_EQ(p.per_pod, 2);
  EXPECT_EQ(p.shortage, Shortage::kFactsUnknown);
  EXPECT_FALSE(p.budget);
  EXPECT_EQ(plan({.replicas = 0}, std::nullopt, {}, {}).replicas, 0);
  EXPECT_EQ(plan({.replicas = 2}, std::nullopt, {}, {.replicas = 3, .peak_pods = 3}).replicas, 2);
}

TEST(Plan, StrictRollsOutAllOrNothing) {
  const Request request{.policy = Policy::kStrict, .replicas = 5, .max_open_conns = 25};
  const Existing existing{.replicas = 3, .peak_pods = 3, .limit = 20};
  const Plan held = plan(request, server(100), {}, existing);
  EXPECT_EQ(held.replicas, 3);
  EXPECT_EQ(held.per_pod, 20);
  EXPECT_EQ(held.shortage, Shortage::kStrict);
  const Plan rolled = plan(request, server(200), {}, existing);
  EXPECT_EQ(rolled.replicas, 5);
  EXPECT_EQ(rolled.per_pod, 25);
  // A server that shrank still counts: what is held comes down.
  EXPECT_EQ(plan(request, server(43), {}, existing).per_pod, 10);
  // Nothing rolled out before: one pod with the minimum, which learns the limits.
  const Plan first = plan(request, server(50), {}, {});
  EXPECT_EQ(first.replicas, 1);
  EXPECT_EQ(first.per_pod, 1);
}

TEST(Plan, ObserveGrantsWhatIsAskedAndReports) {
  const Plan p = plan({.policy = Policy::kObserve, .replicas = 3, .max_open_conns = 100}, server(40), {}, {});
  EXPECT_EQ(p.replicas, 3);
  EXPECT_EQ(p.per_pod, 100);
  EXPECT_EQ(p.shortage, Shortage::kObserved);
  EXPECT_EQ(plan({.policy = Policy::kObserve, .replicas = 3}, std::nullopt, {}, {}).replicas, 3);
}

TEST(Grant, BringsEverythingThatDependsOnTheLimitWithinIt) {
  const settings::Settings granted =
      grant({{"maxOpenConns", 100}, {"maxIdleConns", 25}, {"acquireTimeout", 5000}}, 9);
  EXPECT_EQ(granted.max_open_conns, 9);
  EXPECT_EQ(granted.max_idle_conns, 9);
  EXPECT_LE(granted.system_conns, 9);
  EXPECT_EQ(granted.acquire_timeout, std::chrono::seconds{5});
  for (const std::int64_t limit : {1, 2, 3, 10'000}) {
    const auto resolved = settings::resolve(settings::to_given(grant({{"maxIdleConns", 5}}, limit)));
    ASSERT_TRUE(resolved);
    EXPECT_EQ(resolved->max_open_conns, limit);
  }
}

}  // namespace
}  // namespace storagepool::sizing
