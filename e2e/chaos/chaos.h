// The fixture of the chaos scenarios: StoragePools that reach PostgreSQL without address translation, and
// what is done to the operator and the node. They change things that all namespaces share, so they run one
// after the other.
#pragma once

#include <string>
#include <vector>

#include "e2e/chaos/promise.h"
#include "e2e/chaos/traffic.h"
#include "e2e/support/node.h"
#include "e2e/support/scenario.h"

namespace storagepool::e2e {

inline constexpr int kReserve = 10;  // spec.postgres.reserve's default

class Chaos : public Scenario {
 protected:
  // Asks for more than any server here has.
  nlohmann::json greedy(const Postgres& postgres, const std::string& name, int replicas) {
    return pool(
        name, replicas,
        {{"spec", {{"pool", {{"profile", "High"}}}, {"postgres", {{"host", postgres.direct_host()}}}}}});
  }

  void load(Traffic& traffic, const std::string& name, int clients) {
    traffic.add(get("service", name).at("spec").at("clusterIP"), 8080, clients);
  }

  void scale(const std::string& name, int replicas) {
    kubectl_out(
        {"-n", name_space(), "scale", "storagepool/" + name, "--replicas=" + std::to_string(replicas)});
  }

  // The traffic goes on: so many more requests are answered.
  ::testing::AssertionResult flows(const Traffic& traffic, int requests = 300) {
    const int before = traffic.answered();
    return eventually(std::chrono::seconds{60}, [&]() -> std::string {
      return traffic.answered() >= before + requests
                 ? ""
                 : std::to_string(traffic.answered() - before) + " answered; " + describe(traffic.failures());
    });
  }

  // At the end of a scenario, of the traffic that was stopped: `failures` are those that nothing explains.
  void expect_kept(const Promise& promise, const Traffic& traffic,
                   const std::vector<Traffic::Failure>& failures) {
    promise.write(traffic);
    EXPECT_TRUE(promise.kept());
    EXPECT_TRUE(failures.empty()) << describe(failures);
  }
};

}  // namespace storagepool::e2e
