#include "operator/manager/controller.h"

#include <algorithm>
#include <map>
#include <sstream>
#include <thread>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "operator/reconcile/testing/fake_cluster.h"

namespace storagepool::manager {
namespace {

using kube::Json;
using testing::HasSubstr;
using testing::MatchesRegex;
using namespace std::chrono_literals;

class ControllerTest : public testing::Test {
 protected:
  static constexpr int kWorkers = 2;

  ControllerTest() {
    cluster_.put(
        {{"apiVersion", "storagepool.dev/v1alpha1"},
         {"kind", "StoragePool"},
         {"metadata", {{"name", "audit"}, {"namespace", "team"}}},
         {"spec",
          {{"replicas", 3},
           {"postgres",
            {{"host", "db"}, {"database", "audit"}, {"credentialsSecretRef", {{"name", "creds"}}}}}}}});
  }
  // Lets the workers work until `metric`, with its labels, has this value, and ends them.
  void run_until(const std::string& metric, int value) {
    std::jthread workers([&] { controller_.run(kWorkers); });
    const auto deadline = std::chrono::steady_clock::now() + 60s;
    while (published(metric) < value && std::chrono::steady_clock::now() < deadline)
      std::this_thread::yield();
    queue_.shut_down();
    workers.join();
    EXPECT_GE(published(metric), value) << metric;
  }
  // -1: there is none.
  double published(const std::string& metric) {
    const std::string text = "\n" + metrics_.serialize();
    const std::size_t at = text.find("\n" + metric + " ");
    return at == std::string::npos ? -1 : std::stod(text.substr(at + metric.size() + 2));
  }

  const kube::ObjectKey pool_{"team", "audit"};
  reconcile::FakeCluster cluster_;
  runtime::Metrics metrics_;
  kube::WorkQueue queue_{metrics_, "storagepool"};
  reconcile::Reconciler reconciler_{
      cluster_, cluster_,
      reconcile::Options{
          .default_image = "img:1",
          .operator_key = "k4.public.of-the-test",
          .token_issuer = [] { return reconcile::KnownIssuer{.issuer = {}, .failure = "none"}; },
          .resync = 10s,
          .wake = {}}};
  Controller controller_{queue_, reconciler_, metrics_};
};

constexpr const char* kTotal = "controller_runtime_reconcile_total{controller=\"storagepool\",result=";

TEST_F(ControllerTest, ALookAtNothingIsASuccess) {
  queue_.add({"team", "gone"}, kube::Priority::kUser);
  run_until(kTotal + std::string("\"success\"}"), 1);
  EXPECT_EQ(published("controller_runtime_max_concurrent_reconciles{controller=\"storagepool\"}"), kWorkers);
  EXPECT_EQ(published("controller_runtime_active_workers{controller=\"storagepool\"}"), 0);
  EXPECT_EQ(published("controller_runtime_reconcile_time_seconds_count{controller=\"storagepool\"}"), 1);
  // How long it took is the machine's matter; that there are these buckets is ours.
  for (const char* bound : {"0.005", "0.15", "1.75", "60"}) {
    EXPECT_GE(published("controller_runtime_reconcile_time_seconds_bucket{controller=\"storagepool\",le=\"" +
                        std::string(bound) + "\"}"),
              0);
  }
}

TEST_F(ControllerTest, ALookThatHasMoreToDoIsRequeued) {
  queue_.add(pool_, kube::Priority::kUser);
  run_until(kTotal + std::string("\"requeue_after\"}"), 1);
  EXPECT_EQ(published(kTotal + std::string("\"success\"}")), 0);
}

TEST_F(ControllerTest, ALookThatFailsIsAnErrorAndTriedAgain) {
  cluster_.refuse_kind = "*";
  cluster_.refuse = kube::ApiError{.status = 503, .reason = "ServiceUnavailable"};
  queue_.add(pool_, kube::Priority::kUser);
  run_until("controller_runtime_reconcile_errors_total{controller=\"storagepool\"}", 2);
  EXPECT_GE(published(kTotal + std::string("\"error\"}")), 2);
}

// As controller-runtime logs them.
TEST_F(ControllerTest, AllLinesOfOneLookHaveOneId) {
  testing::internal::CaptureStderr();
  queue_.add(pool_, kube::Priority::kUser);
  run_until(kTotal + std::string("\"requeue_after\"}"), 1);
  std::istringstream lines(testing::internal::GetCapturedStderr());
  std::map<std::string, int> lines_of;
  for (std::string text; std::getline(lines, text);) {
    const Json line = Json::parse(text);
    EXPECT_EQ(line.value("controller", ""), "storagepool") << text;
    EXPECT_EQ(line.value("controllerGroup", ""), "storagepool.dev") << text;
    EXPECT_EQ(line.value("controllerKind", ""), "StoragePool") << text;
    EXPECT_EQ(line.value("namespace", ""), "team") << text;
    EXPECT_EQ(line.value("name", ""), "audit") << text;
    ++lines_of[line.value("reconcileID", "")];
  }
  int most = 0;
  for (const auto& [id, count] : lines_of) {
    EXPECT_THAT(id, MatchesRegex("[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}"));
    most = std::max(most, count);
  }
  EXPECT_GE(most, 2) << "settings granted, scaled";
}

}  // namespace
}  // namespace storagepool::manager
