// What the running program acknowledges survives everything: PostgreSQL away under load, the program killed
// at any instruction, twice, and restarted on the same state folder.
#include <atomic>
#include <chrono>
#include <csignal>
#include <memory>
#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "pool/service/program_tests/testing/load.h"
#include "pool/service/program_tests/testing/program_test.h"
#include "pool/service/program_tests/testing/table_lock.h"

namespace storagepool::service {
namespace {

using nlohmann::json;
using std::chrono::steady_clock;
using testing::eventually;
using ::testing::IsEmpty;
using testing::Load;
using testing::valid_event;

class DataStorageCrashTest : public testing::LoneProgramTest {
 protected:
  void kill_and_restart(Load& load) {
    pod_.signal(SIGKILL);
    EXPECT_EQ(pod_.wait(), 128 + SIGKILL);
    pod_.start();
    load.send_to(pod_.api_port());
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
  EXPECT_THAT(load.lost_or_doubled(server_), IsEmpty());
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
  EXPECT_THAT(load.lost_or_doubled(server_), IsEmpty());
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
