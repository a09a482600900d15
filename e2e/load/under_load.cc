#include "e2e/load/under_load.h"

#include <filesystem>
#include <fstream>
#include <iostream>
#include <utility>

namespace storagepool::e2e {
namespace {

using nlohmann::json;

constexpr int kServerConnections = 150;
constexpr std::uint16_t kPort = 8080;

}  // namespace

std::string UnderLoad::rounded(double value) {
  const auto tenths = static_cast<std::int64_t>(value * 10 + 0.5);
  return std::to_string(tenths / 10) + "." + std::to_string(tenths % 10);
}

std::string UnderLoad::address() {
  return get("service", kName).at("spec").at("clusterIP");
}

void UnderLoad::start(int replicas, const json& spec) {
  postgres_ = std::make_unique<Postgres>(name_space(), kServerConnections);
  apply(pool(kName, replicas, {{"spec", spec}}));
  ASSERT_TRUE(becomes_ready(kName, replicas));
  HttpClient client(address(), kPort);
  ASSERT_TRUE(eventually(kLiveDeadline, [&]() -> std::string {
    const auto answer = client.send({.method = "GET", .target = "/readyz", .body = {}, .headers = {}});
    if (!answer) return answer.error();
    return answer->status == 200 ? "" : answer->body;
  }));
  service_ = std::make_unique<Service>(address(), kPort, service_account_token());
  service_->fill();
}

void UnderLoad::resize(int replicas, int open, int idle) {
  patch(kName, {{"spec", {{"pool", {{"maxOpenConns", open}, {"maxIdleConns", idle}}}}}});
  ASSERT_TRUE(becomes_ready(kName, replicas));
}

std::uint64_t UnderLoad::waits() {
  const auto answer =
      HttpClient(address(), kPort)
          .send({.method = "GET", .target = "/admin/metrics/database", .body = {}, .headers = {}});
  EXPECT_TRUE(answer && answer->status == 200) << (answer ? answer->body : answer.error());
  return answer && answer->status == 200
             ? json::parse(answer->body).at("pool").at("waitCount").get<std::uint64_t>()
             : 0;
}

std::vector<Threshold> UnderLoad::of_errors(const Answers& answers) {
  return {{.what = "errors", .value = static_cast<double>(answers.errors), .limit = 0},
          {.what = "requests answered",
           .value = static_cast<double>(answers.count),
           .limit = 1,
           .at_least = true}};
}

std::vector<std::pair<std::string, std::string>> UnderLoad::figures_of(const Answers& answers) {
  std::vector<std::pair<std::string, std::string>> figures{
      {"answers per second", rounded(answers.per_second())},
      {"latency: half, 95 %, 99 %, all within", rounded(answers.p50) + ", " + rounded(answers.p95) + ", " +
                                                    rounded(answers.p99) + ", " + rounded(answers.max) +
                                                    " ms"},
      {"answered from a journal", std::to_string(answers.journalled)}};
  if (answers.errors > 0) figures.emplace_back("first error", answers.problem);
  return figures;
}

void UnderLoad::write(const Outcome& outcome) {
  const std::filesystem::path folder = std::filesystem::path(STORAGEPOOL_SOURCE_DIR) / "build/reports/load";
  std::filesystem::create_directories(folder);
  std::ofstream(folder / (outcome.name + ".json")) << to_json(outcome).dump(1) << "\n";
  std::cerr << verdict({outcome});
  EXPECT_TRUE(outcome.met());
}

}  // namespace storagepool::e2e
