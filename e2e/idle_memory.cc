// Both programs are small: below 20 MB of resident memory, as `ps` counts them, when they have nothing to do.
#include <chrono>
#include <cstdint>
#include <sstream>
#include <string>

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "e2e/support/port_forward.h"
#include "e2e/support/scenario.h"

namespace storagepool::e2e {
namespace {

using nlohmann::json;

constexpr double kLimitBytes = 20.0 * 1024 * 1024;
constexpr std::uint16_t kMetricsPort = 9090;

class IdleMemory : public Scenario {
 protected:
  // process_resident_memory_bytes of a pod; 0 when the metric is missing.
  static double resident_bytes(const std::string& name_space, const std::string& pod) {
    const PortForward forward(name_space, "pod/" + pod, kMetricsPort);
    const auto answer =
        HttpClient(forward.port()).send({.method = "GET", .target = "/metrics", .body = {}, .headers = {}});
    if (!answer) {
      ADD_FAILURE() << "GET /metrics of " << pod << ": " << answer.error();
      return 0;
    }
    std::istringstream lines(answer->body);
    for (std::string line; std::getline(lines, line);) {
      if (line.starts_with("process_resident_memory_bytes ")) return std::stod(line.substr(line.find(' ')));
    }
    ADD_FAILURE() << pod << " has no metric process_resident_memory_bytes:\n" << answer->body;
    return 0;
  }
};

TEST_F(IdleMemory, OfAPodAndOfTheOperator) {
  const Postgres postgres(name_space(), 40);
  apply(pool("audit", 1));
  ASSERT_TRUE(becomes_ready("audit", 1));
  const double pod = resident_bytes(name_space(), "audit-0");
  RecordProperty("pod_bytes", std::to_string(pod));
  EXPECT_GT(pod, 1e6);
  EXPECT_LT(pod, kLimitBytes);

  const json operators =
      kubectl_json({"-n", operator_namespace(), "get", "pods", "-l", "app.kubernetes.io/component=operator"});
  ASSERT_FALSE(operators.at("items").empty());
  for (const auto& one : operators.at("items")) {
    const double bytes = resident_bytes(operator_namespace(), one.at("metadata").at("name"));
    RecordProperty("operator_bytes", std::to_string(bytes));
    EXPECT_GT(bytes, 1e6);
    EXPECT_LT(bytes, kLimitBytes);
  }
}

}  // namespace
}  // namespace storagepool::e2e
