// The key of a StoragePool's log: made once, before there is a pod that mounts it, and never read.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "operator/reconcile/testing/reconcile_fixture.h"
#include "pool/common/tlog/note_key.h"

namespace storagepool::reconcile {
namespace {

using ::testing::Contains;
using ::testing::IsEmpty;
using ::testing::Not;

constexpr const char* kMake = "create Secret/audit-log-key";

class LogKey : public Reconcile {
 protected:
  static std::size_t place(const std::vector<std::string>& writes, const std::string& write) {
    return static_cast<std::size_t>(std::ranges::find(writes, write) - writes.begin());
  }
};

TEST_F(LogKey, IsMadeOnceBeforeThePods) {
  settle();
  EXPECT_LT(place(cluster_.writes, kMake), place(cluster_.writes, "create StatefulSet/audit"));
  EXPECT_EQ(std::ranges::count(cluster_.writes, kMake), 1);
  const Json& secret = cluster_.get("Secret", "audit-log-key");
  EXPECT_FALSE(secret["metadata"].contains("ownerReferences")) << "it outlives the StoragePool";
  const auto key = tlog::NoteKey::read(secret["stringData"]["key"].get<std::string>());
  ASSERT_TRUE(key) << key.error();
  EXPECT_EQ(key->name(), "storagepool.dev/team/audit");
  EXPECT_EQ(key->kind(), tlog::KeyKind::kLog);
  EXPECT_EQ(key->seed().size(), tlog::kSeedBytes);

  cluster_.writes.clear();
  restart_operator();
  settle();
  EXPECT_THAT(cluster_.writes, IsEmpty()) << "neither after a restart";
}

TEST_F(LogKey, IsNotMadeWhereThereWillBeNoPods) {
  cluster_.put({{"kind", "Service"}, {"metadata", {{"name", "audit"}, {"namespace", "team"}}}});
  settle();
  EXPECT_EQ(condition(kStalled), "True NameTaken");
  EXPECT_FALSE(cluster_.has("Secret", "audit-log-key"));
}

TEST_F(LogKey, IsAnotherForEachStoragePool) {
  settle();
  cluster_.put(storage_pool("other", 1));
  settle("other");
  EXPECT_NE(cluster_.get("Secret", "audit-log-key")["stringData"],
            cluster_.get("Secret", "other-log-key")["stringData"]);
}

TEST_F(LogKey, ThatIsThereIsLeftAsItIs) {
  const Json theirs{{"kind", "Secret"}, {"metadata", {{"name", "audit-log-key"}, {"namespace", "team"}}}};
  cluster_.put(theirs);
  settle();
  EXPECT_THAT(cluster_.writes, Not(Contains(kMake)));
  EXPECT_FALSE(cluster_.get("Secret", "audit-log-key").contains("stringData"));
  EXPECT_EQ(condition(kReady), "True Ready");
}

// An operator of an earlier release made the StatefulSet.
TEST_F(LogKey, IsMadeForPodsThatAreThere) {
  settle();
  cluster_.get("StatefulSet", "audit")["metadata"]["annotations"].erase("storagepool.dev/log-key");
  cluster_.objects.erase({"Secret", "audit-log-key"});
  restart_operator();
  settle();
  EXPECT_THAT(cluster_.writes, Contains(kMake));
}

TEST_F(LogKey, ThatWasLostIsMadeAgainWhenAsked) {
  settle();
  cluster_.objects.erase({"Secret", "audit-log-key"});
  cluster_.writes.clear();
  settle();
  EXPECT_THAT(cluster_.writes, IsEmpty()) << "another key is another log, which is for a person to say";
  Json set = cluster_.get("StatefulSet", "audit");
  set["metadata"]["annotations"].erase("storagepool.dev/log-key");
  cluster_.put(set);
  settle();
  EXPECT_EQ(std::ranges::count(cluster_.writes, kMake), 1);
  EXPECT_TRUE(cluster_.has("Secret", "audit-log-key"));
}

TEST_F(LogKey, ThatMayNotBeMadeStallsTheStoragePool) {
  cluster_.refuse = kube::ApiError{.status = 403, .reason = "Forbidden", .message = "not with these rights"};
  cluster_.refuse_kind = "Secret";
  settle();
  EXPECT_EQ(condition(kStalled), "True ApplyForbidden");
  EXPECT_THAT(message(kStalled), ::testing::HasSubstr("Secret audit-log-key"));
  EXPECT_FALSE(cluster_.has("StatefulSet", "audit"));
  cluster_.refuse.reset();
  settle();
  EXPECT_EQ(condition(kReady), "True Ready");
}

}  // namespace
}  // namespace storagepool::reconcile
