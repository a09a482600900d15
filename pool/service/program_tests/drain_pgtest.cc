// The end of the running program: SIGTERM under load loses no acknowledged event, leaves no backend, and ends
// in time.
#include <atomic>
#include <chrono>
#include <csignal>
#include <map>
#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "pool/event/uuid.h"
#include "pool/service/program_tests/testing/program_test.h"
#include "pool/service/program_tests/testing/table_lock.h"

namespace storagepool::service {
namespace {

using testing::eventually;
using ::testing::HasSubstr;
using testing::TableLock;
using testing::valid_event;

class DataStorageDrainTest : public testing::LoneProgramTest {
 protected:
  // A request that waits inside PostgreSQL.
  std::thread hanging_request() {
    std::thread client([this] { status_ = pod_.create(valid_event()).status; });
    // Not the connections in use: the pod's own work takes some too.
    EXPECT_TRUE(eventually([this] { return pod_.metric("storagepool_ingest_queued_events") >= 1; }));
    return client;
  }

  std::atomic<unsigned> status_{0};
};

TEST_F(DataStorageDrainTest, UnderLoadLosesNoAcknowledgedEvent) {
  start();
  std::mutex mutex;
  std::vector<std::string> acknowledged;
  std::atomic<bool> done{false};
  std::vector<std::thread> clients;
  for (int i = 0; i < 8; ++i) {
    clients.emplace_back([&] {
      while (!done) {
        auto event = valid_event();
        event["event_id"] = event::new_event_id(
            std::chrono::floor<std::chrono::microseconds>(std::chrono::system_clock::now()));
        if (pod_.create(event).status != 201) continue;
        const std::lock_guard lock(mutex);
        acknowledged.push_back(event["event_id"]);
      }
    });
  }
  EXPECT_TRUE(eventually([&] {
    const std::lock_guard lock(mutex);
    return acknowledged.size() >= 200;
  }));
  EXPECT_EQ(pod_.stop(), 0) << pod_.log();
  done = true;
  for (std::thread& client : clients) client.join();

  const auto stored = server_.superuser("SELECT event_id FROM audit_events", "audit");
  const std::set<std::string> ids(stored.begin(), stored.end());
  for (const std::string& id : acknowledged) EXPECT_TRUE(ids.contains(id)) << id;
  EXPECT_TRUE(eventually([&] { return server_.app_backends() == 0; }));
  EXPECT_THAT(pod_.log(), HasSubstr("\"message\":\"drained\",\"clean\":true"));
}

TEST_F(DataStorageDrainTest, ServesEverybodyWhileEndpointsFollow) {
  start({"--drain-delay=5m"});
  std::atomic<bool> done{false};
  std::atomic<int> answered{0};
  std::mutex mutex;
  std::map<unsigned, int> others;
  std::vector<std::thread> clients;
  for (int i = 0; i < 8; ++i) {
    clients.emplace_back([&, writes = i % 2 == 0] {
      while (!done) {  // each request on a connection of its own
        const auto answer = writes ? pod_.create(valid_event()) : pod_.api("GET", testing::kEvents);
        ++answered;
        if (answer.status == (writes ? 201U : 200U)) continue;
        const std::lock_guard lock(mutex);
        ++others[answer.status];
      }
    });
  }
  const auto more_answers = [&] {
    const int before = answered;
    return eventually([&] { return answered >= before + 200; });
  };
  EXPECT_TRUE(more_answers());
  pod_.signal(SIGTERM);
  EXPECT_TRUE(eventually([&] { return pod_.health("/readyz").status == 503; }));
  EXPECT_EQ(pod_.api("GET", "/readyz").status, 503U);
  EXPECT_TRUE(more_answers());
  done = true;
  for (std::thread& client : clients) client.join();
  EXPECT_THAT(others, ::testing::IsEmpty());
  pod_.signal(SIGTERM);  // that is enough
  EXPECT_EQ(pod_.wait(), 0) << pod_.log();
}

TEST_F(DataStorageDrainTest, EndsTheDelayByItself) {
  start({"--drain-delay=100ms"});
  EXPECT_EQ(pod_.stop(), 0) << pod_.log();
}

TEST_F(DataStorageDrainTest, ReplaysWhatTheTimeAllows) {
  start();
  server_.stop();
  EXPECT_TRUE(pod_.reports("unreachable"));
  constexpr int kUnits = 20;
  for (int i = 0; i < kUnits; ++i) EXPECT_EQ(pod_.create(valid_event()).status, 202U);
  EXPECT_EQ(pod_.stop(), 0) << "what cannot be replayed is not waited for" << pod_.log();
  server_.start();
  auto lock = std::make_unique<TableLock>(server_.connect_options());
  pod_.start();
  EXPECT_TRUE(eventually([&] { return pod_.metric("storagepool_postgres_usable") == 1; }));
  pod_.signal(SIGTERM);
  EXPECT_TRUE(eventually([&] { return pod_.health("/readyz").body.find("draining") != std::string::npos; }));
  lock.reset();
  EXPECT_EQ(pod_.wait(), 0) << pod_.log();
  EXPECT_EQ(server_.superuser("SELECT count(*) FROM audit_events", "audit").at(0), std::to_string(kUnits))
      << pod_.log();
}

TEST_F(DataStorageDrainTest, FinishesTheRequestUnderWayAndIsNotReadyMeanwhile) {
  start({"--journal-max-bytes=0"});
  auto lock = std::make_unique<TableLock>(server_.connect_options());
  std::thread client = hanging_request();
  pod_.signal(SIGTERM);
  EXPECT_TRUE(eventually([&] { return pod_.health("/readyz").status == 503; }));
  EXPECT_THAT(pod_.health("/readyz").body, HasSubstr("draining"));
  EXPECT_EQ(pod_.health("/livez").status, 200U);
  EXPECT_TRUE(
      eventually([&] { return pod_.api("GET", "/api/v1/audit/events").status == 0; }));  // not accepted
  lock.reset();
  client.join();
  EXPECT_EQ(status_, 201U);
  EXPECT_EQ(pod_.wait(), 0) << pod_.log();
}

TEST_F(DataStorageDrainTest, CutsOffWhatDoesNotEndInTime) {
  start({"--drain-timeout=1s"});
  const TableLock lock(server_.connect_options());
  std::thread client = hanging_request();
  EXPECT_EQ(pod_.stop(), 1) << pod_.log();
  client.join();
  EXPECT_NE(status_, 201U);
  EXPECT_THAT(pod_.log(), HasSubstr("\"clean\":false"));
}

TEST_F(DataStorageDrainTest, ASecondSignalEndsAtOnce) {
  start();
  const TableLock lock(server_.connect_options());
  std::thread client = hanging_request();
  pod_.signal(SIGTERM);
  EXPECT_TRUE(eventually([&] { return pod_.health("/readyz").body.find("draining") != std::string::npos; }));
  pod_.signal(SIGTERM);
  EXPECT_EQ(pod_.wait(), 128 + SIGTERM) << pod_.log();
  client.join();
}

TEST_F(DataStorageDrainTest, DrainsWhilePostgresqlIsAway) {
  start();
  server_.stop();
  EXPECT_TRUE(pod_.reports("unreachable"));
  EXPECT_EQ(pod_.stop(), 0) << pod_.log();
}

}  // namespace
}  // namespace storagepool::service
