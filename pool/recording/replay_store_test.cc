#include "pool/recording/replay_store.h"

#include <gtest/gtest.h>

namespace storagepool::recording {
namespace {

using tables::StoreError;
using workspaces::WorkspaceError;

TEST(ReplayError, gives_up_only_what_can_never_be_stored) {
  for (const auto kind :
       {workspaces::WorkspaceError::Kind::kInvalidName, workspaces::WorkspaceError::Kind::kNotFound,
        workspaces::WorkspaceError::Kind::kDeleting}) {
    EXPECT_EQ(replay_error({kind, "gone", {}}).kind, tables::StoreError::Kind::kDatabaseMissing);
  }
  for (const auto kind :
       {workspaces::WorkspaceError::Kind::kTaken, workspaces::WorkspaceError::Kind::kNotPermitted,
        workspaces::WorkspaceError::Kind::kUnavailable, workspaces::WorkspaceError::Kind::kInternal}) {
    const tables::StoreError error = replay_error({kind, "not now", std::chrono::seconds{3}});
    EXPECT_EQ(error.kind, tables::StoreError::Kind::kUnavailable);
    EXPECT_EQ(error.detail, "not now");
    EXPECT_EQ(error.retry_after, std::chrono::seconds{3});
  }
}

}  // namespace
}  // namespace storagepool::recording
