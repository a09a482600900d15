#include "operator/sizing/sizing.h"

#include <gtest/gtest.h>

#include "operator/sizing/testing/outlook.h"

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

// All pods may hold the limit, and no more.
Plan plan_of(const Request& request, const std::optional<settings::ServerFacts>& facts,
             const Existing& existing = {}, std::int64_t others = 0) {
  return plan(request, outlook_of(request, facts, existing, existing.limit, others), existing);
}

TEST(Plan, GrantsWhatIsAskedWhenItFits) {
  const Plan p = plan_of({.replicas = 3, .max_open_conns = 25}, server(100));
  EXPECT_EQ(p.replicas, 3);
  EXPECT_EQ(p.per_pod, 25);
  EXPECT_EQ(p.shortage, Shortage::kNone);
  ASSERT_TRUE(p.budget);
  EXPECT_EQ(budget_of(p).usable, 87);
  EXPECT_EQ(budget_of(p).reserved, 13);
  EXPECT_EQ(budget_of(p).share, 75);
  EXPECT_EQ(budget_of(p).max_safe_replicas, 87);
}

TEST(Plan, FitDividesWhatTheServerCanGive) {
  const Plan p = plan_of({.replicas = 3, .max_open_conns = 100}, server(40));
  EXPECT_EQ(p.per_pod, 9);  // (40 - 3 - 10) / 3
  EXPECT_EQ(p.replicas, 3);
  EXPECT_EQ(p.shortage, Shortage::kLimitsReduced);
  EXPECT_EQ(
      p.message,
      "3 pods ask for 100 connections each, 300 together; 27 are usable (max_connections 40, reserved 13); "
      "planned are 3 pods with 9 each; up to 27 replicas are safe, with minConnsPerPod 1 each. What helps: "
      "lower "
      "spec.replicas or spec.pool, or raise the server's max_connections");
}

TEST(Plan, TheSmallestLimitCounts) {
  auto facts = server(100);
  facts.reserved_connections = 5;
  EXPECT_EQ(budget_of(plan_of({}, facts)).usable, 82);
  facts.role_limit = 50;
  EXPECT_EQ(budget_of(plan_of({}, facts)).usable, 50);
  facts.database_limit = 30;
  EXPECT_EQ(budget_of(plan_of({}, facts)).usable, 30);
  EXPECT_EQ(budget_of(plan_of({.max_connections = 7}, facts)).usable, 7);
  EXPECT_EQ(budget_of(plan_of({.reserve = 90}, facts)).usable, 2);
  EXPECT_EQ(budget_of(plan_of({.reserve = 95}, facts)).usable, 0);
}

TEST(Plan, OthersAreToldInSums) {
  const Plan p = plan_of({.replicas = 3, .max_open_conns = 100, .min_conns_per_pod = 3}, server(40), {}, 20);
  EXPECT_EQ(p.shortage, Shortage::kMinimumDoesNotFit);
  EXPECT_EQ(budget_of(p).other_pools, 20);
  EXPECT_EQ(p.message,
            "3 pods ask for 100 connections each, 300 together; 27 are usable (max_connections 40, reserved "
            "13); 1 other StoragePool with 1 pod may hold 20 and keep at least 20, the share of this one is "
            "6; planned are 2 pods with 3 each; up to 2 replicas are safe, with minConnsPerPod 3 each. What "
            "helps: lower spec.replicas to 2 or spec.budget.minConnsPerPod, or raise the server's "
            "max_connections");
}

TEST(Plan, PodsThatStillExistAreCounted) {
  const Plan p = plan_of({.replicas = 3, .max_open_conns = 100}, server(100),
                         {.replicas = 3, .peak_pods = 5, .limit = 10});
  EXPECT_EQ(p.peak_pods, 5);
  EXPECT_EQ(p.per_pod, 17);
}

