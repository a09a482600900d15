// The key of a StoragePool's log where it is a Secret of the user's: what the operator's program makes of it
// on a real API server, and says as pods come by it and by another.
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "operator/kube/object.h"
#include "operator/manager/testing/fleet.h"
#include "operator/reconcile/status/conditions.h"
#include "pool/common/json/json.h"

namespace storagepool::manager {
namespace {

using namespace std::chrono_literals;
using kube::Json;
using testing::Conduct;
using testing::eventually;
using ::testing::HasSubstr;

constexpr auto kTold = 60s;  // the latest that the operator has asked the pod and written what it says

class LogKeys : public testing::Fleet {
 protected:
  LogKeys() : Fleet(1, [](int) { return Conduct::kAnswers; }) {}

  static Json with_key(const std::string& name) {
    Json pool = storage_pool(0);
    pool["spec"]["log"]["keySecretRef"]["name"] = name;
    return pool;
  }
  void pod_says(const std::vector<std::string>& vkeys, const std::string& refusal = "") {
    settings::FactsReport facts = testing::facts_of("db0", 0);
    if (!vkeys.empty()) facts.log = settings::LogFacts{.vkeys = vkeys};
    facts.log_key_refusal = refusal;
    admin_ports_->change(addresses_.at(0), facts);
  }
  reconcile::Status status() const {
    const auto pool = control_plane_->client().get(kube::resources::kStoragePools, key_of(0));
    EXPECT_TRUE(pool) << pool.error().to_string();
    return pool ? reconcile::parse_status(json::member(*pool, "status")) : reconcile::Status();
  }
  std::string key_condition() const {
    const reconcile::Status now = status();
    const auto* found = reconcile::find_condition(now, reconcile::kLogKeyUnusable);
    return found == nullptr ? "" : found->reason + ": " + found->message;
  }
  std::vector<std::string> changes() const {
    std::vector<std::string> notes;
    const auto list = control_plane_->client().list(kube::resources::kEvents);
    for (const Json& event : list ? list->items : std::vector<Json>())
      if (json::text_at(event, "/reason") == "LogKeyChanged") notes.push_back(json::text_at(event, "/note"));
    return notes;
  }
};

TEST_F(LogKeys, OfTheUsersIsMountedAndMissedByNameAndItsChangeToldOnce) {
  const auto refused =
      control_plane_->client().create(kube::resources::kStoragePools, with_key("Not A Name"));
  ASSERT_FALSE(refused);
  EXPECT_THAT(refused.error().message,
              ::testing::AllOf(HasSubstr("spec.log.keySecretRef.name"), HasSubstr("lower case letters")));

  start_operator(control_plane_->kubeconfig());
  pod_says({}, "cannot read the key");
  const auto made = control_plane_->client().create(kube::resources::kStoragePools, with_key("vaulted"));
  ASSERT_TRUE(made) << made.error().to_string();
  ASSERT_TRUE(eventually([&] { return !key_condition().empty(); }, kTold, 50ms)) << testing::tail_of(log());
  EXPECT_EQ(
      key_condition(),
      "NoLogKey: events are stored and get no entries in the log, so that nobody can prove them later: "
      "p0-0 has no usable key from the Secret default/vaulted of spec.log.keySecretRef (cannot read the "
      "key)");
  const auto set = control_plane_->client().get(kube::resources::kStatefulSets, key_of(0));
  ASSERT_TRUE(set) << set.error().to_string();
  EXPECT_THAT(set->dump(), HasSubstr(R"("secretName":"vaulted")"));
  const auto secret = control_plane_->client().get(kube::resources::kSecrets, {"default", "p0-log-key"});
  ASSERT_FALSE(secret);
  EXPECT_TRUE(secret.error().is_not_found()) << secret.error().to_string();

  pod_says({"first"});
  const std::vector<std::string> first{"first"};
  ASSERT_TRUE(eventually([&] { return status().vkeys == first; }, kTold, 50ms)) << testing::tail_of(log());
  EXPECT_THAT(key_condition(), HasSubstr("LogKeyInForce"));
  EXPECT_THAT(changes(), ::testing::IsEmpty()) << "of a key that was not known before";
  pod_says({"first", "second"});
  ASSERT_TRUE(eventually([&] { return !changes().empty(); }, kTold, 50ms)) << testing::tail_of(log());
  // Another operator does not say it again.
  start_operator(control_plane_->kubeconfig());
  ASSERT_TRUE(set_limit(0, 7));
  ASSERT_TRUE(eventually([&] { return limit_in_force(0) == 7; }, kTold, 50ms)) << testing::tail_of(log());
  pod_says({"third"});
  ASSERT_TRUE(eventually([&] { return changes().size() > 1; }, kTold, 50ms)) << testing::tail_of(log());
  EXPECT_THAT(changes(),
              ::testing::UnorderedElementsAre(
                  "the log of events is verified with first, second, and was with first: tell auditors",
                  "the log of events is verified with third, and was with first, second: tell auditors"));
}

}  // namespace
}  // namespace storagepool::manager
