// What the project is for: three replicas that ask for 100 connections each of a server that has 40, under
// load, while they are scaled to five and back. The server's backends are counted every 10 ms; never are
// there more than the budget allows, and the server never has to refuse one.
#include <chrono>
#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "e2e/support/backend_sampler.h"
#include "e2e/support/load.h"
#include "e2e/support/scenario.h"

namespace storagepool::e2e {
namespace {

using nlohmann::json;
using namespace std::chrono_literals;

constexpr int kMaxConnections = 40;
constexpr int kUsable = kMaxConnections - 3 - 10;  // reserved for superusers, spec.postgres.reserve
constexpr int kClientsPerPod = 16;

class LimitsFitTheServer : public Scenario {
 protected:
  void add_load(Load& load, int first, int last) {
    for (int i = first; i <= last; ++i) load.add_pod("audit-" + std::to_string(i), kClientsPerPod);
  }

  void expect_budget(int replicas, int per_pod) {
    const json object = get("storagepool", "audit");
    const json budget = object.at("status").at("connectionBudget");
    EXPECT_EQ(budget.value("serverMax", 0), kMaxConnections);
    EXPECT_EQ(budget.value("usable", 0), kUsable);
    EXPECT_EQ(budget.value("perPod", 0), per_pod);
    EXPECT_EQ(budget.value("granted", 0), per_pod * replicas);
    EXPECT_EQ(condition(object, "BudgetExceeded").value("status", ""), "True") << summary(object);
    for (const auto& pod : object.at("status").at("pods"))
      EXPECT_EQ(pod.value("maxOpenConns", 0), per_pod) << pod;
  }

  json blocked() { return condition(get("storagepool", "audit"), "RolloutBlockedByConnections"); }
  ::testing::AssertionResult blocked_with(const std::string& reason) {
    return eventually(60s, [&]() -> std::string {
      return blocked().value("reason", "") == reason ? "" : summary(get("storagepool", "audit"));
    });
  }

  // The load drives every pod to its limit, and writes go on there.
  void expect_full_use(const BackendSampler& sampler, const Load& load, int granted) {
    EXPECT_TRUE(eventually(60s, [&]() -> std::string {
      return sampler.now() == granted ? ""
                                      : std::to_string(sampler.now()) + " backends, expected " +
                                            std::to_string(granted) + "; " + load.report();
    }));
    const int before = load.accepted();
    EXPECT_TRUE(eventually(
        60s, [&]() -> std::string { return load.accepted() >= before + 500 ? "" : load.report(); }));
  }
};

TEST_F(LimitsFitTheServer, UnderLoadAndWhileScaling) {
  const Postgres postgres(name_space(), kMaxConnections);
  BackendSampler sampler(name_space());
  apply(pool("audit", 3, {{"spec", {{"pool", {{"profile", "High"}}}}}}));
  ASSERT_TRUE(becomes_ready("audit", 3));
  expect_budget(3, kUsable / 3);

  Load load(name_space());
  add_load(load, 0, 2);
  expect_full_use(sampler, load, kUsable / 3 * 3);

  kubectl_out({"-n", name_space(), "scale", "storagepool/audit", "--replicas=5"});
  ASSERT_TRUE(becomes_ready("audit", 5));
  expect_budget(5, kUsable / 5);
  add_load(load, 3, 4);
  expect_full_use(sampler, load, kUsable / 5 * 5);

  kubectl_out({"-n", name_space(), "scale", "storagepool/audit", "--replicas=3"});
  ASSERT_TRUE(becomes_ready("audit", 3));
  expect_budget(3, kUsable / 3);
  expect_full_use(sampler, load, kUsable / 3 * 3);

  load.stop();
  EXPECT_TRUE(sampler.alive());
  EXPECT_GT(sampler.samples(), 100);
  EXPECT_LE(sampler.highest(), kUsable);
  EXPECT_EQ(load.failed(), 0) << load.report();
  const std::string log = kubectl_out({"-n", name_space(), "logs", "deployment/postgres"});
  EXPECT_THAT(log, ::testing::Not(::testing::HasSubstr("remaining connection slots")));
  EXPECT_THAT(log, ::testing::Not(::testing::HasSubstr("too many clients")));
}

// The second finds a server that the first has filled: the first comes down, confirms, and the second grows.
TEST_F(LimitsFitTheServer, AddedOverTwoStoragePools) {
  const Postgres postgres(name_space(), kMaxConnections);
  const BackendSampler sampler(name_space());
  const auto granted_to = [&](const char* pool_name) {
    return get("storagepool", pool_name).at("status").at("connectionBudget").value("granted", 0);
  };
  apply(pool("audit", 2, {{"spec", {{"pool", {{"profile", "High"}}}}}}));
  ASSERT_TRUE(becomes_ready("audit", 2));
  EXPECT_EQ(granted_to("audit"), 26);
  apply(pool("second", 2, {{"spec", {{"pool", {{"profile", "High"}}}}}}));
  ASSERT_TRUE(becomes_ready("second", 2));
  EXPECT_TRUE(eventually(60s, [&]() -> std::string {
    const int first = granted_to("audit");
    const int second = granted_to("second");
    return first == 14 && second == 12
               ? ""
               : "granted are " + std::to_string(first) + " and " + std::to_string(second);
  }));
  const int granted = granted_to("audit") + granted_to("second");
  EXPECT_LE(granted, kUsable);

  // The role has less than the sum says, which the pods find out by being refused.
  postgres.superuser("ALTER ROLE audit CONNECTION LIMIT 6");
  Load load(name_space());
  for (const auto* pod : {"audit-0", "audit-1", "second-0", "second-1"}) load.add_pod(pod, kClientsPerPod);
  EXPECT_TRUE(blocked_with("ConnectionsRefused"));
  EXPECT_THAT(blocked().value("message", ""),
              ::testing::HasSubstr("no connection left for this user (53300)"));
  postgres.superuser("ALTER ROLE audit CONNECTION LIMIT -1");
  EXPECT_TRUE(blocked_with("NotBlocked"));
  EXPECT_TRUE(eventually(90s, [&]() -> std::string {
    return sampler.now() == granted ? ""
                                    : std::to_string(sampler.now()) + " backends, expected " +
                                          std::to_string(granted) + "; " + load.report();
  }));
  load.stop();
  EXPECT_EQ(load.failed(), 0) << load.report();

  // Paused, it waits, and goes on after it.
  patch("audit", {{"spec", {{"paused", true}, {"replicas", 1}}}});
  EXPECT_TRUE(eventually(kLiveDeadline, [&]() -> std::string {
    const json object = get("storagepool", "audit");
    return condition(object, "Ready").value("reason", "") == "Paused" ? "" : summary(object);
  }));
  patch("second", {{"spec", {{"replicas", 3}}}});
  EXPECT_TRUE(becomes_ready("second", 3)) << "nobody waits for one that is paused";
  EXPECT_EQ(get("statefulset", "audit").at("spec").value("replicas", 0), 2);
  patch("audit", {{"spec", {{"paused", false}}}});
  EXPECT_TRUE(becomes_ready("audit", 1));
  EXPECT_TRUE(sampler.alive());
  EXPECT_LE(sampler.highest(), kUsable);
}

}  // namespace
}  // namespace storagepool::e2e
