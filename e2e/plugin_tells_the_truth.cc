// `kubectl storagepool` beside real pods: what it says is what is so.
#include <cstdlib>
#include <string>
#include <utility>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "e2e/support/process.h"
#include "e2e/support/scenario.h"

namespace storagepool::e2e {
namespace {

using nlohmann::json;
using ::testing::HasSubstr;

constexpr int kPods = 2;

class PluginTellsTheTruth : public Scenario {
 protected:
  Result plugin(std::vector<std::string> words) {
    const char* given = std::getenv("STORAGEPOOL_PLUGIN");
    words.insert(words.begin(), given != nullptr && *given != '\0' ? given : STORAGEPOOL_PLUGIN_PROGRAM);
    words.insert(words.end(), {"-n", name_space()});
    return run(words);
  }
  json plugin_json(std::vector<std::string> words, int exit_code = 0) {
    words.insert(words.end(), {"-o", "json"});
    const Result said = plugin(std::move(words));
    EXPECT_EQ(said.exit_code, exit_code) << said.err << said.out;
    return json::parse(said.out, nullptr, false);
  }
  // The only StoragePool of `status`.
  json status_of_pool() {
    return plugin_json({"status"}).value("/servers/0/storagePools/0"_json_pointer, json());
  }
};

TEST_F(PluginTellsTheTruth, OfPodsThatRun) {
  const Postgres postgres(name_space(), 60);
  apply(pool("audit", kPods, {{"spec", {{"pool", {{"maxOpenConns", 4}}}}}}));
  ASSERT_TRUE(becomes_ready("audit", kPods));

  const json status = plugin_json({"status"});
  const json& server = status.at("servers").at(0);
  EXPECT_EQ(server.at("maxConnections"), 60) << status;
  EXPECT_EQ(server.at("granted"), 4 * kPods) << status;
  const json& audit = server.at("storagePools").at(0);
  EXPECT_EQ(audit.at("readyPods"), "2/2");
  ASSERT_EQ(audit.at("pods").size(), static_cast<std::size_t>(kPods));
  for (const json& pod : audit.at("pods")) {
    EXPECT_EQ(pod.at("answers"), true) << status;
    EXPECT_EQ(pod.at("limit"), 4) << status;
    EXPECT_EQ(pod.at("waiting"), 0) << status;
    EXPECT_EQ(pod.at("journal").at("waitingEvents"), 0) << status;
    EXPECT_EQ(pod.at("generation"), audit.at("generation")) << status;
  }

  EXPECT_EQ(plugin({"pause", "audit"}).exit_code, 0);
  EXPECT_TRUE(eventually(kLiveDeadline, [this]() -> std::string {
    const json paused = status_of_pool();
    return paused.value("reason", "") == "Paused" ? "" : paused.dump();
  }));
  EXPECT_THAT(plugin({"status"}).out, HasSubstr("nothing is changed"));
  EXPECT_EQ(plugin({"resume", "audit"}).exit_code, 0);
  EXPECT_TRUE(becomes_ready("audit", kPods));
}

}  // namespace
}  // namespace storagepool::e2e
