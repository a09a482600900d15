#include "operator/manager/leadership.h"

#include <atomic>
#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include <gtest/gtest.h>

#include "operator/kube/testing/fake_transport.h"
#include "pool/common/json/json.h"

namespace storagepool::manager {
namespace {

using kube::ApiError;
using kube::ApiRequest;
using kube::Json;
using kube::Method;
using namespace std::chrono_literals;

bool eventually(const std::function<bool()>& condition) {
  const auto deadline = std::chrono::steady_clock::now() + 60s;
  while (!condition()) {
    if (std::chrono::steady_clock::now() > deadline) return false;
    std::this_thread::sleep_for(5ms);
  }
  return true;
}

// The Lease as an API server keeps it, for several who compete for it.
class Leases {
 public:
  std::unique_ptr<kube::FakeTransport> transport() {
    return std::make_unique<kube::FakeTransport>(
        [this](const ApiRequest& request) { return answer(request); });
  }
  std::string holder() {
    const std::lock_guard lock(mutex_);
    return json::text_at(lease_, "/spec/holderIdentity");
  }
  void take(const std::string& holder) {
    const std::lock_guard lock(mutex_);
    lease_["spec"]["holderIdentity"] = holder;
    lease_["metadata"]["resourceVersion"] = std::to_string(++version_);
  }
  void fail(bool fails) { fails_ = fails; }

 private:
  tl::expected<std::string, ApiError> answer(const ApiRequest& request) {
    if (fails_)
      return tl::unexpected(ApiError{.reason = std::string(kube::kReasonTransport), .message = "away"});
    const std::lock_guard lock(mutex_);
    if (request.method == Method::kGet) {
      if (lease_.is_null()) return tl::unexpected(ApiError{.status = 404, .reason = "NotFound"});
      return lease_.dump();
    }
    Json lease = Json::parse(request.body);
    const bool creates = request.method == Method::kPost;
    if (creates != lease_.is_null() ||
        (!creates && lease["metadata"]["resourceVersion"] != lease_["metadata"]["resourceVersion"])) {
      return tl::unexpected(ApiError{.status = 409, .reason = "Conflict"});
    }
    EXPECT_EQ(request.path, std::string("/apis/coordination.k8s.io/v1/namespaces/system/leases") +
                                (creates ? "" : "/storagepool-operator"));
    EXPECT_EQ(lease["apiVersion"], "coordination.k8s.io/v1");
    lease["metadata"]["resourceVersion"] = std::to_string(++version_);
    lease_ = std::move(lease);
    return lease_.dump();
  }

  std::mutex mutex_;
  Json lease_;
  int version_ = 0;
  std::atomic<bool> fails_{false};
};

struct Operator {
  Operator(Leases& leases, const std::string& identity)
      : transport(leases.transport()),
        leadership(std::in_place, *transport, metrics, "system", identity, [this] { lost = true; }) {}

  bool leads() const { return leadership->leads_until() > runtime::steady_now(); }

  std::unique_ptr<kube::FakeTransport> transport;
  runtime::Metrics metrics;
  std::atomic<bool> lost{false};
  std::optional<Leadership> leadership;
};

TEST(Leadership, TheNextLeadsAsSoonAsTheFirstHasGivenItsPlaceBack) {
  Leases leases;
  Operator first(leases, "a");
  const std::stop_source stop;
  ASSERT_TRUE(first.leadership->wait(stop.get_token(), [](const std::string&) { FAIL(); }));
  EXPECT_TRUE(eventually([&] {
    return first.metrics.serialize().find("leader_election_master_status{name=\"storagepool-operator\"} 1") !=
           std::string::npos;
  }));

  Operator second(leases, "b");
  std::string holder;
  std::atomic<bool> leads = false;
  std::jthread waiting([&] {
    leads = second.leadership->wait(stop.get_token(), [&](const std::string& other) { holder = other; });
  });
  ASSERT_TRUE(eventually([&] { return second.transport->requests().size() >= 2; }));
  EXPECT_FALSE(second.leads());
  first.leadership.reset();
  EXPECT_TRUE(eventually([&] { return leads.load(); }));
  waiting.join();
  EXPECT_EQ(holder, "a");
  EXPECT_EQ(leases.holder(), "b");
  EXPECT_FALSE(first.lost);
}

TEST(Leadership, WhoHasLostItsPlaceIsTold) {
  Leases leases;
  Operator one(leases, "a");
  ASSERT_TRUE(eventually([&] { return one.leads(); }));
  leases.take("b");
  EXPECT_TRUE(eventually([&] { return one.lost.load(); }));
  EXPECT_FALSE(one.leads());
  one.leadership.reset();
  EXPECT_EQ(leases.holder(), "b") << "it gives nobody else's place back";
}

TEST(Leadership, WhoCannotRenewLeadsNoMore) {
  Leases leases;
  Operator one(leases, "a");
  ASSERT_TRUE(eventually([&] { return one.leads(); }));
  leases.fail(true);
  EXPECT_TRUE(eventually([&] { return one.lost.load(); }));
  EXPECT_FALSE(one.leads());
}

TEST(Leadership, AWaitEndsWhenItIsStopped) {
  Leases leases;
  Operator first(leases, "a");
  ASSERT_TRUE(eventually([&] { return first.leads(); }));
  Operator second(leases, "b");
  std::stop_source stop;
  std::atomic<bool> waits = false;
  std::jthread waiting([&] {
    EXPECT_FALSE(second.leadership->wait(stop.get_token(), [&](const std::string&) { waits = true; }));
  });
  ASSERT_TRUE(eventually([&] { return waits.load(); }));
  stop.request_stop();
}

TEST(Fence, LetsNoWriteThroughWithoutAPlace) {
  kube::FakeTransport inner([](const ApiRequest&) { return std::string("{}"); });
  runtime::TimePoint until = runtime::TimePoint::min();
  Fence fence(inner, [&] { return until; });
  for (const Method method : {Method::kPost, Method::kPut, Method::kPatch, Method::kDelete}) {
    const auto refused = fence.request({.method = method, .path = "/x"});
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().message, "this operator does not lead any more");
  }
  EXPECT_TRUE(inner.requests().empty());
  EXPECT_TRUE(fence.request({.path = "/x"})) << "reading harms nobody";

  until = runtime::steady_now() + 1s;
  EXPECT_TRUE(fence.request({.method = Method::kPatch, .path = "/x"}));
  EXPECT_LE(inner.requests().back().deadline, 1s) << "waited for no longer than the place is good";
  until = runtime::steady_now() + 1h;
  EXPECT_TRUE(fence.request({.method = Method::kPatch, .path = "/x", .deadline = 7s}));
  EXPECT_EQ(inner.requests().back().deadline, 7s);
}

TEST(LeaderIdentity, IsThePodsNameOrOneOfItsOwn) {
  EXPECT_EQ(leader_identity("operator-7"), "operator-7");
  EXPECT_NE(leader_identity(""), leader_identity(""));
}

}  // namespace
}  // namespace storagepool::manager