TEST(Plan, FewerPodsWhenTheMinimumDoesNotFit) {
  const Plan p = plan_of({.replicas = 10, .max_open_conns = 25, .min_conns_per_pod = 5}, server(40));
  EXPECT_EQ(p.replicas, 5);
  EXPECT_EQ(p.per_pod, 5);
  EXPECT_EQ(p.shortage, Shortage::kMinimumDoesNotFit);
  EXPECT_EQ(budget_of(p).max_safe_replicas, 5);
}

TEST(Plan, SizedForTheMaximumAScaleOutShrinksNobody) {
  Request request{.replicas = 2, .max_open_conns = 25, .max_replicas = 5, .size_for_maximum = true};
  const Plan two = plan_of(request, server(88));
  EXPECT_EQ(two.replicas, 2);
  EXPECT_EQ(two.per_pod, 15);  // 75 / 5
  EXPECT_EQ(two.shortage, Shortage::kLimitsReduced);
  EXPECT_EQ(budget_of(two).share, 30);
  EXPECT_EQ(budget_of(two).max_safe_replicas, 75);
  EXPECT_EQ(
      two.message,
      "5 pods (replicas 2, an autoscaler's maximum 5) ask for 25 connections each, 125 together; 75 are "
      "usable (max_connections 88, reserved 13); planned are 2 pods with 15 each; up to 75 replicas are "
      "safe, with minConnsPerPod 1 each. What helps: lower the autoscaler's maxReplicas or spec.pool, or "
      "raise the server's max_connections");
  request.replicas = 5;
  const Plan five = plan_of(request, server(88), {.replicas = 2, .peak_pods = 2, .limit = 15});
  EXPECT_EQ(five.replicas, 5);
  EXPECT_EQ(five.per_pod, 15);
  request.replicas = 6;  // by a person
  EXPECT_EQ(plan_of(request, server(88), {.replicas = 5, .peak_pods = 5, .limit = 15}).per_pod, 12);
}

TEST(Plan, SizedForAMaximumThatNobodyTellsIsSizedForTheReplicas) {
  const Request request{.replicas = 3, .max_open_conns = 25, .size_for_maximum = true};
  EXPECT_EQ(plan_of(request, server(88)).per_pod, 25);
  EXPECT_EQ(plan_of(request, server(88)).shortage, Shortage::kNone);
}

TEST(Plan, SaysBeforeItHurtsThatAnAutoscalersMaximumDoesNotFit) {
  Request request{.replicas = 2, .max_open_conns = 5, .min_conns_per_pod = 2, .max_replicas = 14};
  const Plan current = plan_of(request, server(40));
  EXPECT_EQ(current.replicas, 2);
  EXPECT_EQ(current.per_pod, 5);
  EXPECT_EQ(current.shortage, Shortage::kMaximumDoesNotFit);
  EXPECT_EQ(
      current.message,
      "2 pods ask for 5 connections each, 10 together; 27 are usable (max_connections 40, reserved 13); "
      "planned are 2 pods with 5 each; up to 13 replicas are safe, with minConnsPerPod 2 each, and an "
      "autoscaler may ask for 14. What helps: lower the autoscaler's maxReplicas to 13 or "
      "spec.budget.minConnsPerPod, or raise the server's max_connections");
  request.size_for_maximum = true;
  const Plan maximum = plan_of(request, server(40));
  EXPECT_EQ(maximum.replicas, 2);
  EXPECT_EQ(maximum.per_pod, 2);
  EXPECT_EQ(maximum.shortage, Shortage::kMaximumDoesNotFit);
  request.max_replicas = 13;
  EXPECT_EQ(plan_of(request, server(40)).shortage, Shortage::kLimitsReduced);
  request.size_for_maximum = false;
  EXPECT_EQ(plan_of(request, server(40)).shortage, Shortage::kNone);
}

TEST(Plan, SaysWhichLimitToRaise) {
  const auto helps = [](const Request& request, const settings::ServerFacts& facts) {
    const std::string message = plan_of(request, facts).message;
    return message.substr(message.find("or raise "));
  };
  const Request request{.replicas = 9, .max_open_conns = 25};
  settings::ServerFacts facts = server(100);
  EXPECT_EQ(helps(request, facts), "or raise the server's max_connections");
  facts.role_limit = 50;
  EXPECT_EQ(helps(request, facts), "or raise the role's CONNECTION LIMIT");
  facts.database_limit = 30;
  EXPECT_EQ(helps(request, facts), "or raise the database's CONNECTION LIMIT");
  EXPECT_EQ(helps({.replicas = 9, .max_connections = 20}, facts), "or raise spec.budget.maxConnections");
}

