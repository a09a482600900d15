// When a rollout goes on to the next StoragePool.
#include <gtest/gtest.h>

#include "operator/reconcile/status/conditions.h"
#include "operator/reconcile/testing/rollout_world.h"
#include "pool/common/json/json.h"

namespace storagepool::reconcile {
namespace {

TEST(Rollouts, GoOnOnlyWhenTheStoragePoolIsReadyAgainNotItsPodsAlone) {
  RolloutWorld world({"a", "b"});
  world.cluster_.new_pods_say.fault = settings::PostgresFault::kTls;
  world.cluster_.new_pods_say.reachable = false;
  world.start_operator("img:2");
  world.settle();
  EXPECT_EQ(world.image_of("a"), "img:2");
  EXPECT_EQ(json::text_at(world.cluster_.get("StoragePool", "a"), "/status/ready"), "2/2");
  EXPECT_EQ(world.condition("a", kReady), "False TLSFailed");
  EXPECT_EQ(world.image_of("b"), "img:1");

  for (auto& [address, pod] : world.cluster_.pods) {
    pod.facts.reachable = true;
    pod.facts.fault.reset();
  }
  world.cluster_.new_pods_say = world.cluster_.pods.begin()->second.facts;
  world.settle();
  EXPECT_EQ(world.image_of("b"), "img:2");
}

}  // namespace
}  // namespace storagepool::reconcile
