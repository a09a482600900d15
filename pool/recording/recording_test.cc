#include "pool/recording/recording.h"

#include <chrono>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/use_future.hpp>
#include <gtest/gtest.h>

#include "pool/event/testing/smallest_event.h"

namespace storagepool::recording {
namespace {

using boost::asio::awaitable;
using event::Event;
using ingest::Stored;
using journal::JournalError;
using tables::StoreError;
using Deadline = Recorder::Deadline;
using std::chrono::steady_clock;

class RecorderTest : public ::testing::Test {
 protected:
  using Answer = tl::expected<Recorded, tables::StoreError>;

  awaitable<tl::expected<std::vector<ingest::Stored>, tables::StoreError>> store(
      std::string database, std::vector<event::Event> unit, Deadline deadline) {
    stored_in_.push_back(std::move(database));
    store_deadline_ = deadline;
    if (store_error_) co_return tl::unexpected(*store_error_);
    std::vector<ingest::Stored> all;
    for (const event::Event& event : unit) all.push_back({event.event_timestamp, true});
    co_return all;
  }
  awaitable<tl::expected<void, journal::JournalError>> append(std::string workspace,
                                                              std::vector<event::Event> unit) {
    journalled_in_.push_back(std::move(workspace));
    journalled_ = std::move(unit);
    if (journal_error_) co_return tl::unexpected(*journal_error_);
    co_return tl::expected<void, journal::JournalError>();
  }
  Answer record(bool with_journal = true) {
    Recorder::Parts parts;
    parts.store = [this](std::string database, std::vector<event::Event> unit, Deadline deadline) {
      return store(std::move(database), std::move(unit), deadline);
    };
    if (with_journal) {
      parts.journal = [this](std::string workspace, std::vector<event::Event> unit, Deadline) {
        return append(std::move(workspace), std::move(unit));
      };
    }
    parts.away = [this] { return away_; };
    parts.backlog = [this] { return backlog_; };
    Recorder recorder(std::move(parts));
    boost::asio::io_context loop;
    auto answer = boost::asio::co_spawn(
        loop, recorder.record({"team-a", "audit_ws_team_a"}, unit_, deadline_), boost::asio::use_future);
    loop.run();
    return answer.get();
  }

  const std::vector<event::Event> unit_{
      event::testing::smallest_event("3f0e8c1a-0000-4000-8000-000000000001", "2026-02-28T12:00:00Z"),
      event::testing::smallest_event("3f0e8c1a-0000-4000-8000-000000000002", "2026-02-28T12:00:01Z")};
  const Deadline deadline_ = steady_clock::now() + std::chrono::hours{1};
  bool away_ = false;
  bool backlog_ = false;
  std::optional<tables::StoreError> store_error_;
  std::optional<journal::JournalError> journal_error_;
  Deadline store_deadline_;
  std::vector<std::string> stored_in_;
  std::vector<std::string> journalled_in_;
  std::vector<event::Event> journalled_;
};

TEST_F(RecorderTest, stores_in_the_database_of_the_workspace) {
  const Answer answer = record();
  ASSERT_TRUE(answer);
  EXPECT_FALSE(answer->journalled);
  EXPECT_EQ(answer->stored.size(), 2U);
  EXPECT_EQ(stored_in_, std::vector<std::string>{"audit_ws_team_a"});
  EXPECT_TRUE(journalled_in_.empty());
}

TEST_F(RecorderTest, turns_to_the_journal_when_postgresql_cannot) {
  store_error_ = tables::StoreError{tables::StoreError::Kind::kUnavailable, "no connection", {}};
  const Answer answer = record();
  ASSERT_TRUE(answer);
  EXPECT_TRUE(answer->journalled);
  EXPECT_EQ(journalled_in_, std::vector<std::string>{"team-a"});
  EXPECT_EQ(journalled_, unit_);
}

TEST_F(RecorderTest, does_not_try_postgresql_while_it_is_known_to_be_away) {
  away_ = true;
  EXPECT_TRUE(record().value().journalled);
  EXPECT_TRUE(stored_in_.empty());
  EXPECT_EQ(journalled_, unit_);
}

TEST_F(RecorderTest, waits_for_postgresql_shortly_only_when_there_is_a_journal) {
  EXPECT_TRUE(record());
  EXPECT_LE(store_deadline_, steady_clock::now() + Recorder::kPatience);
  EXPECT_TRUE(record(false));
  EXPECT_EQ(store_deadline_, deadline_);
}

TEST_F(RecorderTest, journals_nothing_that_postgresql_refuses) {
  for (const auto kind : {tables::StoreError::Kind::kParentMissing, tables::StoreError::Kind::kRejected,
                          tables::StoreError::Kind::kOverloaded, tables::StoreError::Kind::kInternal}) {
    store_error_ = tables::StoreError{kind, "no", {}};
    EXPECT_EQ(record().error().kind, kind);
  }
  store_error_ = tables::StoreError{tables::StoreError::Kind::kDatabaseMissing, "no such workspace", {}};
  EXPECT_FALSE(record());
  EXPECT_TRUE(journalled_in_.empty());
}

TEST_F(RecorderTest, journals_a_child_whose_parent_may_be_in_the_journal) {
  backlog_ = true;
  store_error_ =
      tables::StoreError{tables::StoreError::Kind::kParentMissing, "parent event does not exist", {}};
  EXPECT_TRUE(record().value().journalled);
  store_error_ = tables::StoreError{tables::StoreError::Kind::kRejected, "no", {}};
  EXPECT_FALSE(record());
}

TEST_F(RecorderTest, is_unavailable_when_the_journal_is_full_or_fails) {
  away_ = true;
  for (const auto kind : {journal::JournalError::Kind::kFull, journal::JournalError::Kind::kFailed}) {
    journal_error_ = journal::JournalError{kind, "secret detail"};
    const Answer answer = record();
    ASSERT_FALSE(answer);
    EXPECT_EQ(answer.error().kind, tables::StoreError::Kind::kUnavailable);
    EXPECT_GE(answer.error().retry_after, std::chrono::seconds{1});
    EXPECT_EQ(answer.error().detail.find("secret"), std::string::npos);
  }
}

TEST_F(RecorderTest, without_a_journal_says_that_postgresql_is_away) {
  away_ = true;
  store_error_ = tables::StoreError{tables::StoreError::Kind::kUnavailable, "no connection", {}};
  EXPECT_EQ(record(false).error().kind, tables::StoreError::Kind::kUnavailable);
}

}  // namespace
}  // namespace storagepool::recording
