#include "operator/manager/health.h"

#include <future>
#include <thread>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "operator/kube/testing/fake_transport.h"
#include "operator/kube/watch/watch.h"
#include "operator/manager/controller.h"
#include "operator/manager/leadership.h"
#include "operator/reconcile/testing/fake_cluster.h"
#include "pool/common/runtime/loop/pause.h"

namespace storagepool::manager {
namespace {

using testing::HasSubstr;
using namespace std::chrono_literals;

constexpr auto kPatience = 60s;

// Holds whoever comes here until it is opened.
class Hold {
 public:
  ~Hold() { open(); }
  void wait() {
    if (!std::exchange(reached_, true)) arrived_.set_value();
    opened_.wait();
  }
  bool reached() { return arrival_.wait_for(kPatience) == std::future_status::ready; }
  void open() {
    if (!std::exchange(open_, true)) opening_.set_value();
  }

 private:
  std::promise<void> arrived_;
  std::future<void> arrival_ = arrived_.get_future();
  std::promise<void> opening_;
  std::shared_future<void> opened_ = opening_.get_future().share();
  bool reached_ = false;
  bool open_ = false;
};

// Well now and just within the limit; not beyond it.
void expect_hangs_after(runtime::TimePoint::duration limit, const char* what) {
  const auto now = runtime::steady_now();
  EXPECT_EQ(liveness(now).status, 200U);
  const http::Response hung = liveness(now + limit + 1s);
  EXPECT_EQ(hung.status, 503U);
  EXPECT_THAT(hung.body, HasSubstr(what));
}

TEST(LivenessTest, NothingUnderWayIsHealthyForEver) {
  EXPECT_EQ(liveness(runtime::steady_now() + 1000h).status, 200U);
  EXPECT_THAT(liveness(runtime::steady_now()).body, HasSubstr("healthy"));
}

TEST(LivenessTest, AWorkerThatHangsInALook) {
  Hold hold;
  reconcile::FakeCluster cluster;
  runtime::Metrics metrics;
  kube::WorkQueue queue(metrics, "storagepool");
  reconcile::Reconciler reconciler(cluster, cluster,
                                   {.default_image = "img:1",
                                    .operator_key = "k4.public.of-the-test",
                                    .token_issuer =
                                        [&] {
                                          hold.wait();
                                          return reconcile::KnownIssuer{.issuer = {}, .failure = "none"};
                                        },
                                    .resync = 10s,
                                    .wake = {}});
  Controller controller(queue, reconciler, metrics);
  std::jthread workers([&] { controller.run(1); });
  queue.add({"team", "audit"}, kube::Priority::kUser);
  EXPECT_TRUE(hold.reached());
  expect_hangs_after(kLookLimit, "a look at team/audit for ");
  queue.shut_down();
  hold.open();
}

TEST(LivenessTest, AWatchWhoseRequestHangsOrWhoseLinesAreNotTaken) {
  for (const bool lines : {false, true}) {
    Hold hold;
    kube::FakeTransport transport(
        [&](const kube::ApiRequest&) -> tl::expected<std::string, kube::ApiError> {
          if (!lines) hold.wait();
          return R"({"metadata":{"resourceVersion":"5"},"items":[]})";
        },
        [](const kube::StreamRequest&, const kube::LineHandler& on_line, const std::stop_token& stop) {
          on_line(R"({"type":"ADDED","object":{"metadata":{"name":"a","resourceVersion":"6"}}})");
          runtime::pause_for(1h, stop);
          return tl::expected<void, kube::ApiError>();
        });
    kube::WatchDriver driver(transport, {.type = kube::resources::kPods}, 1);
    std::jthread thread([&](const std::stop_token& stop) {
      driver.run(
          [&](const kube::WatchEvent& event) {
            if (std::holds_alternative<kube::Upserted>(event)) hold.wait();
          },
          stop);
    });
    EXPECT_TRUE(hold.reached());
    expect_hangs_after(kube::kPieceLimit, "the watch of pods for ");
    thread.request_stop();
    hold.open();
  }
}

// As while the API server is away.
TEST(LivenessTest, AWatchThatWaitsForItsNextAttemptDoesNotHang) {
  std::promise<void> asked;
  kube::FakeTransport transport([&](const kube::ApiRequest&) -> tl::expected<std::string, kube::ApiError> {
    asked.set_value();
    return tl::unexpected(kube::ApiError{.status = 429, .reason = "TooManyRequests", .retry_after = 1h});
  });
  kube::WatchDriver driver(transport, {.type = kube::resources::kPods}, 1);
  const std::jthread thread(
      [&](const std::stop_token& stop) { driver.run([](const kube::WatchEvent&) {}, stop); });
  ASSERT_EQ(asked.get_future().wait_for(kPatience), std::future_status::ready);
  const auto deadline = runtime::steady_now() + kPatience;
  while (liveness(runtime::steady_now() + 1h).status != 200 && runtime::steady_now() < deadline)
    std::this_thread::yield();
  EXPECT_EQ(liveness(runtime::steady_now() + 1h).status, 200U);
}

TEST(LivenessTest, AnElectionThatHangs) {
  Hold hold;
  kube::FakeTransport transport([&](const kube::ApiRequest&) -> tl::expected<std::string, kube::ApiError> {
    hold.wait();
    return tl::unexpected(kube::ApiError{.status = 503, .reason = "ServiceUnavailable"});
  });
  runtime::Metrics metrics;
  const Leadership leadership(transport, metrics, "ops", "a", [] {});
  EXPECT_TRUE(hold.reached());
  expect_hangs_after(1min, "renewing the Lease for ");
  hold.open();
}

}  // namespace
}  // namespace storagepool::manager
