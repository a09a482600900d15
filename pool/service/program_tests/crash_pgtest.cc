// What the running program acknowledges survives everything: PostgreSQL away under load, the program killed
// at any instruction, twice, and restarted on the same state folder.
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

#include <gtest/gtest.h>

#include "pool/event/uuid.h"
#include "pool/service/program_tests/testing/program_test.h"
#include "pool/service/program_tests/testing/table_lock.h"

namespace storagepool::service {
namespace {

using nlohmann::json;
using std::chrono::steady_clock;
using testing::eventually;
using testing::valid_event;

runtime::Timestamp wall_clock() {
  return std::chrono::floor<std::chrono::microseconds>(std::chrono::system_clock::now());
}

// Clients that create events all the time and keep the ids of those that were acknowledged. Every other event
// has an id of its client's, who repeats it until it is acknowledged; what has not, is not repeated.
class Load {
 public:
  explicit Load(std::uint16_t port) : port_(port) {
    for (int client = 0; client < 8; ++client) {
      clients_.emplace_back([this, client] { run(client % 2 == 0); });
    }
  }
  ~Load() { stop(); }
  Load(const Load&) = delete;
  Load& operator=(const Load&) = delete;

  void send_to(std::uint16_t port) { port_ = port; }
  // Waits for this many more answers of this status.
  bool sees(unsigned status, std::size_t more) {
    const std::size_t until = count(status) + more;
    return eventually([&] { return count(status) >= until; });
  }
  void stop() {
    done_ = true;
    for (std::thread& client : clients_) client.join();
    clients_.clear();
  }
  std::map<unsigned, std::vector<std::string>> acknowledged() const {
    const std::lock_guard lock(mutex_);
    return acknowledged_;
  }

 private:
  std::size_t count(unsigned status) const {
    const std::lock_guard lock(mutex_);
    const auto found = acknowledged_.find(status);
    return found == acknowledged_.end() ? 0 : found->second.size();
  }
  void run(bool own_ids) {
    json event;
    while (!done_) {
      if (event.is_null()) {
        event = valid_event();
        event["correlation_id"] = "crash";
        if (own_ids) event["event_id"] = event::new_event_id(wall_clock());
      }
      const auto answer = testing::http(port_, "POST", "/api/v1/audit/events",
                                        {{"Content-Type", "application/json"}}, event.dump());
      const bool recorded = answer.status == 201 || answer.status == 202;
      if (recorded) {
        const std::lock_guard lock(mutex_);
        acknowledged_[answer.status].push_back(json::parse(answer.body).at("event_id"));
      } else {
        std::this_thread::sleep_for(std::chrono::milliseconds(5));  // nobody may be there to answer
      }
      if (recorded || !own_ids) event = nullptr;
    }
  }

