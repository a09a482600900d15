// Seeded random requests, servers and states: the planner's promises S1 to S3 hold for all of them.
#include <random>

#include <gtest/gtest.h>

#include "operator/sizing/sizing.h"

namespace storagepool::sizing {
namespace {

struct Case {
  Request request;
  settings::ServerFacts facts;
  Others others;
  Existing existing;
};

class Generator {
 public:
  explicit Generator(std::uint32_t seed) : random_(seed) {}

  std::int64_t number(std::int64_t from, std::int64_t to) {
    return std::uniform_int_distribution<std::int64_t>(from, to)(random_);
  }
  std::optional<std::int64_t> maybe(std::int64_t from, std::int64_t to) {
    return number(0, 2) == 0 ? std::optional(number(from, to)) : std::nullopt;
  }

  Case next() {
    Case c;
    c.request.policy = static_cast<Policy>(number(0, 2));
    c.request.replicas = number(0, 20);
    c.request.min_conns_per_pod = number(1, 10);
    c.request.max_open_conns = number(c.request.min_conns_per_pod, 200);
    c.request.reserve = number(0, 30);
    c.request.max_connections = maybe(1, 500);
    c.facts.max_connections = number(1, 500);
    c.facts.superuser_reserved_connections = number(0, 5);
    c.facts.reserved_connections = number(0, 5);
    c.facts.role_limit = maybe(0, 200);
    c.facts.database_limit = maybe(0, 200);
    c.others.held = {number(0, 100), number(0, 50), number(0, 50)};
    c.others.least = {number(0, c.others.held.on_server), number(0, c.others.held.of_role),
                      number(0, c.others.held.on_database)};
    c.others.have_pods = number(0, 1) == 1;
    c.existing.replicas = number(0, 20);
    c.existing.peak_pods = number(c.existing.replicas, 25);
    c.existing.limit = number(0, 200);
    return c;
  }

 private:
  std::mt19937 random_;
};

std::int64_t available(const Plan& plan) {
  return plan.budget.value_or(Budget{}).available;
}

constexpr int kCases = 50'000;

TEST(PlanProperties, S1WhatIsPlannedFits) {
  Generator generator(1);
  int checked = 0;
  for (int i = 0; i < kCases; ++i) {
    const Case c = generator.next();
    const Plan p = plan(c.request, c.facts, c.others, c.existing);
    if (c.request.policy == Policy::kObserve) continue;
    if (p.peak_pods * c.request.min_conns_per_pod > available(p)) continue;
    ++checked;
    ASSERT_LE(p.per_pod * p.peak_pods, available(p)) << "case " << i;
  }
  EXPECT_GT(checked, kCases / 10);
}

TEST(PlanProperties, S1NothingIsAddedThatDoesNotFitAtTheMinimum) {
  Generator generator(2);
  for (int i = 0; i < kCases; ++i) {
    const Case c = generator.next();
    const Plan p = plan(c.request, c.facts, c.others, c.existing);
    if (c.request.policy == Policy::kObserve || p.replicas <= c.existing.replicas) continue;
    const bool last_of_server = p.replicas == 1 && !c.others.have_pods;
    ASSERT_TRUE(last_of_server || p.replicas * c.request.min_conns_per_pod <= available(p)) << "case " << i;
  }
}

TEST(PlanProperties, S2APlanCarriedOutGivesItselfAgain) {
  Generator generator(3);
  for (int i = 0; i < kCases; ++i) {
    Case c = generator.next();
    Plan p = plan(c.request, c.facts, c.others, c.existing);
    // Pods come up, surplus ones go away, the limit is granted; then nothing more may change.
    for (int round = 0; round < 3; ++round) {
      c.existing = {.replicas = p.replicas, .peak_pods = p.replicas, .limit = p.per_pod};
      p = plan(c.request, c.facts, c.others, c.existing);
    }
    const Plan again = plan(c.request, c.facts, c.others, c.existing);
    ASSERT_EQ(again.replicas, c.existing.replicas) << "case " << i;
    ASSERT_EQ(again.per_pod, c.existing.limit) << "case " << i;
    ASSERT_EQ(again.message, p.message) << "case " << i;
  }
}

TEST(PlanProperties, S3NeverBelowTheMinimumAndShortageIsNamed) {
  Generator generator(4);
  for (int i = 0; i < kCases; ++i) {
    const Case c = generator.next();
    const Plan p = plan(c.request, c.facts, c.others, c.existing);
    ASSERT_GE(p.per_pod, c.request.min_conns_per_pod) << "case " << i;
    ASSERT_LE(p.per_pod, c.request.max_open_conns) << "case " << i;
    ASSERT_LE(p.replicas, c.request.replicas) << "case " << i;
    if (p.replicas < c.request.replicas) {
      ASSERT_NE(p.shortage, Shortage::kNone) << "case " << i;
      if (c.request.policy == Policy::kFit) {
        ASSERT_EQ(p.shortage, Shortage::kMinimumDoesNotFit) << "case " << i;
      }
    }
  }
}

}  // namespace
}  // namespace storagepool::sizing
