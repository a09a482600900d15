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

// A time that stands until it is moved, an hour from now, so that the disk is never late.
class StandingClock : public runtime::Clock {
 public:
  runtime::TimePoint now() const override { return now_; }
  runtime::Timestamp wall() const override { return {}; }
  void pass(std::chrono::milliseconds time) { now_ += time; }

 private:
  runtime::TimePoint now_ = runtime::steady_now() + 1h;
};

class RecordingTest : public journal::testing::JournalTest {
 protected:
  RecordingTest() { reopen_with(options()); }

  Recording::Answer record(bool with_journal = true) {
    Recording recording(store_, with_journal ? &*backlog_ : nullptr, clock_);
    return record_by(recording);
  }
  Recording::Answer record_by(Recording& recording, const std::string& workspace = "team-a",
                              const std::string& database = "audit_ws_team_a") {
    return run(context_, recording.record({workspace, database, "incarnation"}, unit_, deadline_));
  }
  // Nothing commits while a write waits for a second.
  void stall(Recording& recording) {
    store_.error = kLate;
    store_.meanwhile = [&] { clock_.pass(1s); };
    EXPECT_TRUE(record_by(recording).value().journalled);
    store_.meanwhile = nullptr;
    store_.error.reset();
  }
  void reopen_with(const journal::Options& options) {
    open(options);
    backlog_.emplace(*journal_);
  }
  // What went into the journal, in one call.
  std::int64_t journalled() const { return journal_->statistics().appended.units; }
  void expect_journalled() {
    const auto units = next();
    ASSERT_EQ(units.size(), 1U);
    EXPECT_EQ(units[0].workspace, "team-a");
    EXPECT_EQ(units[0].incarnation, "incarnation");
    EXPECT_EQ(units[0].events, unit_);
  }

  const std::vector<Event> unit_ = journal::testing::numbered_unit(1, 1, 2);
  static inline const StoreError kLate{StoreError::Kind::kUnavailable, "not in time", {}};
  StandingClock clock_;
  Recording::Deadline deadline_ = clock_.now() + 1h;
  testing::FakeEventStore store_;
  std::optional<JournalBacklog> backlog_;
};

TEST_F(RecordingTest, TellsWhetherItWasCalledLately) {
  Recording recording(store_, nullptr, clock_);
  EXPECT_FALSE(recording.called_lately());
  record_by(recording);
  EXPECT_TRUE(recording.called_lately());
  clock_.pass(1s);
  EXPECT_FALSE(recording.called_lately());
}

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

TEST_F(RecordingTest, WaitsForACommitAndNoLongerThanClientsDoWhenThereIsAJournal) {
  EXPECT_TRUE(record());
  EXPECT_EQ(store_.last_deadline, clock_.now() + Recording::kLongestWait);
  EXPECT_EQ(store_.last_given_up_at, clock_.now() + 1s);
  store_.last_given_up_at.reset();
  EXPECT_TRUE(record(false));
  EXPECT_EQ(store_.last_deadline, deadline_);
  EXPECT_FALSE(store_.last_given_up_at);
}

TEST_F(RecordingTest, WaitsAsLongAsTheSettingSays) {
  Recording recording(store_, &*backlog_, clock_, {.stall_after = 300ms});
  EXPECT_TRUE(record_by(recording));
  EXPECT_EQ(store_.last_given_up_at, clock_.now() + 300ms);
  recording.set_stall_after(20s);
  EXPECT_TRUE(record_by(recording));
  EXPECT_EQ(store_.last_given_up_at, clock_.now() + 20s);
  EXPECT_EQ(store_.last_deadline, clock_.now() + 20s);
}

