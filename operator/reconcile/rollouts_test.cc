// StoragePools under an operator that is replaced by one with another default image.
#include <cstdlib>
#include <algorithm>
#include <map>
#include <random>
#include <set>
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "operator/reconcile/status/conditions.h"
#include "operator/reconcile/reconcile.h"
#include "operator/reconcile/testing/fake_cluster.h"
#include "operator/reconcile/testing/rollout_world.h"
#include "pool/common/json/json.h"

namespace storagepool::reconcile {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

TEST(Rollouts, GoFromOneStoragePoolToTheNext) {
  RolloutWorld world({"a", "b", "c"});
  world.start_operator("img:2");
  for (const char* name : {"a", "b", "c"}) world.look(name);
  EXPECT_EQ(world.images(), (std::multiset<std::string>{"img:1", "img:1", "img:2"}));
  EXPECT_EQ(world.image_of("a"), "img:2");
  EXPECT_EQ(world.condition("b", kAwaitingTurn), "True OthersFirst");
  EXPECT_EQ(world.condition("b", kReady), "True Ready");
  EXPECT_EQ(world.condition("a", kAwaitingTurn), "") << "it has not waited";
  world.run_controller("a");
  world.look("a");
  world.look("b");
  EXPECT_EQ(world.image_of("b"), "img:1") << "one pod of a is yet to be replaced";
  world.run_controller("a");
  world.look("a");
  world.look("a");
  EXPECT_THAT(world.woken_, ElementsAre("b"));
  world.look("b");
  EXPECT_EQ(world.image_of("b"), "img:2");
  world.settle();
  EXPECT_EQ(world.images(), (std::multiset<std::string>{"img:2", "img:2", "img:2"}));
  EXPECT_EQ(world.condition("c", kAwaitingTurn), "False UpToDate");
  for (const char* name : {"a", "b", "c"}) {
    EXPECT_EQ(kube::annotation(world.set_of(name), render::kRolloutAnnotation), "");
    EXPECT_EQ(world.condition(name, kReady), "True Ready");
  }
  world.cluster_.writes.clear();
  world.settle();
  EXPECT_THAT(world.cluster_.writes, IsEmpty());
}

TEST(Rollouts, StopAtTheFirstThatDoesNotComeBack) {
  RolloutWorld world({"a", "b", "c"});
  world.start_operator("broken");
  world.settle();
  EXPECT_EQ(world.images(), (std::multiset<std::string>{"broken", "img:1", "img:1"}));
  world.pass(2min);
  world.settle();
  EXPECT_EQ(world.condition("c", kAwaitingTurn), "True RolloutStopped");
  EXPECT_THAT(world.message("c", kAwaitingTurn), HasSubstr("team/a"));
  EXPECT_EQ(world.condition("c", kReady), "True Ready");
  const auto& events = world.cluster_.events;
  EXPECT_TRUE(std::any_of(events.begin(), events.end(),
                          [](const kube::Event& event) { return event.reason == kRolloutStopped; }));

  world.start_operator("broken");  // anew
  world.pass(2min);
  world.settle();
  EXPECT_EQ(world.images(), (std::multiset<std::string>{"broken", "img:1", "img:1"}));
  world.start_operator("img:3");
  world.settle();
  world.settle();
  EXPECT_EQ(world.images(), (std::multiset<std::string>{"img:3", "img:3", "img:3"}));
}

TEST(Rollouts, AreGivenUpWithTheOperatorThatBegan) {
  RolloutWorld world({"a", "b", "c"});
  world.start_operator("broken");
  world.settle();
  world.start_operator("img:1");
  world.settle();
  EXPECT_EQ(world.images(), (std::multiset<std::string>{"img:1", "img:1", "img:1"}));
  EXPECT_EQ(world.condition("b", kAwaitingTurn), "False UpToDate");
  for (const char* name : {"a", "b", "c"}) EXPECT_EQ(world.condition(name, kReady), "True Ready");
}

TEST(Rollouts, HoldBackNoChangeOfTheUsers) {
  RolloutWorld world({"a", "b", "c"});
  world.start_operator("broken");
  world.settle();
  world.change("b", "/nodeSelector", {{"disk", "fast"}});
  world.change("b", "/image", "mine:1");
  world.look("b");
  EXPECT_EQ(world.image_of("b"), "mine:1");
  world.change("c", "/replicas", 3);
  world.change("c", "/pool/maxOpenConns", 5);
  world.settle();
  EXPECT_EQ(world.image_of("c"), "img:1") << "that is not about pods";
  EXPECT_EQ(json::integer_at(world.set_of("c"), "/spec/replicas"), 3);
  EXPECT_EQ(json::text_at(world.cluster_.get("StoragePool", "c"), "/status/ready"), "3/3");
  EXPECT_EQ(json::integer_at(world.cluster_.get("StoragePool", "c"), "/status/connectionBudget/perPod"), 5);
  EXPECT_EQ(world.condition("c", kReady), "True Ready");
  EXPECT_EQ(world.condition("b", kReady), "True Ready");
}

TEST(Rollouts, DoNotWaitForWhatWasNotReadyBefore) {
  RolloutWorld world({"a", "b", "c"});
  world.sick_ = "a";
  world.change("a", "/nodeSelector", {{"disk", "full"}});
  world.settle();
  ASSERT_NE(world.condition("a", kReady), "True Ready");
  for (const char* image : {"img:2", "img:3"}) {
    world.start_operator(image);
    for (int i = 0; i < 3; ++i) {
      world.settle();
      world.pass(2min);
    }
    EXPECT_EQ(world.image_of("b"), image);
    EXPECT_EQ(world.image_of("c"), image);
    EXPECT_EQ(world.condition("c", kReady), "True Ready");
    EXPECT_EQ(world.image_of("a"), image);
  }
}

TEST(Rollouts, APausedStoragePoolIsNotWaitedFor) {
  RolloutWorld world({"a", "b"});
  world.change("a", "/paused", true);
  world.settle();
  world.start_operator("img:2");
  world.settle();
  EXPECT_EQ(world.image_of("a"), "img:1");
  EXPECT_EQ(world.image_of("b"), "img:2");
  world.change("a", "/paused", false);
  world.settle();
  EXPECT_EQ(world.image_of("a"), "img:2");
}

// Operators that end, are replaced and fail to write, while users change their minds.
void play(unsigned seed) {
  const std::vector<std::string> names{"a", "b", "c", "d"};
  RolloutWorld world(names);
  std::mt19937 random(seed);
  const auto chance = [&](unsigned of) { return random() % of == 0; };
  const auto any = [&]() -> const std::string& { return names[random() % names.size()]; };
  std::string image = "img:1";
  for (int step = 0; step < 300 && !::testing::Test::HasFailure(); ++step) {
    if (step % 100 == 20) image = chance(3) ? "broken" : "img:" + std::to_string(2 + step / 100);
    if (step % 100 == 20 || chance(40)) {
      // Both operators see specs that nobody has changed meanwhile, so that it is clear whose change is
      // whose.
      for (const std::string& name : names) world.look(name);
      world.start_operator(image);
      for (const std::string& name : names) world.look(name);
    }
    if (chance(60)) world.change(any(), "/replicas", 1 + random() % 3);
    if (chance(60)) world.change(any(), "/pool/maxOpenConns", 3 + random() % 10);
    if (chance(100)) {
      const std::string& name = any();
      world.change(name, "/nodeSelector", {{"disk", std::to_string(step)}});
      world.look(name);
    }
    if (chance(8)) {
      world.cluster_.refuse = kube::ApiError{.status = 500, .reason = "InternalError"};
      world.cluster_.refuse_kind = chance(2) ? "StatefulSet" : "*";
    }
    world.look(any());
    world.cluster_.refuse.reset();
    if (!chance(3)) world.run_controller(any());
    for (const std::string& name : std::exchange(world.woken_, {})) {
      if (chance(2)) world.look(name);
    }
  }
  world.start_operator("img:last");
  for (int i = 0; i < 5; ++i) world.settle();
  for (const std::string& name : names) {
    EXPECT_EQ(world.image_of(name), "img:last");
    EXPECT_EQ(world.condition(name, kReady), "True Ready") << world.message(name, kReady);
  }
}

unsigned given(const char* variable, unsigned otherwise) {
  const char* text = std::getenv(variable);
  return text == nullptr ? otherwise : static_cast<unsigned>(std::stoul(text));
}

TEST(Rollouts, AreOneAtATimeWhateverHappens) {
  const unsigned first = given("STORAGEPOOL_TEST_SEED", 1);
  const unsigned seeds = given("STORAGEPOOL_TEST_SEEDS", 1);
  for (unsigned seed = first; seed < first + seeds && !HasFailure(); ++seed) {
    SCOPED_TRACE("STORAGEPOOL_TEST_SEED=" + std::to_string(seed));
    play(seed);
  }
}

}  // namespace
}  // namespace storagepool::reconcile
