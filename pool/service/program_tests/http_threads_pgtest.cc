// The program with threads of their own for HTTP: none, the usual way, and the most.
#include <filesystem>
#include <fstream>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "pool/service/program_tests/testing/load.h"
#include "pool/service/program_tests/testing/program_test.h"

namespace storagepool::service {
namespace {

using ::testing::HasSubstr;
using ::testing::IsEmpty;
using testing::Load;
using testing::valid_event;

class HttpThreadsTest : public testing::ProgramTest, public ::testing::WithParamInterface<int> {
 protected:
  void start_with_threads(std::vector<std::string> flags = {}) {
    flags.push_back("--http-threads=" + std::to_string(GetParam()));
    start(flags);
  }
  static int events() {
    return std::stoi(server_->superuser("SELECT count(*) FROM audit_events", "audit").at(0));
  }
  // Names of the program's threads that have connections.
  std::set<std::string> threads() const {
    std::set<std::string> names;
    for (const auto& each :
         std::filesystem::directory_iterator("/proc/" + std::to_string(pod_.pid()) + "/task")) {
      std::ifstream comm(each.path() / "comm");
      std::string name;
      std::getline(comm, name);
      if (name.starts_with("http ")) names.insert(name);
    }
    return names;
  }
};

TEST_P(HttpThreadsTest, AreAsManyAsTheFlagSays) {
  start_with_threads();
  EXPECT_EQ(threads().size(), static_cast<std::size_t>(GetParam()));
}

TEST_P(HttpThreadsTest, EveryRequestIsCountedOnceAndNoEventIsLostOrDoubled) {
  start_with_threads();
  const int before = events();
  constexpr int kClients = 12;
  constexpr int kEach = 50;
  std::vector<std::thread> clients;
  for (int i = 0; i < kClients; ++i) {
    clients.emplace_back([this] {
      for (int j = 0; j < kEach; ++j) EXPECT_EQ(pod_.create(valid_event()).status, 201U);
    });
  }
  for (std::thread& client : clients) client.join();
  EXPECT_EQ(events() - before, kClients * kEach);
  EXPECT_EQ(pod_.metric("storagepool_http_requests_total{method=\"POST\",route=\"/api/v1/audit/events\","
                        "status=\"201\"}"),
            kClients * kEach);
}

TEST_P(HttpThreadsTest, AClientsRateIsThatOfAllItsConnections) {
  start_with_threads({"--rate-limit=0.01", "--rate-limit-burst=8"});
  for (int i = 0; i < 8; ++i) EXPECT_EQ(pod_.create(valid_event()).status, 201U);
  for (int i = 0; i < 8; ++i) EXPECT_EQ(pod_.create(valid_event()).status, 429U);
  EXPECT_EQ(pod_.metric("storagepool_http_rate_limited_total"), 8);
}

TEST_P(HttpThreadsTest, ADrainUnderLoadLosesNoAcknowledgedEvent) {
  start_with_threads();
  Load load(pod_.api_port());
  EXPECT_TRUE(load.sees(201, 300));
  EXPECT_EQ(pod_.stop(), 0) << pod_.log();
  load.stop();
  EXPECT_THAT(load.lost_or_doubled(*server_), IsEmpty());
  EXPECT_THAT(pod_.log(), HasSubstr(R"("message":"drained","clean":true)"));
}

INSTANTIATE_TEST_SUITE_P(Threads, HttpThreadsTest, ::testing::Values(0, 1, 4));

}  // namespace
}  // namespace storagepool::service