TEST(Plan, StrictSizedForTheMaximumIsRolledOutWhenAllOfItFits) {
  Request request{.policy = Policy::kStrict,
                  .replicas = 2,
                  .max_open_conns = 25,
                  .max_replicas = 4,
                  .size_for_maximum = true};
  EXPECT_EQ(plan_of(request, server(113)).per_pod, 25);
  EXPECT_EQ(plan_of(request, server(113)).replicas, 2);
  const Plan held = plan_of(request, server(112), {.replicas = 1, .peak_pods = 1, .limit = 25});
  EXPECT_EQ(held.shortage, Shortage::kStrict);
  EXPECT_EQ(held.replicas, 1);
  EXPECT_EQ(held.per_pod, 25);
}

TEST(Plan, ALimitBelowTheShareGrowsAsFarAsItIsAvailable) {
  const Request request{.replicas = 3, .max_open_conns = 25};
  const Existing existing{.replicas = 3, .peak_pods = 3, .limit = 2};
  Outlook outlook = outlook_of(request, server(88), existing, 2);
  ASSERT_EQ(outlook.share, (Share{3, 25}));
  outlook.available = 14;  // others are above their shares
  Plan p = plan(request, outlook, existing);
  EXPECT_EQ(p.per_pod, 4);
  EXPECT_TRUE(p.others_hold_more);
  EXPECT_EQ(p.shortage, Shortage::kNone);
  outlook.available = 5;
  EXPECT_EQ(plan(request, outlook, existing).per_pod, 2);
  outlook.available = 75;
  p = plan(request, outlook, existing);
  EXPECT_EQ(p.per_pod, 25);
  EXPECT_FALSE(p.others_hold_more);
}

TEST(Plan, TheOnlyPodOfAServerStaysToSeeItGrow) {
  const Plan p = plan_of({.replicas = 3}, server(13), {.replicas = 3, .peak_pods = 3, .limit = 5});
  EXPECT_EQ(p.replicas, 1);
  EXPECT_EQ(p.per_pod, 1);
  EXPECT_EQ(p.shortage, Shortage::kMinimumDoesNotFit);
  EXPECT_EQ(plan_of({.replicas = 0}, server(13)).replicas, 0);
}

TEST(Plan, UnknownServerStartsWithOnePodAtTheMinimum) {
  const Request request{.replicas = 3, .max_open_conns = 25, .min_conns_per_pod = 2};
  const Plan p = plan_of(request, std::nullopt);
  EXPECT_EQ(p.replicas, 1);
  EXPECT_EQ(p.per_pod, 2);
  EXPECT_EQ(p.shortage, Shortage::kFactsUnknown);
  EXPECT_FALSE(p.budget);
  EXPECT_EQ(plan_of({.replicas = 0}, std::nullopt).replicas, 0);
  EXPECT_EQ(plan_of({.replicas = 2}, std::nullopt, {.replicas = 3, .peak_pods = 3}).replicas, 2);
  const Plan waits = plan_of(request, std::nullopt, {}, 1);
  EXPECT_EQ(waits.replicas, 0);
  EXPECT_EQ(waits.message,
            "the limits of the PostgreSQL server are not known yet; first pods of other StoragePools are to "
            "find them out, one after the other, and this one waits for its turn");
}

TEST(Plan, OnAnUnknownServerPodsThatRunKeepTheirLimit) {
  const Plan p = plan_of({.replicas = 5}, std::nullopt, {.replicas = 3, .peak_pods = 3, .limit = 9});
  EXPECT_EQ(p.replicas, 3);
  EXPECT_EQ(p.per_pod, 9);
}

