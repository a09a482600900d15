// The key of a StoragePool's log: made once, before there is a pod that mounts it, and never read.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "operator/reconcile/status/conditions.h"
#include "operator/reconcile/testing/reconcile_fixture.h"
#include "pool/common/tlog/note_key.h"

namespace storagepool::reconcile {
namespace {

using ::testing::Contains;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;

constexpr const char* kMake = "create Secret/audit-log-key";

class LogKey : public Reconcile {
 protected:
  void pods_say(const std::vector<std::string>& vkeys, const std::string& refusal = "") {
    for (auto& [address, pod] : cluster_.pods) say(pod, vkeys, refusal);
    ASSERT_TRUE(look());
  }
  static void say(FakePod& pod, const std::vector<std::string>& vkeys, const std::string& refusal) {
    pod.facts.log.reset();
    if (!vkeys.empty()) pod.facts.log = settings::LogFacts{.size = 1, .vkeys = vkeys};
    pod.facts.log_key_refusal = refusal;
  }
  std::vector<std::string> changes() const {
    std::vector<std::string> notes;
    for (const kube::Event& event : cluster_.events)
      if (event.reason == "LogKeyChanged") notes.push_back(event.note);
    return notes;
  }
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

TEST_F(LogKey, ThatTheUserHasIsNotMade) {
  change_spec("/spec/log/keySecretRef/name", "vaulted");
  settle();
  EXPECT_FALSE(cluster_.has("Secret", "audit-log-key"));
  EXPECT_EQ(condition(kReady), "True Ready");
  Json object = pool();
  object["spec"].erase("log");
  cluster_.put(object);
  settle();
  EXPECT_TRUE(cluster_.has("Secret", "audit-log-key")) << "once it is to be the operator's";
  change_spec("/spec/log/keySecretRef/name", "vaulted");
  settle();
  EXPECT_TRUE(cluster_.has("Secret", "audit-log-key")) << "what proves events is left where it is";
}

TEST_F(LogKey, ThatPodsDoNotHaveIsSaidByFieldAndSecret) {
  change_spec("/spec/log/keySecretRef/name", "vaulted");
  settle();
  pods_say({}, "cannot read the file");
  EXPECT_EQ(condition(kLogKeyUnusable), "True NoLogKey");
  EXPECT_THAT(message(kLogKeyUnusable),
              HasSubstr("audit-0 has no usable key from the Secret team/vaulted of spec.log.keySecretRef"));
  EXPECT_EQ(condition(kReady), "True Ready") << "events are stored";
  cluster_.writes.clear();
  pods_say({}, "cannot read the file");
  EXPECT_THAT(cluster_.writes, IsEmpty());
  pods_say({"first"}, "it is empty");
  EXPECT_EQ(condition(kLogKeyUnusable), "True LogKeyRefused");
  pods_say({"first"});
  EXPECT_EQ(condition(kLogKeyUnusable), "False LogKeyInForce");
  for (const char* reason : {"NoLogKey", "LogKeyRefused", "LogKeyInForce"})
    EXPECT_THAT(events(), Contains(reason).Times(1));
}

TEST_F(LogKey, OfTheOperatorsThatIsGoneIsSaidByItsName) {
  settle();
  EXPECT_EQ(condition_of(kLogKeyUnusable).type, "");
  pods_say({}, "cannot read the file");
  EXPECT_THAT(message(kLogKeyUnusable),
              ::testing::AllOf(HasSubstr("the Secret team/audit-log-key"), Not(HasSubstr("keySecretRef"))));
}

TEST_F(LogKey, ThatChangesIsToldOnceWithTheOldOne) {
  settle();
  pods_say({"first"});
  EXPECT_EQ(status()["log"]["vkeys"], Json::array({"first"}));
  EXPECT_THAT(changes(), IsEmpty()) << "it is seen for the first time";
  // Pods take it up one after the other.
  say(cluster_.pods.begin()->second, {"first", "second"}, "");
  ASSERT_TRUE(look());
  EXPECT_THAT(changes(), IsEmpty());
  pods_say({"first", "second"});
  EXPECT_THAT(changes(),
              ::testing::ElementsAre(
                  "the log of events is verified with first, second, and was with first: tell auditors"));
  pods_say({"second", "first"});
  EXPECT_EQ(status()["log"]["vkeys"], Json::array({"second", "first"}));
  EXPECT_EQ(changes().size(), 1U) << "which one makes entries is nothing to auditors";
  pods_say({}, "cannot read the file");
  restart_operator();
  pods_say({"second", "first"});
  EXPECT_EQ(changes().size(), 1U);
  pods_say({"third"});
  ASSERT_EQ(changes().size(), 2U);
  EXPECT_THAT(changes()[1], HasSubstr("with third, and was with second, first"));
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
