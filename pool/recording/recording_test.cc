#include "pool/recording/recording.h"

#include <chrono>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "pool/common/runtime/clock.h"
#include "pool/journal/testing/journal_fixture.h"
#include "pool/recording/testing/fake_event_store.h"

namespace storagepool::recording {
namespace {

using event::Event;
using tables::StoreError;
using namespace std::chrono_literals;
using postgres::testing::in;
using postgres::testing::run;

// A time that stands still, an hour from now, so that the disk is never late.
class StandingClock : public runtime::Clock {
 public:
  runtime::TimePoint now() const override { return now_; }
  runtime::Timestamp wall() const override { return {}; }

 private:
  const runtime::TimePoint now_ = runtime::steady_now() + 1h;
};

class RecordingTest : public journal::testing::JournalTest {
 protected:
  RecordingTest() { open(); }

  Recording::Answer record(bool with_journal = true) {
    Recording recording(store_, with_journal ? journal_.get() : nullptr, clock_);
    return run(context_, recording.record({"team-a", "audit_ws_team_a"}, unit_, deadline_));
  }
  // What went into the journal, in one call.
  std::int64_t journalled() const { return journal_->statistics().appended.units; }
  void expect_journalled() {
    const auto units = next();
    ASSERT_EQ(units.size(), 1U);
    EXPECT_EQ(units[0].workspace, "team-a");
    EXPECT_EQ(units[0].events, unit_);
  }

  const std::vector<Event> unit_ = journal::testing::numbered_unit(1, 1, 2);
  const StandingClock clock_;
  Recording::Deadline deadline_ = clock_.now() + 1h;
  testing::FakeEventStore store_;
};

TEST_F(RecordingTest, StoresInTheDatabaseOfTheWorkspace) {
  const Recording::Answer answer = record();
  ASSERT_TRUE(answer);
  EXPECT_FALSE(answer->journalled);
  EXPECT_EQ(answer->stored.size(), 2U);
  EXPECT_EQ(store_.stored_in, std::vector<std::string>{"audit_ws_team_a"});
  EXPECT_EQ(journalled(), 0);
}

TEST_F(RecordingTest, TurnsToTheJournalWhenPostgresqlCannot) {
  store_.error = StoreError{StoreError::Kind::kUnavailable, "no connection", {}};
  const Recording::Answer answer = record();
  ASSERT_TRUE(answer);
  EXPECT_TRUE(answer->journalled);
  expect_journalled();
}

TEST_F(RecordingTest, DoesNotTryPostgresqlWhileItIsKnownToBeAway) {
  store_.is_away = true;
  EXPECT_TRUE(record().value().journalled);
  EXPECT_TRUE(store_.stored_in.empty());
  expect_journalled();
}

TEST_F(RecordingTest, WaitsForPostgresqlShortlyOnlyWhenThereIsAJournal) {
  EXPECT_TRUE(record());
  EXPECT_EQ(store_.last_deadline, clock_.now() + Recording::kPatience);
  EXPECT_TRUE(record(false));
  EXPECT_EQ(store_.last_deadline, deadline_);
}

TEST_F(RecordingTest, JournalsNothingThatPostgresqlRefuses) {
  for (const auto kind : {StoreError::Kind::kParentMissing, StoreError::Kind::kRejected,
                          StoreError::Kind::kOverloaded, StoreError::Kind::kInternal}) {
    store_.error = StoreError{kind, "no", {}};
    EXPECT_EQ(record().error().kind, kind);
  }
  store_.error = StoreError{StoreError::Kind::kDatabaseMissing, "no such workspace", {}};
  EXPECT_FALSE(record());
  EXPECT_EQ(journalled(), 0);
}

TEST_F(RecordingTest, JournalsAChildWhoseParentMayBeInTheJournal) {
  must_append(journal::testing::numbered_unit(1, 0));
  store_.error = StoreError{StoreError::Kind::kParentMissing, "parent event does not exist", {}};
  EXPECT_TRUE(record().value().journalled);
  store_.error = StoreError{StoreError::Kind::kRejected, "no", {}};
  EXPECT_FALSE(record());
}

TEST_F(RecordingTest, IsUnavailableWhenTheJournalIsFullOrFails) {
  store_.is_away = true;
  const auto expect_unavailable = [&](const std::string& reason, const std::string& secret) {
    const Recording::Answer answer = record();
    ASSERT_FALSE(answer);
    EXPECT_EQ(answer.error().kind, StoreError::Kind::kUnavailable);
    EXPECT_GE(answer.error().retry_after, 1s);
    EXPECT_NE(answer.error().detail.find(reason), std::string::npos) << answer.error().detail;
    EXPECT_EQ(answer.error().detail.find(secret), std::string::npos) << answer.error().detail;
  };
  journal::Options no_memory = options();
  no_memory.max_queued_bytes = 0;
  open(no_memory);
  expect_unavailable("full", "bytes");
  open();
  ASSERT_TRUE(run(context_, journal_->close(in(20s))));
  expect_unavailable("failed", "closed");
}

TEST_F(RecordingTest, WaitsForTheJournalWhateverIsLeftOfTheDeadline) {
  store_.is_away = true;
  deadline_ = runtime::steady_now() - 1s;
  const Recording::Answer answer = record();
  ASSERT_TRUE(answer);
  EXPECT_TRUE(answer->journalled);
  expect_journalled();
}

TEST_F(RecordingTest, JournalsWhatIsForTheSystemDatabaseWhileThatIsMissing) {
  store_.error = StoreError{StoreError::Kind::kDatabaseMissing, "no such database", {}};
  Recording recording(store_, journal_.get(), clock_);
  const auto answer = run(context_, recording.record({"", "audit"}, unit_, deadline_));
  ASSERT_TRUE(answer);
  EXPECT_TRUE(answer->journalled);
}

TEST_F(RecordingTest, WithoutAJournalSaysThatPostgresqlIsAway) {
  store_.is_away = true;
  store_.error = StoreError{StoreError::Kind::kUnavailable, "no connection", {}};
  EXPECT_EQ(record(false).error().kind, StoreError::Kind::kUnavailable);
}

}  // namespace
}  // namespace storagepool::recording