TEST(Plan, StrictRollsOutAllOrNothing) {
  const Request request{.policy = Policy::kStrict, .replicas = 5, .max_open_conns = 25};
  const Existing existing{.replicas = 3, .peak_pods = 3, .limit = 20};
  const Plan held = plan_of(request, server(100), existing);
  EXPECT_EQ(held.replicas, 3);
  EXPECT_EQ(held.per_pod, 20);
  EXPECT_EQ(held.shortage, Shortage::kStrict);
  const Plan rolled = plan_of(request, server(200), existing);
  EXPECT_EQ(rolled.replicas, 5);
  EXPECT_EQ(rolled.per_pod, 25);
  // Not before the others have made room for all of it.
  Outlook outlook = outlook_of(request, server(200), existing, 20);
  outlook.available = 124;
  EXPECT_EQ(plan(request, outlook, existing).per_pod, 20);
  // A server that shrank still counts: what is held comes down.
  EXPECT_EQ(plan_of(request, server(43), existing).per_pod, 10);
  // Nothing rolled out before: one pod with the minimum, which learns the limits.
  const Plan first = plan_of(request, server(50));
  EXPECT_EQ(first.replicas, 1);
  EXPECT_EQ(first.per_pod, 1);
}

TEST(Plan, APausedOneStaysAsItIsAndSaysWhenThatDoesNotFit) {
  Request request{.replicas = 5, .max_open_conns = 2, .paused = true};
  const Existing existing{.replicas = 3, .peak_pods = 4, .limit = 9};
  const Plan fits = plan_of(request, server(100), existing);
  EXPECT_EQ(fits.replicas, 3);
  EXPECT_EQ(fits.peak_pods, 4);
  EXPECT_EQ(fits.per_pod, 9);
  EXPECT_EQ(fits.shortage, Shortage::kNone);
  EXPECT_EQ(budget_of(fits).share, 27);
  EXPECT_EQ(plan_of(request, server(49), existing).shortage, Shortage::kNone);
  const Plan above = plan_of(request, server(48), existing);
  EXPECT_EQ(above.replicas, 3);
  EXPECT_EQ(above.per_pod, 9);
  EXPECT_EQ(above.shortage, Shortage::kHeld);
  EXPECT_EQ(to_string(above.shortage), "HeldWhilePaused");
  EXPECT_NE(above.message.find("What helps: set spec.paused to false, or raise the server's max_connections"),
            std::string::npos);
  EXPECT_EQ(plan_of(request, std::nullopt, existing).per_pod, 9);
  request.policy = Policy::kObserve;
  EXPECT_EQ(plan_of(request, server(100), existing).per_pod, 9);
}

TEST(Plan, ObserveGrantsWhatIsAskedAndReports) {
  const Plan p = plan_of({.policy = Policy::kObserve, .replicas = 3, .max_open_conns = 100}, server(40));
  EXPECT_EQ(p.replicas, 3);
  EXPECT_EQ(p.per_pod, 100);
  EXPECT_EQ(p.shortage, Shortage::kObserved);
  EXPECT_EQ(plan_of({.policy = Policy::kObserve, .replicas = 3}, std::nullopt).replicas, 3);
}

TEST(Grant, BringsEverythingThatDependsOnTheLimitWithinIt) {
  const settings::Settings granted =
      settings::with_limit({{"maxOpenConns", 100}, {"maxIdleConns", 25}, {"acquireTimeout", 5000}}, 9);
  EXPECT_EQ(granted.max_open_conns, 9);
  EXPECT_EQ(granted.max_idle_conns, 9);
  EXPECT_LE(granted.system_conns, 9);
  EXPECT_EQ(granted.acquire_timeout, std::chrono::seconds{5});
  for (const std::int64_t limit : {1, 2, 3, 10'000}) {
    const auto resolved =
        settings::resolve(settings::to_given(settings::with_limit({{"maxIdleConns", 5}}, limit)));
    ASSERT_TRUE(resolved);
    EXPECT_EQ(resolved->max_open_conns, limit);
  }
}

}  // namespace
}  // namespace storagepool::sizing
