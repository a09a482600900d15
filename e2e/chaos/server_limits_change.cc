// The server's own limit changes: 100 connections, then 40, then 200.
#include <chrono>
#include <string>

#include <gtest/gtest.h>

#include "e2e/chaos/chaos.h"

namespace storagepool::e2e {
namespace {

using nlohmann::json;
using namespace std::chrono_literals;
using std::chrono::steady_clock;

class ServerLimitsChange : public Chaos {
 protected:
  // Until the pods have been given what fits the server now.
  ::testing::AssertionResult grants(int granted) {
    return eventually(kReadyDeadline, [&]() -> std::string {
      const json object = get("storagepool", "audit");
      const json budget = object.value("status", json::object()).value("connectionBudget", json::object());
      return budget.value("granted", 0) == granted ? "" : summary(object);
    });
  }
};

TEST_F(ServerLimitsChange, HundredToFortyToTwoHundred) {
  const Postgres postgres(name_space(), 100);
  apply(greedy(postgres, "audit", 3));
  ASSERT_TRUE(becomes_ready("audit", 3));
  ASSERT_TRUE(grants((100 - 13) / 3 * 3));
  Promise promise(name_space(), "8-server", "max_connections 100, 40, 200", kReserve);
  Traffic traffic;
  load(traffic, "audit", 36);
  EXPECT_TRUE(flows(traffic));

  for (const int most : {40, 200}) {
    promise.mark("max_connections = " + std::to_string(most));
    const auto from = steady_clock::now();
    postgres.set_max_connections(most);
    EXPECT_TRUE(grants((most - 13) / 3 * 3));
    EXPECT_TRUE(becomes_ready("audit", 3));
    // The pods may hold what the server gave before until they have heard of it.
    if (most == 40) promise.excuse(from, steady_clock::now());
    EXPECT_TRUE(flows(traffic));
  }
  traffic.stop();
  expect_kept(promise, traffic, traffic.failures());
}

}  // namespace
}  // namespace storagepool::e2e
