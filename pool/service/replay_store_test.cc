#include "pool/service/replay_store.h"

#include <gtest/gtest.h>

namespace storagepool::service {
namespace {

using audit::StoreError;
using audit::WorkspaceError;

TEST(ReplayError, gives_up_only_what_can_never_be_stored) {
  for (const auto kind : {WorkspaceError::Kind::kInvalidName, WorkspaceError::Kind::kNotFound,
                          WorkspaceError::Kind::kDeleting}) {
    EXPECT_EQ(replay_error({kind, "gone", {}}).kind, StoreError::Kind::kDatabaseMissing);
  }
  for (const auto kind : {WorkspaceError::Kind::kTaken, WorkspaceError::Kind::kNotPermitted,
                          WorkspaceError::Kind::kUnavailable, WorkspaceError::Kind::kInternal}) {
    const StoreError error = replay_error({kind, "not now", std::chrono::seconds{3}});
    EXPECT_EQ(error.kind, StoreError::Kind::kUnavailable);
    EXPECT_EQ(error.detail, "not now");
    EXPECT_EQ(error.retry_after, std::chrono::seconds{3});
  }
}

}  // namespace
}  // namespace storagepool::service
