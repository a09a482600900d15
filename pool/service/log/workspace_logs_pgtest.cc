// What the logs of workspaces leave in the system database, where events are only noted here, and what a pod
// makes of that; the program tests have the rest.
#include "pool/service/log/workspace_logs.h"

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include <boost/asio/co_spawn.hpp>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "pool/common/tlog/checkpoint.h"
#include "pool/event/testing/smallest_event.h"
#include "pool/event/uuid.h"
#include "pool/ingest/ingest.h"
#include "pool/tables/tables.h"
#include "pool/workspaces/testing/workspace_pod.h"

namespace storagepool::service {
namespace {

using namespace std::chrono_literals;
using postgres::testing::in;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::StartsWith;
using workspaces::Removal;

class WorkspaceLogsRoomTest : public workspaces::testing::WorkspaceTest {
 protected:
  void SetUp() override {
    WorkspaceTest::SetUp();
    const std::string seed(tlog::kSeedBytes, 's');
    auto signer = tlog::NoteKey::of_seed(tlog::KeyKind::kLog, "log.example/audit", seed);
    key_ = std::make_shared<const LogKey>(LogKey{*std::move(signer), evidence::make_keys(seed)});
    pod_ = std::make_unique<workspaces::testing::Pod>(context_, *server_);
    ingest_ = std::make_unique<ingest::Ingest>(context_.get_executor(), pod_->engine);
    ingest_->set_log_keys(key_->keys);
    ASSERT_TRUE(run(migrate()));
    make_logs();
    ingest_->on_recorded([this](const std::string& database, const ingest::Recorded& batch) {
      logs_->wrote(database, batch);
    });
    pod_->workspaces.before_drop([this](workspaces::WorkspaceRow row, std::string database, auto deadline) {
      return logs_->close(std::move(row), std::move(database), deadline);
    });
    must_create(*pod_, "team-a");
  }
  void TearDown() override {
    stop_logs();
    run(ingest_->drain(in(20s)));
    pod_.reset();
  }

  boost::asio::awaitable<bool> migrate() {
    auto lease = co_await pod_->engine.acquire("audit", in(20s));
    if (!lease) co_return false;
    const auto migrated = co_await tables::migrate(**lease, tables::migrations(), in(20s));
    co_return migrated.has_value();
  }
  // Those of a pod that has seen nothing yet.
  void make_logs(std::chrono::milliseconds anchor_every = 0ms) {
    WorkspaceLogs::Parts parts{.executor = context_.get_executor(),
                               .engine = pod_->engine,
                               .workspaces = pod_->workspaces,
                               .system_database = "audit",
                               .away = [] { return false; },
                               .on_alarm = [this](const evidence::Alarm& alarm) { alarms_.push_back(alarm); },
                               .anchor_every = anchor_every};
    logs_ = std::make_unique<WorkspaceLogs>(std::move(parts));
    logs_->set_key(key_);
    logs_->record_by([this](OwnAct act) -> boost::asio::awaitable<std::optional<std::string>> {
      if (refusals_-- > 0) co_return "the journal is full";
      acts_.push_back(std::move(act));
      co_return std::nullopt;
    });
  }
  void stop_logs() {
    logs_->stop();
    wait_until([&] { return !running_; });
  }
  // As long as it is not shown: 0.
  std::uint64_t shown() {
    const auto home = run(pod_->workspaces.look_up("team-a", in(20s)));
    const auto log = run(logs_->checkpoint({"team-a", kDatabase, home->incarnation}, in(20s)));
    return log ? tlog::Checkpoint::read(log->note.text)->size : 0;
  }
  void store_and_seal(std::uint64_t size) {
    store();
    logs_->look_soon(kDatabase);
    wait_until([&] { return shown() == size; });
  }
  // What a restore does while every pod is away; then another one comes.
  void roll_back() {
    start_logs();
    store_and_seal(1);
    sql("CREATE TABLE saved AS TABLE audit_log", kDatabase);
    store_and_seal(2);
    wait_until([&] { return floor() == "2"; });
    stop_logs();
    sql("DELETE FROM audit_log; INSERT INTO audit_log SELECT * FROM saved; DELETE FROM audit_seals WHERE "
        "first_seq >= 1",
        kDatabase);
    make_logs();
  }
  boost::asio::awaitable<bool> leave_floors() {
    co_await logs_->leave_floors(in(20s));
    co_return true;
  }
  RestartedLog restart(bool only_look) {
    const auto home = run(pod_->workspaces.look_up("team-a", in(20s)));
    const auto done = run(logs_->restart({"team-a", kDatabase, home->incarnation}, only_look, in(20s)));
    EXPECT_TRUE(done) << done.error();
    return done.value_or(RestartedLog{});
  }
  static std::string floor() {
    return sql("SELECT coalesce(max(size), 0) FROM audit_log_floors", "audit").at(0);
  }
  std::vector<std::string> refusals() const {
    std::vector<std::string> found;
    for (const evidence::Alarm& alarm : alarms_)
      found.push_back(std::string(evidence::name_of(alarm.kind)) + ": " + alarm.detail);
    return found;
  }

