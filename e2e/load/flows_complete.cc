// What an application does from end to end, several at once: makes a workspace, writes to it, reads it back,
// writes a batch, has what it wrote verified, and drops the workspace.
#include <chrono>
#include <future>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "e2e/load/under_load.h"

namespace storagepool::e2e {
namespace {

using nlohmann::json;
using namespace std::chrono_literals;
using std::chrono::steady_clock;

constexpr int kUsers = 4;
constexpr int kFlows = 5;    // of each user
constexpr int kBatch = 100;  // events
constexpr auto kDropped = 30s;
constexpr auto kVerified = 10s;

class FlowsComplete : public UnderLoad {};

// One request that must be answered with `status`; throws std::runtime_error with the answer otherwise.
json ask(HttpClient& client, const std::string& method, const std::string& target, int status,
         const json& body = nullptr) {
  const auto answer = client.send(
      {.method = method, .target = target, .body = body.is_null() ? "" : body.dump(), .headers = {}});
  if (!answer) throw std::runtime_error(method + " " + target + ": " + answer.error());
  if (answer->status != status)
    throw std::runtime_error(method + " " + target + ": " + std::to_string(answer->status) + " " +
                             answer->body);
  return answer->body.empty() ? json(nullptr) : json::parse(answer->body);
}

void expect(bool holds, const std::string& what, const json& found) {
  if (!holds) throw std::runtime_error(what + ": " + found.dump().substr(0, 300));
}

void flow(HttpClient& client, const std::string& name) {
  const std::string workspace = "/api/v1/workspaces/" + name;
  const std::string events = workspace + "/audit/events";
  ask(client, "PUT", workspace, 201);
  const json stored = ask(client, "POST", events, 201, sample_event(name, 0));
  const std::string id = stored.at("event_id");
  expect(ask(client, "GET", events + "/" + id, 200).at("correlation_id") == name, "the event read back", id);
  json batch = json::array();
  for (int i = 1; i <= kBatch; ++i) batch.push_back(sample_event(name, i));
  expect(ask(client, "POST", events + "/batch", 201, batch).at("event_ids").size() == kBatch, "the batch",
         id);
  const json page = ask(client, "GET", events + "?limit=1&correlation_id=" + name, 200);
  expect(page.at("pagination").at("total") == kBatch + 1, "what a list finds", page);
  // Workspaces are not in the log: what is verified is in the StoragePool's own database.
  ask(client, "POST", "/api/v1/audit/events/batch", 201, batch);
  json proof;
  // A pod verifies two at a time, and asks others to come again (429).
  const auto verified = eventually(kVerified, [&]() -> std::string {
    proof = ask(client, "POST", "/api/v1/audit/verify-chain", 200, {{"correlation_id", name}});
    return "";
  });
  if (!verified) throw std::runtime_error(verified.message());
  expect(proof.at("is_valid") == true && proof.at("total_events") == kBatch, "what was verified", proof);
  ask(client, "DELETE", workspace, 202);
  const auto dropped = eventually(kDropped, [&]() -> std::string {
    ask(client, "DELETE", workspace, 204);
    return "";
  });
  if (!dropped) throw std::runtime_error(dropped.message());
}

TEST_F(FlowsComplete, OfSeveralUsersAtOnce) {
  ASSERT_NO_FATAL_FAILURE(start(
      2, {{"pool", {{"maxOpenConns", 25}}},
          {"auth", {{"serviceAccounts", {{{"name", "default"}, {"scopes", {"read", "write", "admin"}}}}}}}}));
  postgres().superuser("alter role " + std::string(kRole) + " createdb");  // a workspace is a database
  struct Done {
    std::vector<double> seconds{};
    std::vector<std::string> problems{};
  };
  std::vector<std::future<Done>> users;
  for (int user = 0; user < kUsers; ++user) {
    users.push_back(std::async(std::launch::async, [at = address(), user] {
      HttpClient client(at, 8080);
      Done done;
      for (int i = 0; i < kFlows; ++i) {
        const auto begun = steady_clock::now();
        try {
          flow(client, "flow-" + std::to_string(user) + "-" + std::to_string(i));
          done.seconds.push_back(std::chrono::duration<double>(steady_clock::now() - begun).count());
        } catch (const std::exception& error) {
          done.problems.emplace_back(error.what());
        }
      }
      return done;
    }));
  }
  Done all;
  for (auto& user : users) {
    const Done done = user.get();
    all.seconds.insert(all.seconds.end(), done.seconds.begin(), done.seconds.end());
    all.problems.insert(all.problems.end(), done.problems.begin(), done.problems.end());
  }
  Outcome outcome{
      .name = "6-flow",
      .title = "Business flow",
      .how =
          "4 users, 5 flows each: create a workspace, write, read, write a batch of 100, list, verify a "
          "chain, drop the workspace; 2 pods",
      .thresholds = {{.what = "flows that came to their end",
                      .value = 100.0 * static_cast<double>(all.seconds.size()) / (kUsers * kFlows),
                      .limit = 100,
                      .unit = "%",
                      .at_least = true}},
      .figures = {{"half of the flows took at most", rounded(percentile(all.seconds, 0.5)) + " s"}},
      .lines = {}};
  if (!all.problems.empty()) outcome.figures.emplace_back("first failure", all.problems.front());
  write(outcome);
}

}  // namespace
}  // namespace storagepool::e2e
