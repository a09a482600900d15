#include "pool/recording/replay_store.h"

#include <chrono>
#include <string>
#include <vector>

#include <boost/asio/io_context.hpp>
#include <gtest/gtest.h>

#include "pool/postgres/testing/run.h"
#include "pool/recording/testing/fake_event_store.h"

namespace storagepool::recording {
namespace {

using tables::StoreError;

TEST(ReplayError, GivesUpOnlyWhatCanNeverBeStored) {
  for (const auto kind : {workspaces::Error::Kind::kInvalidName, workspaces::Error::Kind::kNotFound,
                          workspaces::Error::Kind::kDeleting}) {
    EXPECT_EQ(replay_error({kind, "gone", {}}).kind, tables::StoreError::Kind::kDatabaseMissing);
  }
  for (const auto kind : {workspaces::Error::Kind::kTaken, workspaces::Error::Kind::kNotPermitted,
                          workspaces::Error::Kind::kUnavailable, workspaces::Error::Kind::kInternal}) {
    const tables::StoreError error = replay_error({kind, "not now", std::chrono::seconds{3}});
    EXPECT_EQ(error.kind, tables::StoreError::Kind::kUnavailable);
    EXPECT_EQ(error.detail, "not now");
    EXPECT_EQ(error.retry_after, std::chrono::seconds{3});
  }
}

// In the system database, for which the registry is not asked.
class ReplayStoreTest : public ::testing::Test {
 protected:
  tl::expected<void, StoreError> store() {
    const auto store = make_replay_store(store_, destinations_);
    return postgres::testing::run(context_, store(journal::Origin(), {}, nullptr));
  }

  boost::asio::io_context context_;
  engine::Engine engine_{context_.get_executor(), [] { return postgres::ConnectOptions{}; }, "audit", {}, {}};
  workspaces::Workspaces workspaces_{context_.get_executor(), engine_, "audit"};
  Destinations destinations_{workspaces_, "audit"};
  testing::FakeEventStore store_;
};

TEST_F(ReplayStoreTest, StoresInTheSystemDatabase) {
  EXPECT_TRUE(store());
  EXPECT_EQ(store_.stored_in, std::vector<std::string>{"audit"});
}

TEST_F(ReplayStoreTest, TriesNothingWhilePostgresIsAway) {
  store_.is_away = true;
  EXPECT_EQ(store().error().kind, StoreError::Kind::kUnavailable);
  EXPECT_TRUE(store_.stored_in.empty());
}

TEST_F(ReplayStoreTest, WaitsForASystemDatabaseThatIsMissing) {
  store_.error = StoreError{StoreError::Kind::kDatabaseMissing, "no such database", {}};
  const auto stored = store();
  EXPECT_EQ(stored.error().kind, StoreError::Kind::kUnavailable);
  EXPECT_EQ(stored.error().detail, "no such database");
}

TEST_F(ReplayStoreTest, LeavesOtherErrorsAsTheyAre) {
  store_.error = StoreError{StoreError::Kind::kRejected, "no", {}};
  EXPECT_EQ(store().error().kind, StoreError::Kind::kRejected);
}

}  // namespace
}  // namespace storagepool::recording
