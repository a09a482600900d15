// What the logs of workspaces leave in that of the system database, whose events are only noted here; the
// program tests have the rest.
#include "pool/service/log/workspace_logs.h"

#include <memory>
#include <string>
#include <vector>

#include <boost/asio/co_spawn.hpp>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "pool/common/tlog/checkpoint.h"
#include "pool/event/testing/smallest_event.h"
#include "pool/event/uuid.h"
#include "pool/ingest/ingest.h"
#include "pool/workspaces/testing/workspace_pod.h"

namespace storagepool::service {
namespace {

using namespace std::chrono_literals;
using postgres::testing::in;
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
    WorkspaceLogs::Parts parts{.executor = context_.get_executor(),
                               .engine = pod_->engine,
                               .workspaces = pod_->workspaces,
                               .system_database = "audit",
                               .away = [] { return false; },
                               .on_alarm = [](const evidence::Alarm&) {},
                               .anchor_every = 0ms};
    logs_ = std::make_unique<WorkspaceLogs>(std::move(parts));
    logs_->set_key(key_);
    ingest_->on_recorded([this](const std::string& database, const ingest::Recorded& batch) {
      logs_->wrote(database, batch);
    });
    logs_->record_by([this](OwnAct act) -> boost::asio::awaitable<std::optional<std::string>> {
      if (refusals_-- > 0) co_return "the journal is full";
      acts_.push_back(std::move(act));
      co_return std::nullopt;
    });
    pod_->workspaces.before_drop([this](workspaces::WorkspaceRow row, std::string database, auto deadline) {
      return logs_->close(std::move(row), std::move(database), deadline);
    });
    must_create(*pod_, "team-a");
  }
  void TearDown() override {
    logs_->stop();
    wait_until([&] { return !running_; });
    run(ingest_->drain(in(20s)));
    pod_.reset();
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

}  // namespace
}  // namespace storagepool::service
