// A legal hold keeps its workspace.
#include <string>

#include <gtest/gtest.h>

#include "pool/workspaces/testing/workspace_pod.h"
#include "pool/workspaces/workspaces.h"

namespace storagepool::workspaces {
namespace {

using testing::in;
using testing::Pod;
using namespace std::chrono_literals;

constexpr const char* kDatabase = "audit_ws_w";

class LegalHoldsTest : public testing::WorkspaceTest {
 protected:
  static void place_hold() {
    sql("INSERT INTO audit_legal_holds VALUES (gen_random_uuid(), 'c', 'a case', 'counsel', now(), 1)",
        kDatabase);
  }
  static void release_hold() {
    sql("UPDATE audit_legal_holds SET released_by = 'judge', released_at = now()", kDatabase);
  }
};

TEST_F(LegalHoldsTest, KeepTheirWorkspaceUntilTheyAreReleased) {
  Pod pod(context_, *server_);
  must_create(pod, "w");
  place_hold();
  const auto refused = run(pod.workspaces.remove("w", in(20s)));
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().kind, Error::Kind::kHeld);
  EXPECT_EQ(refused.error().detail, "a legal hold keeps events of the workspace w; release it first");
  EXPECT_EQ(states(), "w ready");
  release_hold();
  EXPECT_EQ(*run(pod.workspaces.remove("w", in(20s))), Removal::kDropping);
  pod.start();
  wait_until([&] { return *run(pod.workspaces.remove("w", in(20s))) == Removal::kGone; });
}

TEST_F(LegalHoldsTest, KeepAWorkspaceWhoseRemovalWasAskedForAMomentBefore) {
  Pod pod(context_, *server_);
  must_create(pod, "w");
  EXPECT_EQ(*run(pod.workspaces.remove("w", in(20s))), Removal::kDropping);
  place_hold();
  pod.start();
  wait_until([] { return states() == "w ready"; });
  EXPECT_EQ(run(pod.workspaces.resolve("w", in(20s)))->database, kDatabase);
  EXPECT_EQ(sql("SELECT count(*) FROM audit_legal_holds", kDatabase)[0], "1");
}

// As when a pod has ended between its look at the holds and the drop.
TEST_F(LegalHoldsTest, CannotBePlacedInAWorkspaceThatIsDropped) {
  Pod pod(context_, *server_);
  must_create(pod, "w");
  EXPECT_EQ(*run(pod.workspaces.remove("w", in(20s))), Removal::kDropping);
  sql("DROP TABLE audit_legal_holds", kDatabase);
  pod.start();
  wait_until([&] { return *run(pod.workspaces.remove("w", in(20s))) == Removal::kGone; });
}

}  // namespace
}  // namespace storagepool::workspaces
