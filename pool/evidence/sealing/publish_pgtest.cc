// What is shown of a log beside real standbys, whose receivers are stopped so that they fall behind.
#include <csignal>
#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <thread>
#include <utility>

#include <sys/wait.h>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "pool/common/runtime/testing/temporary_folder.h"
#include "pool/evidence/sealing/testing/log_database.h"
#include "pool/postgres/testing/process.h"

namespace storagepool::evidence {
namespace {

using namespace std::chrono_literals;
using postgres::testing::Server;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using testing::state_of;

// The process that receives what a standby writes: no more comes while it is stopped.
class StoppedReceiver {
 public:
  explicit StoppedReceiver(const Server& standby)
      : pid_(std::stoi(standby.superuser("SELECT pid FROM pg_stat_wal_receiver").at(0))) {
    ::kill(pid_, SIGSTOP);
  }
  ~StoppedReceiver() { ::kill(pid_, SIGCONT); }
  StoppedReceiver(const StoppedReceiver&) = delete;
  StoppedReceiver& operator=(const StoppedReceiver&) = delete;

 private:
  pid_t pid_;
};

// Keeps the WAL of a server as a backup's program does, and tells when a whole segment is on its disk.
class Archive {
 public:
  Archive(const Server& server, const std::filesystem::path& folder)
      : pid_(postgres::testing::spawn(
            {"pg_receivewal", "--host=" + server.superuser("SHOW unix_socket_directories").at(0),
             "--port=" + std::to_string(server.port()), "--username=postgres",
             "--directory=" + folder.string()},
            -1, folder / "log")) {}
  ~Archive() {
    ::kill(pid_, SIGKILL);
    waitpid(pid_, nullptr, 0);
  }
  Archive(const Archive&) = delete;
  Archive& operator=(const Archive&) = delete;

 private:
  pid_t pid_;
};

class StandbyTest : public testing::LogDatabaseTest {
 protected:
  static void SetUpTestSuite() {}
  void SetUp() override {
    server_ = std::make_unique<Server>();
    LogDatabaseTest::SetUp();
    superuser("GRANT pg_monitor TO app");
    session_ = open();
  }

  static void wait_until(const std::function<bool()>& condition) {
    const auto give_up = std::chrono::steady_clock::now() + kPatience;
    while (!condition()) {
      if (std::chrono::steady_clock::now() > give_up) throw std::runtime_error("waited in vain");
      std::this_thread::sleep_for(std::chrono::milliseconds(5));
    }
  }
  static bool streams() {
    return value("SELECT count(*) FROM pg_stat_replication WHERE state = 'streaming'") == "1";
  }
  static std::unique_ptr<Server> attach_standby() {
    auto standby = Server::standby_of(*server_);
    wait_until(streams);
    return standby;
  }
  // Until that is shown.
  void show(std::uint64_t size) {
    wait_until([&] { return seal().shown == size; });
  }
};

TEST_F(StandbyTest, WhatAStandbyDoesNotHaveIsNotShown) {
  const auto standby = attach_standby();
  commit(1, 1);
  show(1);
  {
    const StoppedReceiver stopped(*standby);
    for (const int i : {2, 3}) {
      commit(i, static_cast<std::uint64_t>(i));
      const SealingResult sealed = seal();
      EXPECT_EQ(sealed.did, Did::kSealed);
      EXPECT_EQ(sealed.size, static_cast<std::uint64_t>(i));
      EXPECT_EQ(sealed.shown, 1U);
      EXPECT_TRUE(sealed.hidden);
      EXPECT_TRUE(sealed.flushing);
    }
    clock_.pass(10min);
    EXPECT_EQ(seal().shown, 1U) << "however long that is";
  }
  show(3);
  EXPECT_FALSE(seal().hidden);
  EXPECT_THAT(log(), ElementsAre(1, 2, 3));
}

TEST_F(StandbyTest, AFailoverTakesBackWhatWasNotShown) {
  auto standby = attach_standby();
  commit(1, 1);
  show(1);
  {
    const StoppedReceiver stopped(*standby);
    commit(2, 2);
    EXPECT_EQ(seal().shown, 1U);
    session_.reset();
    server_->kill();
    standby->kill();  // with what it has received, and not written
  }
  standby->start();
  standby->promote();
  std::swap(server_, standby);
  session_ = open();
  const SealingResult after = seal();
  EXPECT_THAT(after.alarms, IsEmpty()) << "nobody was shown what is lost";
  EXPECT_EQ(after.shown, 1U);
  commit(3, 3);
  EXPECT_EQ(seal().shown, 2U);
  EXPECT_THAT(log(), ElementsAre(1, 3));
}

// Which was lost with the server that it was committed on, before a standby had it.
TEST_F(StandbyTest, WhatTheLogDoesNotHaveAnyMoreIsNotShownOnceItsTimeHasCome) {
  const auto standby = attach_standby();
  commit(1, 1);
  show(1);
  const Sealer::Memory before = sealer_->memory();
  const StoppedReceiver stopped(*standby);
  commit(2, 2, 2);
  tlog::Hasher hasher;
  const tlog::Hash root = state_of({testing::entry(1), testing::entry(2)}).frontier.root(hasher);
  for (const auto& [waited_for, shown] : {std::pair{tlog::Hash{1}, 1U}, std::pair{root, 2U}}) {
    Sealer::Memory memory = before;
    memory.publishing.look(clock_.now(), {.size = 2, .root = waited_for},
                           {.any = true, .position = 1, .flushed = 0});
    sealer_ = make_sealer();
    sealer_->remember(memory);
    const SealingResult sealed = seal();
    EXPECT_EQ(sealed.size, 3U);
    EXPECT_EQ(sealed.shown, shown);
  }
}

TEST_F(StandbyTest, WhereTheRoleMayNotSeeThemItIsShownSomeTimeLater) {
  superuser("REVOKE pg_monitor FROM app");
  session_ = open();
  const auto standby = attach_standby();
  commit(1, 1);
  const SealingResult sealed = seal();
  EXPECT_TRUE(sealed.hidden);
  EXPECT_FALSE(sealed.flushing);
  EXPECT_FALSE(sealer_->checkpoint());
  clock_.pass(Publishing::kDelay);
  EXPECT_EQ(seal().shown, 1U);
  EXPECT_THAT(log(), ElementsAre(1));
  // A pod that begins takes what is that old as shown.
  superuser("UPDATE audit_seals SET sealed_at = sealed_at - interval '1 minute'");
  sealer_ = make_sealer();
  EXPECT_EQ(seal().shown, 1U);
}

TEST_F(StandbyTest, AnArchiveIsNoStandby) {
  if (value("SHOW server_version_num") >= "160000")
    GTEST_SKIP() << "the machine's pg_receivewal is of PostgreSQL 15";
  const runtime::testing::TemporaryFolder folder;
  const Archive archive(*server_, folder.path());
  wait_until(streams);
  commit(1, 1);
  const SealingResult sealed = seal();
  EXPECT_EQ(sealed.shown, 1U);
  EXPECT_FALSE(sealed.hidden);
}

}  // namespace
}  // namespace storagepool::evidence