TEST_F(RecordingTest, InAStallOneWriteAtATimeLooksWhetherItIsOver) {
  int told = 0;
  Recording recording(store_, &*backlog_, clock_, {.on_stall = [&] { ++told; }});
  stall(recording);
  EXPECT_EQ(told, 1);
  EXPECT_EQ(store_.stored_in.size(), 1U);
  EXPECT_TRUE(record_by(recording).value().journalled);
  EXPECT_EQ(store_.stored_in.size(), 1U) << "PostgreSQL is not even asked";
  clock_.pass(300ms);
  store_.error = kLate;
  store_.meanwhile = [&] { EXPECT_EQ(store_.last_given_up_at, clock_.now() + 1s); };
  EXPECT_TRUE(record_by(recording).value().journalled);
  EXPECT_EQ(store_.stored_in.size(), 2U);
  store_.error.reset();
  clock_.pass(300ms);
  EXPECT_FALSE(record_by(recording).value().journalled);
  EXPECT_FALSE(record_by(recording).value().journalled);
  EXPECT_EQ(told, 1);
}

TEST_F(RecordingTest, AStallEndsWithWhateverIsCommitted) {
  Recording recording(store_, &*backlog_, clock_);
  stall(recording);
  store_.outcome("audit_ws_team_b", nullptr);
  EXPECT_TRUE(record_by(recording).value().journalled);
  store_.outcome("audit_ws_team_a", nullptr);
  EXPECT_FALSE(record_by(recording).value().journalled);
}

TEST_F(RecordingTest, AStallOfOneDatabaseSendsNoOthersEventsToTheJournal) {
  Recording recording(store_, &*backlog_, clock_);
  stall(recording);
  EXPECT_FALSE(record_by(recording, "", "audit").value().journalled);
}

TEST_F(RecordingTest, AfterPostgresqlWasAwayItIsTriedAtOnce) {
  Recording recording(store_, &*backlog_, clock_);
  stall(recording);
  store_.is_away = true;
  EXPECT_TRUE(record_by(recording).value().journalled);
  store_.is_away = false;
  EXPECT_FALSE(record_by(recording).value().journalled);
}

TEST_F(RecordingTest, JournalsWhatFindsTheQueueFullWhileNothingCommits) {
  Recording recording(store_, &*backlog_, clock_);
  store_.error = StoreError{StoreError::Kind::kOverloaded, "full", {}};
  EXPECT_EQ(record_by(recording).error().kind, StoreError::Kind::kOverloaded) << "others are committed";
  store_.meanwhile = [&] { clock_.pass(250ms); };
  EXPECT_EQ(record_by(recording).error().kind, StoreError::Kind::kOverloaded) << "nobody waits any more";
  // While another write has waited in vain for a while.
  store_.meanwhile = [&] {
    store_.meanwhile = nullptr;
    clock_.pass(250ms);
    store_.error->kind = StoreError::Kind::kOverloaded;
    EXPECT_TRUE(run(context_, recording.record({"", "audit"}, unit_, deadline_)).value().journalled);
    store_.filled = 0.75;
    store_.error.reset();
    EXPECT_TRUE(record_by(recording).value().journalled) << "nor is an almost full queue waited for";
    store_.filled = 0.74;
    EXPECT_FALSE(record_by(recording).value().journalled);
  };
  EXPECT_FALSE(record_by(recording).value().journalled);
}

TEST_F(RecordingTest, JournalsNothingThatIsTheEventsOwnFault) {
  for (const auto kind :
       {StoreError::Kind::kParentMissing, StoreError::Kind::kRejected, StoreError::Kind::kConflict}) {
    store_.error = StoreError{kind, "no", {}};
    EXPECT_EQ(record().error().kind, kind);
  }
  EXPECT_EQ(journalled(), 0);
}

TEST_F(RecordingTest, JournalsWhatIsNobodysFault) {
  store_.error = StoreError{StoreError::Kind::kInternal, "no", {}};
  EXPECT_TRUE(record().value().journalled);
}

TEST_F(RecordingTest, RefusedEventsAreNoStall) {
  Recording recording(store_, &*backlog_, clock_);
  store_.error = StoreError{StoreError::Kind::kRejected, "no", {}};
  store_.meanwhile = [&] { clock_.pass(2s); };
  EXPECT_FALSE(record_by(recording));
  store_.meanwhile = nullptr;
  store_.error.reset();
  EXPECT_FALSE(record_by(recording).value().journalled);
}

