// What breaks in a cluster, under load: killed pods, a killed operator, a restarted kubelet, a network that
// is cut while limits shrink, a pod that vanishes with its connections, and a rollout.
#include <chrono>
#include <csignal>
#include <string>

#include <gtest/gtest.h>

#include "e2e/chaos/chaos.h"

namespace storagepool::e2e {
namespace {

using nlohmann::json;
using namespace std::chrono_literals;
using std::chrono::steady_clock;

class FaultsKeepTheSum : public Chaos {};

TEST_F(FaultsKeepTheSum, KilledPodsOperatorAndKubelet) {
  const Postgres postgres(name_space(), 60);
  apply(greedy(postgres, "audit", 3));
  ASSERT_TRUE(becomes_ready("audit", 3));
  Promise promise(name_space(), "4-killed", "kill -9 of pods, of the operator and of the kubelet", kReserve);
  Traffic traffic;
  load(traffic, "audit", 48);

  const auto from = steady_clock::now();
  for (const char* pod : {"audit-0", "audit-1"}) {
    promise.mark(std::string("kill -9 ") + pod);
    ASSERT_EQ(::kill(process_of(pod), SIGKILL), 0);
  }
  for (const char* pod : {"audit-0", "audit-1"}) EXPECT_TRUE(restarts(pod));
  const auto until = steady_clock::now();
  EXPECT_TRUE(flows(traffic));

  promise.mark("kill -9 of the operator, then 5 replicas");
  ASSERT_EQ(::kill(operator_process(), SIGKILL), 0);
  scale("audit", 5);
  EXPECT_TRUE(becomes_ready("audit", 5));
  EXPECT_TRUE(flows(traffic));

  promise.mark("kill -9 of the kubelet, then 2 replicas");
  ASSERT_EQ(::kill(node_process("kubelet"), SIGKILL), 0);
  scale("audit", 2);
  EXPECT_TRUE(becomes_ready("audit", 2));
  EXPECT_TRUE(flows(traffic));
  traffic.stop();
  expect_kept(promise, traffic, traffic.failures_outside(from, until));
}

TEST_F(FaultsKeepTheSum, NetworkCutDuringAShrink) {
  const Postgres postgres(name_space(), 60);
  apply(greedy(postgres, "audit", 2));
  ASSERT_TRUE(becomes_ready("audit", 2));
  Promise promise(name_space(), "5-network-cut", "The operator cannot reach the pods while limits shrink",
                  kReserve);
  Traffic traffic;
  load(traffic, "audit", 48);
  EXPECT_TRUE(flows(traffic));

  promise.mark("cut, 5 replicas asked for");
  NetworkFault cut(operator_process(), "tcp dport 8082 drop");
  scale("audit", 5);
  EXPECT_TRUE(eventually(60s, [&]() -> std::string {
    const json object = get("storagepool", "audit");
    const json blocked = condition(object, "RolloutBlockedByConnections");
    return blocked.is_object() && blocked.value("status", "") == "True" ? "" : summary(object);
  }));
  // It holds: no pod is added while those that are there have not confirmed.
  EXPECT_TRUE(flows(traffic, 2000));
  EXPECT_EQ(get("statefulset", "audit").at("spec").value("replicas", 0), 2);
  promise.mark("mended");
  cut.end();
  EXPECT_TRUE(becomes_ready("audit", 5));
  EXPECT_TRUE(flows(traffic));
  traffic.stop();
  expect_kept(promise, traffic, traffic.failures());
}

// Its network goes first, so that the server does not hear of the end of its connections.
TEST_F(FaultsKeepTheSum, BackendsOfALostPod) {
  const Postgres postgres(name_space(), 60);
  apply(greedy(postgres, "audit", 3));
  ASSERT_TRUE(becomes_ready("audit", 3));
  Promise promise(name_space(), "6-lost-pod", "A pod vanishes and its backends stay", kReserve);
  Traffic traffic;
  load(traffic, "audit", 48);
  EXPECT_TRUE(flows(traffic));

  promise.mark("audit-2 is cut off and deleted by force");
  const auto from = steady_clock::now();
  NetworkFault cut(process_of("audit-2"));
  kubectl_out(
      {"-n", name_space(), "delete", "pod", "audit-2", "--force", "--grace-period=0", "--wait=false"});
  EXPECT_TRUE(becomes_ready("audit", 3));
  promise.mark("its successor is ready");
  load(traffic, "audit", 24);
  EXPECT_TRUE(flows(traffic, 2000));
  const auto until = steady_clock::now();
  promise.mark("48 and 24 clients");
  EXPECT_TRUE(flows(traffic, 2000));
  traffic.stop();
  expect_kept(promise, traffic, traffic.failures_outside(from, until));
}

// The same as a scale-in lets it go: nobody of its name comes after it.
TEST_F(FaultsKeepTheSum, BackendsOfAPodThatIsGoneForGood) {
  const Postgres postgres(name_space(), 60);
  apply(greedy(postgres, "audit", 3));
  ASSERT_TRUE(becomes_ready("audit", 3));
  const auto limit = [&] {
    return get("storagepool", "audit").at("status").at("connectionBudget").value("perPod", 0);
  };
  const int limit_of_three = limit();
  Promise promise(name_space(), "6-lost-for-good", "A pod vanishes while it is scaled in", kReserve);
  Traffic traffic;
  load(traffic, "audit", 72);
  EXPECT_TRUE(flows(traffic));

  const auto from = steady_clock::now();
  scale("audit", 2);
  EXPECT_TRUE(eventually(60s, [&]() -> std::string {
    const int replicas = get("statefulset", "audit").at("spec").value("replicas", 0);
    return replicas == 2 ? "" : std::to_string(replicas) + " replicas";
  }));
  promise.mark("audit-2 is let go, cut off and deleted by force");
  NetworkFault cut(process_of("audit-2"));
  kubectl_out(
      {"-n", name_space(), "delete", "pod", "audit-2", "--force", "--grace-period=0", "--wait=false"});
  EXPECT_TRUE(eventually(kReadyDeadline, [&]() -> std::string {
    return limit() > limit_of_three ? "" : summary(get("storagepool", "audit"));
  }));
  const auto until = steady_clock::now();
  promise.mark("the others have its connections");
  EXPECT_TRUE(flows(traffic, 2000));
  EXPECT_TRUE(becomes_ready("audit", 2));
  traffic.stop();
  expect_kept(promise, traffic, traffic.failures_outside(from, until));
}

TEST_F(FaultsKeepTheSum, RollingUpdate) {
  const Postgres postgres(name_space(), 60);
  apply(greedy(postgres, "audit", 3));
  ASSERT_TRUE(becomes_ready("audit", 3));
  Promise promise(name_space(), "7-rollout", "A rolling update under load", kReserve);
  Traffic traffic;
  load(traffic, "audit", 48);
  EXPECT_TRUE(flows(traffic));

  promise.mark("the template changes");
  patch("audit", {{"spec", {{"podMetadata", {{"annotations", {{"example.com/rollout", "2"}}}}}}}});
  EXPECT_TRUE(eventually(kReadyDeadline, [&]() -> std::string {
    for (const auto& pod : list("pods", "app.kubernetes.io/instance=audit")) {
      const json notes = pod.at("metadata").value("annotations", json::object());
      if (notes.value("example.com/rollout", "") != "2")
        return pod.at("metadata").value("name", "") + " is old";
    }
    return "";
  }));
  EXPECT_TRUE(becomes_ready("audit", 3));
  EXPECT_TRUE(flows(traffic));
  traffic.stop();
  expect_kept(promise, traffic, traffic.failures());
}

}  // namespace
}  // namespace storagepool::e2e
