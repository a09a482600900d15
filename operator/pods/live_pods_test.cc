#include "operator/pods/live_pods.h"

#include <atomic>
#include <condition_variable>
#include <functional>
#include <map>
#include <mutex>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "operator/kube/transport/testing/loopback_server.h"

namespace storagepool::pods {
namespace {

using ::testing::HasSubstr;
using namespace std::chrono_literals;

constexpr auto kPatience = 60s;

// Pods at addresses of their own, all on one port, that report a generation or are silent.
class LivePodsTest : public ::testing::Test {
 protected:
  LivePodsTest()
      : server_([this](const kube::LoopbackConnection& peer, std::string request) {
          for (; !request.empty(); request = peer.receive()) {
            if (silent_) return peer.wait_for_close();
            ++answers_;
            if (!peer.send(answer(request))) return;
          }
          ++closed_;
        }),
        pods_(server_.port(), signer_, metrics_, [this](const kube::ObjectKey& key) {
          const std::lock_guard lock(mutex_);
          ++changes_[key.name];
          changed_.notify_all();
        }) {}

  std::string answer(const std::string& request) {
    if (request.starts_with("PUT /admin/settings")) ++generation_;
    settings::SettingsReport report;
    report.applied_generation = generation_;
    const std::string body = request.find("/facts ") != std::string::npos
                                 ? settings::to_json(settings::FactsReport{})
                                 : settings::to_json(report);
    return "HTTP/1.1 200 OK\r\nContent-Length: " + std::to_string(body.size()) + "\r\n\r\n" + body;
  }
  static WantedPods wanted() { return {{.run = {.uid = "u", .ip = "127.0.0.1"}, .period = 10ms}}; }
  bool wait_for_changes(int count) {
    std::unique_lock lock(mutex_);
    return changed_.wait_for(lock, kPatience, [&] { return changes_["audit"] >= count; });
  }

  static bool wait_until(const std::function<bool()>& condition) {
    const auto deadline = std::chrono::steady_clock::now() + kPatience;
    while (!condition() && std::chrono::steady_clock::now() < deadline) std::this_thread::yield();
    return condition();
  }

  std::atomic<int> answers_{0};
  std::atomic<int> closed_{0};  // connections, by the operator
  std::atomic<bool> silent_{false};
  std::atomic<std::int64_t> generation_{3};
  std::mutex mutex_;
  std::condition_variable changed_;
  std::map<std::string, int> changes_;
  runtime::Metrics metrics_;
  const Signer signer_{std::string(kSeedBytes, 'k')};
  kube::LoopbackServer server_;
  LivePods pods_;
  const kube::ObjectKey audit_{"team", "audit"};
};

TEST_F(LivePodsTest, APodIsAskedToldAndFoundSilent) {
  WantedPods change = wanted();
  pods_.follow(audit_, change);
  ASSERT_TRUE(wait_for_changes(1));
  EXPECT_EQ(pods_.latest(audit_, change[0].run).report->applied_generation, 3);
  change[0].settings = settings::SettingsChange{4, {}};
  pods_.follow(audit_, change);
  ASSERT_TRUE(wait_for_changes(2));
  EXPECT_EQ(pods_.latest(audit_, change[0].run).report->applied_generation, 4);
  silent_ = true;
  ASSERT_TRUE(wait_for_changes(3));
  EXPECT_EQ(pods_.latest(audit_, change[0].run).outcome, Outcome::kUnreachable);
  EXPECT_THAT(metrics_.serialize(), HasSubstr("storagepool_pods_silent 1"));
  EXPECT_THAT(metrics_.serialize(), HasSubstr("storagepool_pod_reports_total{result=\"answered\"}"));
  pods_.follow(audit_, {});
  EXPECT_THAT(metrics_.serialize(), HasSubstr("storagepool_pods_followed 0"));
}

TEST_F(LivePodsTest, EndsWhileAPodIsBeingAsked) {
  silent_ = true;
  pods_.follow(audit_, wanted());
  EXPECT_TRUE(wait_until([&] { return server_.requests() > 0; }));
}

TEST_F(LivePodsTest, AConnectionIsKeptUntilItsPodGoes) {
  pods_.follow(audit_, wanted());
  ASSERT_TRUE(wait_until([&] { return answers_ >= 20; }));
  EXPECT_EQ(server_.requests(), 1) << "connections";
  EXPECT_EQ(closed_, 0);
  pods_.follow(audit_, {});
  EXPECT_TRUE(wait_until([&] { return closed_ == 1; }));
}

TEST_F(LivePodsTest, NoneIsKeptForAPodThatIsAskedSeldom) {
  WantedPods seldom = wanted();
  seldom[0].period = 1h;
  pods_.follow(audit_, seldom);
  EXPECT_TRUE(wait_until([&] { return closed_ == 1; }));
  EXPECT_EQ(server_.requests(), 1);
}

}  // namespace
}  // namespace storagepool::pods