  void start_logs() {
    running_ = true;
    boost::asio::co_spawn(context_, logs_->run(), [this](const std::exception_ptr&) { running_ = false; });
  }
  void store() {
    std::vector<event::Event> events;
    const auto now = runtime::wall_now();
    events.push_back(
        event::testing::smallest_event(event::new_event_id(now), runtime::format_timestamp(now)));
    ASSERT_TRUE(run(ingest_->store(kDatabase, std::move(events), in(20s))));
  }
  void remove() {
    ASSERT_EQ(*run(pod_->workspaces.remove("team-a", in(20s))), Removal::kDropping);
    pod_->start();
    wait_until([&] { return *run(pod_->workspaces.remove("team-a", in(20s))) == Removal::kGone; });
  }
  std::vector<OwnAct> acts_of(const std::string& type) const {
    std::vector<OwnAct> acts;
    for (const OwnAct& act : acts_)
      if (act.type == type) acts.push_back(act);
    return acts;
  }

  const std::string kDatabase = "audit_ws_team_a";
  std::shared_ptr<const LogKey> key_;
  std::unique_ptr<WorkspaceLogs> logs_;
  std::unique_ptr<workspaces::testing::Pod> pod_;
  std::unique_ptr<ingest::Ingest> ingest_;
  std::vector<OwnAct> acts_;
  std::vector<evidence::Alarm> alarms_;
  int refusals_ = 0;
  bool running_ = false;
};

TEST_F(WorkspaceLogsRoomTest, WhereALogIsIsRecordedOnceItHasGrown) {
  start_logs();
  store();
  wait_until([&] { return !acts_.empty(); });
  const nlohmann::ordered_json log = acts_[0].data.at("logs").at(0);
  EXPECT_THAT(log.at("origin").get<std::string>(), StartsWith("log.example/audit/ws/team-a/"));
  EXPECT_EQ(log.at("size"), 1);
  wait_until([&] { return logs_->figures().waiting == 0; });
  EXPECT_EQ(acts_.size(), 1U);
  refusals_ = 1;
  store();
  logs_->look_soon(kDatabase);
  wait_until([&] { return acts_.size() == 2; });
  EXPECT_EQ(acts_[1].data.at("logs").at(0).at("size"), 2) << "though it could not be recorded at first";
}

TEST_F(WorkspaceLogsRoomTest, TheLastCheckpointOfAWorkspaceOutlivesIt) {
  const auto home = run(pod_->workspaces.resolve("team-a", in(20s)));
  store();
  store();
  refusals_ = 1;
  remove();
  ASSERT_EQ(acts_.size(), 1U) << "though it could not be recorded at first";
  EXPECT_EQ(acts_[0].type, "storagepool.log.closed");
  EXPECT_EQ(acts_[0].resource_id, "team-a");
  EXPECT_FALSE(acts_[0].data.contains("detail")) << acts_[0].data;
  const auto note = tlog::Note::read(acts_[0].data.at("checkpoint").get<std::string>());
  ASSERT_TRUE(note);
  const auto checkpoint = tlog::Checkpoint::read(note->text);
  ASSERT_TRUE(checkpoint);
  EXPECT_EQ(checkpoint->size, 2U);
  EXPECT_EQ(checkpoint->origin, "log.example/audit/ws/team-a/" + home->incarnation);
  EXPECT_EQ(acts_[0].data.at("origin"), checkpoint->origin);
}

TEST_F(WorkspaceLogsRoomTest, ALogThatWasChangedKeepsNoWorkspaceFromBeingRemoved) {
  start_logs();
  store();
  wait_until([&] { return logs_->figures().waiting == 0; });
  sql("UPDATE audit_log SET size = 7", kDatabase);
  remove();
  const auto closed = acts_of("storagepool.log.closed");
  ASSERT_EQ(closed.size(), 1U);
  EXPECT_THAT(closed[0].data.at("detail").get<std::string>(), HasSubstr("audit_log"));
  EXPECT_TRUE(closed[0].data.contains("checkpoint")) << "as this pod has seen it last";
}

TEST_F(WorkspaceLogsRoomTest, AWorkspaceWithoutEntriesLeavesNothing) {
  remove();
  EXPECT_THAT(acts_, IsEmpty());
}

TEST_F(WorkspaceLogsRoomTest, ARollbackIsRefusedByAPodThatHasNotSeenTheLogBefore) {
  roll_back();
  EXPECT_EQ(shown(), 0U);
  const std::string rolled_back =
      "LogRolledBack: the log was shown larger than it is: it has 1 entries, not 2";
  EXPECT_THAT(refusals(), ElementsAre(rolled_back));
  store();
  EXPECT_EQ(sql("SELECT size FROM audit_log", kDatabase).at(0), "1") << "nor is it sealed on";
  remove();
  const auto closed = acts_of("storagepool.log.closed");
  ASSERT_EQ(closed.size(), 1U);
  EXPECT_THAT(closed[0].data.at("detail").get<std::string>(), HasSubstr("shown larger than it is"));
}

TEST_F(WorkspaceLogsRoomTest, ARestartIsKnownToOtherPods) {
  roll_back();
  EXPECT_EQ(shown(), 0U);
  auto other = std::exchange(logs_, nullptr);
  make_logs();
  const auto looked = restart(true);
  ASSERT_TRUE(looked.restarted);
  EXPECT_EQ(looked.before.size, 2U);
  EXPECT_EQ(looked.from.size, 1U);
  EXPECT_EQ(shown(), 0U) << "nothing is changed by a look";
  EXPECT_TRUE(restart(false).restarted);
  EXPECT_EQ(floor(), "2") << "of the next epoch, with the batch that was lost, which is there";
  EXPECT_EQ(sql("SELECT epoch FROM audit_log_floors", "audit").at(0), "2");
  EXPECT_FALSE(restart(false).restarted);
  logs_.swap(other);
  wait_until([&] { return shown() == 2; });
}

TEST_F(WorkspaceLogsRoomTest, NothingIsSealedUntilTheFloorIsKnownAndNoWriteWaitsForIt) {
  start_logs();
  sql("ALTER TABLE audit_log_floors RENAME TO elsewhere", "audit");
  store();
  EXPECT_EQ(shown(), 0U);
  EXPECT_EQ(sql("SELECT count(*) FROM audit_log", kDatabase).at(0), "0");
  EXPECT_THAT(alarms_, IsEmpty());
  sql("ALTER TABLE elsewhere RENAME TO audit_log_floors", "audit");
  wait_until([&] { return shown() == 1; });
}

// It has looked at the log when that was smaller; then another pod has, which is gone.
TEST_F(WorkspaceLogsRoomTest, APodIsToldWhatAnotherHasSeen) {
  start_logs();
  store_and_seal(1);
  wait_until([&] { return floor() == "1"; });
  sql("UPDATE audit_log_floors SET size = 5", "audit");
  store();
  logs_->look_soon(kDatabase);
  wait_until([&] {
    shown();
    return !alarms_.empty();
  });
  EXPECT_THAT(refusals().at(0), HasSubstr("LogRolledBack: the log was shown larger than it is"));
  EXPECT_EQ(floor(), "5");
}

TEST_F(WorkspaceLogsRoomTest, APodThatEndsLeavesFloors) {
  make_logs(1h);
  start_logs();
  store_and_seal(1);
  EXPECT_EQ(floor(), "0");
  stop_logs();
  run(leave_floors());
  EXPECT_EQ(floor(), "1");
  EXPECT_THAT(acts_, IsEmpty());
}

}  // namespace
}  // namespace storagepool::service