TEST_F(RecordingTest, JournalsForAMissingDatabaseUnlessItsWorkspaceIsGone) {
  bool gone = true;
  Recording recording(store_, &*backlog_, clock_,
                      {.gone = [&](const Destination&, Recording::Deadline) -> boost::asio::awaitable<bool> {
                        co_return gone;
                      }});
  store_.error = StoreError{StoreError::Kind::kDatabaseMissing, "no such database", {}};
  EXPECT_EQ(record_by(recording).error().kind, StoreError::Kind::kDatabaseMissing);
  EXPECT_TRUE(record_by(recording, "", "audit").value().journalled);
  gone = false;
  EXPECT_TRUE(record_by(recording).value().journalled);
}

TEST_F(RecordingTest, JournalsAChildWhoseParentMayBeInAJournal) {
  Recording recording(store_, &*backlog_, clock_);
  const StoreError orphan{StoreError::Kind::kParentMissing, "parent event does not exist", {}};
  store_.error = orphan;
  EXPECT_FALSE(record_by(recording));
  store_.error = kLate;
  EXPECT_TRUE(record_by(recording).value().journalled);
  store_.error = orphan;
  EXPECT_TRUE(record_by(recording).value().journalled);
  remove({1, 2});
  EXPECT_TRUE(record_by(recording).value().journalled) << "perhaps in another pod's";
  remove({3});
  clock_.pass(Recording::kParentsTravel);
  EXPECT_FALSE(record_by(recording));
  must_append(journal::testing::numbered_unit(1, 0));
  EXPECT_TRUE(record_by(recording).value().journalled);
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
  reopen_with(no_memory);
  expect_unavailable("full", "bytes");
  reopen_with(options());
  ASSERT_TRUE(run(context_, journal_->close(in(20s))));
  expect_unavailable("failed", "closed");
}

TEST_F(RecordingTest, IsUnavailableWhileNothingIsToGoToTheJournal) {
  std::string reason = "the pod is to leave";
  Recording recording(store_, &*backlog_, clock_, {.journal_refuses = [&] { return reason; }});
  EXPECT_FALSE(record_by(recording).value().journalled) << "PostgreSQL takes it";
  store_.is_away = true;
  const auto refused = record_by(recording);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().kind, StoreError::Kind::kUnavailable);
  EXPECT_NE(refused.error().detail.find(reason), std::string::npos);
  EXPECT_GT(refused.error().retry_after.count(), 0);
  EXPECT_EQ(journalled(), 0);
  reason.clear();
  EXPECT_TRUE(record_by(recording).value().journalled);
}

TEST_F(RecordingTest, WaitsForTheJournalWhateverIsLeftOfTheDeadline) {
  store_.is_away = true;
  deadline_ = runtime::steady_now() - 1s;
  const Recording::Answer answer = record();
  ASSERT_TRUE(answer);
  EXPECT_TRUE(answer->journalled);
  expect_journalled();
}

TEST_F(RecordingTest, JournalsWhatIsForAWorkspaceThatCannotBeLookedUp) {
  Recording recording(store_, &*backlog_, clock_);
  EXPECT_TRUE(record_by(recording, "team-a", "").value().journalled);
  EXPECT_TRUE(store_.stored_in.empty());
  Recording without(store_, nullptr, clock_);
  EXPECT_EQ(record_by(without, "team-a", "").error().kind, StoreError::Kind::kUnavailable);
  EXPECT_TRUE(store_.stored_in.empty());
}

TEST_F(RecordingTest, WithoutAJournalSaysThatPostgresqlIsAway) {
  store_.is_away = true;
  store_.error = StoreError{StoreError::Kind::kUnavailable, "no connection", {}};
  EXPECT_EQ(record(false).error().kind, StoreError::Kind::kUnavailable);
}

}  // namespace
}  // namespace storagepool::recording
