// `kubectl storagepool` beside real pods: what it says is what is so.
#include <unistd.h>

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
  // What the Secrets of this namespace and of the operator's hold.
  std::vector<std::string> secrets() {
    std::vector<std::string> found;
    for (const std::string& place : {name_space(), operator_namespace()}) {
      const json list = kubectl_json({"get", "secrets", "-n", place});
      for (const json& secret : list.at("items")) {
        const json data = secret.value("data", json::object());
        for (const auto& [key, value] : data.items()) {
          const Result decoded = run({"base64", "-d"}, value.get<std::string>());
          if (key != "username" && decoded.out.size() >= 8) found.push_back(decoded.out);
        }
      }
    }
    return found;
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

  const json top = plugin_json({"top"});
  ASSERT_EQ(top.at("pods").size(), static_cast<std::size_t>(kPods));
  EXPECT_EQ(top.at("pods").at(0).at("limit"), 4) << top;

  // What can be good here is; what this cluster and this StoragePool have not is told.
  const json verified = plugin_json({"verify", "--watch", "1s"}, 1).at("storagePools").at(0).at("checks");
  std::vector<std::string> failed;
  for (const json& check : verified) {
    if (check.at("result") != "pass") failed.push_back(check.at("name"));
  }
  EXPECT_THAT(failed, ::testing::UnorderedElementsAre("tls", "postgres-tls", "alerts")) << verified;

  const std::string archive = ::testing::TempDir() + name_space() + ".tar";
  const json gathered =
      plugin_json({"must-gather", "--file", archive, "--operator-namespace", operator_namespace()});
  EXPECT_EQ(gathered.at("errors"), json::array());
  const std::string text = run({"tar", "-xOf", archive}).out;
  EXPECT_THAT(text, HasSubstr("storagepool_pool_max_open 4"));
  EXPECT_THAT(text, HasSubstr("\"level\":\"info\""));
  for (const std::string& secret : secrets())
    EXPECT_EQ(text.find(secret), std::string::npos) << "a secret is in it";
  ::unlink(archive.c_str());

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