  std::atomic<std::uint16_t> port_;
  std::atomic<bool> done_{false};
  mutable std::mutex mutex_;
  std::map<unsigned, std::vector<std::string>> acknowledged_;  // ids by status
  std::vector<std::thread> clients_;
};

class DataStorageCrashTest : public testing::LoneProgramTest {
 protected:
  void kill_and_restart(Load& load) {
    pod_.signal(SIGKILL);
    EXPECT_EQ(pod_.wait(), 128 + SIGKILL);
    pod_.start();
    load.send_to(pod_.api_port());
  }
  // Everything acknowledged is in PostgreSQL, and nothing is there twice.
  void expect_exactly_once(const Load& load) {
    std::map<std::string, int> stored;
    for (const std::string& id : server_.superuser("SELECT event_id FROM audit_events", "audit"))
      ++stored[id];
    for (const auto& [status, ids] : load.acknowledged()) {
      for (const std::string& id : ids) EXPECT_EQ(stored[id], 1) << id << " acknowledged with " << status;
    }
    for (const auto& [id, times] : stored) EXPECT_LE(times, 1) << id;
  }
};

TEST_F(DataStorageCrashTest, KeepsEveryAcknowledgedEventExactlyOnceThroughAnOutageAndTwoKills) {
  start();
  Load load(pod_.api_port());
  ASSERT_TRUE(load.sees(201, 200)) << pod_.log();

  constexpr std::chrono::seconds kOutage{20};
  const auto away_until = steady_clock::now() + kOutage;
  server_.stop();
  ASSERT_TRUE(load.sees(202, 100)) << pod_.log();
  kill_and_restart(load);
  ASSERT_TRUE(load.sees(202, 100)) << pod_.log();
  kill_and_restart(load);
  ASSERT_TRUE(load.sees(202, 100)) << pod_.log();
  ASSERT_TRUE(eventually([&] { return steady_clock::now() >= away_until; }));
  server_.start();
  ASSERT_TRUE(load.sees(201, 200)) << pod_.log();
  load.stop();
  EXPECT_TRUE(eventually([&] { return pod_.metric("storagepool_journal_waiting_events") == 0; }))
      << pod_.log();
  EXPECT_EQ(pod_.metric("storagepool_journal_set_aside_units"), 0);
  EXPECT_GE(pod_.metric("storagepool_journal_replayed_events_total"), 300);
  expect_exactly_once(load);
  EXPECT_EQ(pod_.stop(), 0) << pod_.log();
}

TEST_F(DataStorageCrashTest, ADrainWhilePostgresqlIsAwayKeepsWhatWasAccepted) {
  start();
  Load load(pod_.api_port());
  server_.stop();
  ASSERT_TRUE(load.sees(202, 200)) << pod_.log();
  EXPECT_EQ(pod_.stop(), 0) << pod_.log();
  load.stop();
  server_.start();
  // Also when the journal is turned off meanwhile.
  start({"--journal-max-bytes=0"});
  EXPECT_TRUE(eventually([&] { return pod_.metric("storagepool_journal_waiting_events") == 0; }))
      << pod_.log();
  expect_exactly_once(load);
}

TEST_F(DataStorageCrashTest, StartedInAnOutageItTakesEventsOfWorkspacesThatItHasNotSeen) {
  server_.superuser("ALTER ROLE app CREATEDB");
  start();
  ASSERT_EQ(pod_.api("PUT", "/api/v1/workspaces/team-a").status, 201U);
  EXPECT_EQ(pod_.stop(), 0) << pod_.log();
  server_.stop();
  pod_.start();
  const auto post = [&](const std::string& workspace) {
    return testing::http(pod_.api_port(), "POST", "/api/v1/workspaces/" + workspace + "/audit/events",
                         {{"Content-Type", "application/json"}}, valid_event().dump());
  };
  EXPECT_EQ(post("team-a").status, 202U);
  EXPECT_EQ(post("nobody").status, 202U);
  server_.start();
  EXPECT_TRUE(eventually([&] { return pod_.metric("storagepool_journal_waiting_events") == 0; }))
      << pod_.log();
  EXPECT_EQ(server_.superuser("SELECT count(*) FROM audit_events", "audit_ws_team_a").at(0), "1");
  EXPECT_EQ(pod_.metric("storagepool_journal_set_aside_units"), 1);
  EXPECT_EQ(post("nobody").status, 404U);
}

TEST_F(DataStorageCrashTest, WhileNothingIsCommittedWritesGoToTheJournal) {
  start();
  ASSERT_EQ(pod_.create(valid_event()).status, 201U);
  auto lock = std::make_unique<testing::TableLock>(server_.connect_options());
  for (int i = 0; i < 5; ++i) EXPECT_EQ(pod_.create(valid_event()).status, 202U);
  EXPECT_TRUE(pod_.ready());
  EXPECT_EQ(pod_.metric("storagepool_stalls_total"), 1);
  EXPECT_EQ(pod_.metric("storagepool_stalled_databases"), 1);
  lock.reset();
  EXPECT_TRUE(eventually([&] { return pod_.create(valid_event()).status == 201; })) << pod_.log();
  EXPECT_TRUE(eventually([&] { return pod_.metric("storagepool_journal_waiting_events") == 0; }))
      << pod_.log();
  EXPECT_EQ(pod_.create(valid_event()).status, 201U);
  EXPECT_EQ(pod_.metric("storagepool_journal_set_aside_units"), 0);
  EXPECT_EQ(pod_.metric("storagepool_stalled_databases"), 0);
  EXPECT_GE(std::stoi(server_.superuser("SELECT count(*) FROM audit_events", "audit").at(0)), 8);
  EXPECT_EQ(server_.superuser("SELECT count(*) - count(DISTINCT event_id) FROM audit_events", "audit").at(0),
            "0");
}

TEST_F(DataStorageCrashTest, RefusesWith503WhenTheJournalIsFull) {
  start({"--journal-max-bytes=16Mi"});
  server_.stop();
  ASSERT_TRUE(pod_.reports("unreachable")) << pod_.log();
  json event = valid_event();
  event["event_data"] = {{"x", std::string(std::size_t{1} << 20, 'x')}};
  testing::HttpResponse answer;
  std::size_t accepted = 0;
  EXPECT_TRUE(eventually([&] {
    answer = pod_.create(event);
    accepted += answer.status == 202 ? 1 : 0;
    return answer.status != 202;
  }));
  EXPECT_GE(accepted, 4U);
  EXPECT_EQ(answer.status, 503U);
  EXPECT_GE(std::stoi(answer.headers.at("retry-after")), 1);
  EXPECT_NE(answer.body.find("the journal is full"), std::string::npos) << answer.body;
  server_.start();
  EXPECT_TRUE(eventually([&] { return pod_.metric("storagepool_journal_waiting_events") == 0; }))
      << pod_.log();
  EXPECT_EQ(server_.superuser("SELECT count(*) FROM audit_events", "audit").at(0), std::to_string(accepted));
  EXPECT_EQ(pod_.create(valid_event()).status, 201U);
}

}  // namespace
}  // namespace storagepool::service
