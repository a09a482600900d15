// What pods do with events all day, and what happens to pods, is no alarm of the full audit.
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "pool/evidence/auditing/auditor.h"
#include "pool/evidence/auditing/statements.h"
#include "pool/evidence/auditing/testing/audited_database.h"
#include "pool/evidence/head.h"
#include "pool/evidence/holds/erase.h"
#include "pool/tables/partitions.h"

namespace storagepool::evidence {
namespace {

using namespace std::chrono_literals;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

class NoAlarmTest : public testing::AuditedDatabaseTest {};

TEST_F(NoAlarmTest, FindsNothingWhereAllIsAsItWasStored) {
  for (int i = 0; i < 9; ++i) {
    store(events(100));
    if (i % 3 == 0) seal();
  }
  store(events(3, "2030-01-01T00:00:00Z"));
  seal();
  store(events(5));  // not in the log yet
  EXPECT_THAT(pass(), IsEmpty()) << details_;
  EXPECT_EQ(last().entries, 903);
  EXPECT_EQ(last(), (FullAudit{.began = clock_.wall(), .ended = clock_.wall(), .entries = 903}));
  EXPECT_GT(step(), 1s) << "until the next one is due";
  seal();
  EXPECT_THAT(pass(), IsEmpty()) << details_;
  EXPECT_EQ(last().entries, 908);
}

TEST_F(NoAlarmTest, WhatHasExpiredIsNotMissed) {
  auto some = events(3);
  some[1].retention_days = 1;
  const auto stored = store(std::move(some));
  seal();
  pass_time(26h);
  superuser("DELETE FROM audit_events" + where(stored[1]));
  EXPECT_THAT(pass(), IsEmpty()) << details_;
}

TEST_F(NoAlarmTest, WhatIsPrunedIsNotMissed) {
  for (int i = 0; i < 6; ++i) {
    auto some = events(100);
    for (event::Event& one : some) one.retention_days = 1;
    store(std::move(some));
  }
  store(events(200, "2030-01-01T00:00:00Z"));
  seal();
  pass_time(30h);
  step();  // begins
  superuser("DELETE FROM audit_events WHERE retention_days = 1");
  sealer_->raise_floor({.size = checkpoint().size, .root = checkpoint().root});
  const auto pruned = must(
      postgres::testing::run(context_, sealer_->prune(*session_, runtime::wall_now() + 48h, deadline())));
  ASSERT_EQ(pruned.did, SealingResult::Did::kSealed);
  ASSERT_EQ(sealer_->min_index(), 512U);
  EXPECT_EQ(progress().at, 0);
  EXPECT_THAT(pass(), IsEmpty()) << details_;
  EXPECT_EQ(last().entries, 800);
  EXPECT_THAT(pass(), IsEmpty()) << details_;
  EXPECT_FALSE(progress().log_is_altered);
}

TEST_F(NoAlarmTest, AnErasedPayloadIsNoAlteration) {
  const auto stored = store(events(3));
  seal();
  HeadWriter heads;
  const auto erased = postgres::testing::run(
      context_, erase_payload(*session_, stored[1], heads.erasure_of(stored[1]), deadline()));
  ASSERT_EQ(must(erased), Erased::kDone);
  EXPECT_THAT(pass(), IsEmpty()) << details_;
  EXPECT_EQ(last().entries, 3);
}

TEST_F(NoAlarmTest, EventsThatMoveBetweenPartitionsAreNoAlarm) {
  const auto soon = runtime::format_timestamp(runtime::wall_now() + 24h);
  store(events(50, soon));
  seal();
  EXPECT_THAT(pass(), IsEmpty()) << details_;
  ASSERT_EQ(superuser("SELECT count(*) FROM audit_events_default").at(0), "50");
  pass_time(7 * 24h);
  step();  // begins
  step();  // the entries
  must(postgres::testing::run(context_, tables::maintain(*session_, runtime::wall_now(), deadline())));
  ASSERT_EQ(superuser("SELECT count(*) FROM audit_events_default").at(0), "0");
  EXPECT_THAT(pass(), IsEmpty()) << details_;
  EXPECT_THAT(pass(), IsEmpty()) << details_;
}

TEST_F(NoAlarmTest, LargeEventsAreReadAFewAtATime) {
  std::vector<event::Event> some = events(6);
  for (event::Event& one : some)
    one.event_data = R"({"x":")" + std::string(static_cast<std::size_t>(kStepBytes) * 2 / 3, 'x') + R"("})";
  const auto stored = store(std::move(some));
  seal();
  int steps = 0;
  do step();
  while (progress().phase == Phase::kEntries && ++steps < 100);
  EXPECT_GE(steps, 3);
  EXPECT_THAT(pass(), IsEmpty()) << details_;
  superuser("UPDATE audit_events SET event_data = '{}'" + where(stored[5]));
  EXPECT_THAT(pass(), ElementsAre(Kind::kAlteredEvents, Kind::kAlteredEvents));
  EXPECT_EQ(last().altered, 1);
  superuser("UPDATE audit_batches SET mac = ''");
  pass();
  EXPECT_EQ(last().unlogged, 6) << "each row is looked at";
}

TEST_F(NoAlarmTest, OthersHaveTheThreadAfterEachRow) {
  constexpr int kEvents = 100;
  const testing::TickingClock<reading::testing::StandingClock> ticking;
  auditor_ = std::make_unique<Auditor>(1, "audit", make_keys(testing::kSeed), 1h, AuditPace{}, ticking);
  store(events(kEvents));
  seal();
  step();  // begins
  const auto turns = [this] {
    testing::FaultyConnection connection(*session_, 0, testing::FaultyConnection::Fault::kBefore, [] {});
    return testing::turns_of_others(context_, connection, [&] {
      must(postgres::testing::run(context_, auditor_->step(connection, checkpoint(), deadline())));
    });
  };
  EXPECT_GE(turns(), kEvents);
  EXPECT_EQ(progress().at, kEvents);
  EXPECT_GE(turns(), 2 * kEvents) << "once they are read, and once they are compared";
  EXPECT_THAT(pass(), IsEmpty()) << details_;
}

TEST_F(NoAlarmTest, SoMuchOfTheHeapIsReadInAStep) {
  for (int i = 0; i < 9; ++i) store(events(250));
  seal();
  do step();
  while (progress().phase == Phase::kEntries);
  EXPECT_EQ(progress().heap.block, kStepBlocks);
  EXPECT_THAT(pass(), IsEmpty()) << details_;
}

TEST_F(NoAlarmTest, AnotherPodGoesOnWhereOneHasEnded) {
  for (int i = 0; i < 6; ++i) store(events(100));
  seal();
  for (int i = 0; i < 3; ++i) step();
  EXPECT_EQ(progress().at, 512);
  auditor_ = make_auditor(2);
  EXPECT_EQ(step(), 30s) << "it may be at it";
  EXPECT_EQ(progress().at, 512);
  pass_time(60s);
  step();
  EXPECT_EQ(progress().at, 600);
  EXPECT_THAT(pass(), IsEmpty()) << details_;
  EXPECT_EQ(last().entries, 600);
}

TEST_F(NoAlarmTest, OneStepAtATime) {
  store(events(10));
  seal();
  const auto other = open();
  execute(*other, "BEGIN; SELECT pg_advisory_xact_lock(8318198408357898612)");
  EXPECT_EQ(step(), 30s);
  EXPECT_FALSE(auditor_->progress());
  execute(*other, "ROLLBACK");
  EXPECT_THAT(pass(), IsEmpty()) << details_;
}

TEST_F(NoAlarmTest, WaitsForNobodyWhoChangesThePartitions) {
  store(events(10));
  seal();
  const auto other = open();
  execute(*other, "BEGIN; LOCK TABLE audit_events_default");
  EXPECT_EQ(step(), 1s);
  EXPECT_TRUE(session_->usable());
  EXPECT_FALSE(session_->in_transaction());
  execute(*other, "ROLLBACK");
  EXPECT_THAT(pass(), IsEmpty()) << details_;
}

TEST_F(NoAlarmTest, NoRowMovesBehindTheSnapshotOfAStep) {
  store(events(10));
  seal();
  step();
  const auto move = [] {
    try {
      superuser(
          "SET lock_timeout = '300ms'; BEGIN; CREATE TABLE march (LIKE audit_events INCLUDING DEFAULTS); "
          "WITH moved AS (DELETE FROM audit_events_default RETURNING *) INSERT INTO march SELECT * FROM "
          "moved; "
          "ALTER TABLE audit_events ATTACH PARTITION march FOR VALUES FROM ('2020-03-01Z') TO "
          "('2020-04-01Z'); "
          "COMMIT");
    } catch (const std::exception&) {  // it has to wait
    }
  };
  constexpr int kKeys = 8;
  testing::FaultyConnection connection(*session_, kKeys, testing::FaultyConnection::Fault::kBefore, move);
  must(postgres::testing::run(context_, auditor_->step(connection, checkpoint(), deadline())));
  ASSERT_THAT(connection.hit(), HasSubstr("AS key")) << "another statement is the one that looks for rows";
  EXPECT_EQ(progress().at, 10);
  EXPECT_THAT(pass(), IsEmpty()) << details_;
}

TEST_F(NoAlarmTest, ALogThatWasRolledBackIsAuditedFromItsBeginning) {
  store(events(10));
  seal();
  const tlog::Checkpoint before = checkpoint();
  superuser("CREATE TABLE saved AS TABLE audit_log");
  store(events(10));
  seal();
  step();
  EXPECT_EQ(progress().size, 20);
  must(postgres::testing::run(context_, auditor_->step(*session_, before, deadline())));
  EXPECT_EQ(progress().size, 10);
  EXPECT_EQ(progress().at, 0);
}

// Beside what pods do all day nothing is found that is not so.
TEST_F(NoAlarmTest, FindsNothingBesideWritersAndSealing) {
  int writing = 0;
  const auto writer = [this, &writing](int number) -> boost::asio::awaitable<void> {
    ++writing;
    for (int i = 0; i < 25; ++i) {
      std::vector<event::Event> some = events(1 + (number * 7 + i) % 30);
      for (event::Event& one : some) one.retention_days = i % 5 == 0 ? 1 : 2555;
      const auto stored = co_await ingest_.store("audit", std::move(some), deadline());
      EXPECT_TRUE(stored);
    }
    --writing;
  };
  const auto sealing = open();
  const auto seals = [this, &writing, &sealing]() -> boost::asio::awaitable<void> {
    bool more = true;
    while (more) {
      more = writing > 0;
      const auto sealed = co_await sealer_->seal(*sealing, deadline());
      EXPECT_TRUE(sealed);
    }
  };
  store(events(5));
  seal();
  for (int number = 0; number < 4; ++number)
    boost::asio::co_spawn(context_, writer(number), boost::asio::detached);
  bool sealed = false;
  boost::asio::co_spawn(context_, seals(), [&sealed](const std::exception_ptr&) { sealed = true; });
  int passes = 0;
  do {
    EXPECT_THAT(pass(), IsEmpty()) << details_;
    ++passes;
  } while (!sealed || passes < 3);
  EXPECT_THAT(pass(), IsEmpty()) << details_;
  EXPECT_GT(last().entries, 1000);
  EXPECT_EQ(std::to_string(last().entries), count());
}

}  // namespace
}  // namespace storagepool::evidence
