// A changed setting is in force in every pod within moments, without a restart: the engine says so, the
// status says so, and PostgreSQL sees it.
#include <chrono>
#include <map>
#include <string>

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "e2e/support/backend_sampler.h"
#include "e2e/support/load.h"
#include "e2e/support/port_forward.h"
#include "e2e/support/scenario.h"

namespace storagepool::e2e {
namespace {

using nlohmann::json;
using namespace std::chrono_literals;

constexpr int kPods = 2;

class SettingChangesLive : public Scenario {
 protected:
  // Which container runs in each pod, and how often it was started: changes with every restart or
  // replacement.
  std::map<std::string, std::string> containers() {
    std::map<std::string, std::string> result;
    for (const auto& pod : list("pods", "app.kubernetes.io/instance=audit")) {
      const json container = pod.at("status").at("containerStatuses").at(0);
      result[pod.at("metadata").at("name")] = container.at("containerID").get<std::string>() + " " +
                                              std::to_string(container.at("restartCount").get<int>());
    }
    return result;
  }

  // What the pod's engine has in force.
  json settings_of(const std::string& pod) {
    const auto answer = ask_admin(pod, "/admin/settings");
    if (!answer || answer->status != 200) {
      ADD_FAILURE() << "GET /admin/settings of " << pod << ": " << (answer ? answer->body : answer.error());
      return json::object();
    }
    return json::parse(answer->body);
  }
};

TEST_F(SettingChangesLive, WithoutARestart) {
  const Postgres postgres(name_space(), 60);
  apply(pool("audit", kPods, {{"spec", {{"pool", {{"maxOpenConns", 4}, {"maxIdleConns", 4}}}}}}));
  ASSERT_TRUE(becomes_ready("audit", kPods));
  const auto before = containers();
  ASSERT_EQ(before.size(), static_cast<std::size_t>(kPods));
  const auto generation = get("storagepool", "audit").at("status").at("settingsGeneration").get<int>();

  BackendSampler sampler(name_space());
  Load load(name_space());
  for (int i = 0; i < kPods; ++i) load.add_pod("audit-" + std::to_string(i), 12);
  const auto backends_become = [&](int wanted) {
    return eventually(kLiveDeadline, [&sampler, &load, wanted]() -> std::string {
      return sampler.now() == wanted ? ""
                                     : std::to_string(sampler.now()) + " backends, expected " +
                                           std::to_string(wanted) + "; " + load.report();
    });
  };
  EXPECT_TRUE(backends_become(4 * kPods));

  for (const int limit : {9, 2}) {
    patch("audit", {{"spec",
                     {{"pool",
                       {{"maxOpenConns", limit},
                        {"maxIdleConns", limit},
                        {"statementTimeout", "1500ms"},
                        {"connMaxLifetime", "90s"},
                        {"maxWaiters", 77}}}}}});
    ASSERT_TRUE(becomes_ready("audit", kPods, kLiveDeadline));
    const json status = get("storagepool", "audit").at("status");
    EXPECT_GT(status.at("settingsGeneration").get<int>(), generation);
    for (const auto& pod : status.at("pods")) {
      EXPECT_EQ(pod.at("maxOpenConns"), limit);
      const json report = settings_of(pod.at("name"));
      EXPECT_EQ(report.value("appliedGeneration", 0), pod.at("appliedGeneration"));
      const json settings = report.value("settings", json::object());
      EXPECT_EQ(settings.value("maxOpenConns", json()), limit) << report;
      EXPECT_EQ(settings.value("maxIdleConns", json()), limit) << report;
      EXPECT_EQ(settings.value("statementTimeout", json()), "1s500ms") << report;
      EXPECT_EQ(settings.value("connMaxLifetime", json()), "1m30s") << report;
      EXPECT_EQ(settings.value("maxWaiters", json()), 77) << report;
    }
    EXPECT_TRUE(backends_become(limit * kPods));
  }
  load.stop();
  EXPECT_EQ(load.failed(), 0) << load.report();
  EXPECT_EQ(containers(), before);
}

}  // namespace
}  // namespace storagepool::e2e
