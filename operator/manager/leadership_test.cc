#include "operator/manager/leadership.h"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "operator/kube/object.h"
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

// The Lease and the CRD as an API server keeps them, for several who compete for them.
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
  // What is forbidden: the reads of paths with this in them.
  void forbid(const std::string& part) {
    const std::lock_guard lock(mutex_);
    forbidden_ = part;
  }
  void annotate(const char* annotation, const Json& value) {
    const std::lock_guard lock(mutex_);
    definition_.merge_patch(
        {{"metadata",
          {{"resourceVersion", std::to_string(++version_)}, {"annotations", {{annotation, value}}}}}});
  }
  std::string annotation(const char* name) {
    const std::lock_guard lock(mutex_);
    return kube::annotation(definition_, name);
  }

 private:
  tl::expected<std::string, ApiError> answer(const ApiRequest& request) {
    if (fails_)
      return tl::unexpected(ApiError{.reason = std::string(kube::kReasonTransport), .message = "away"});
    const std::lock_guard lock(mutex_);
    if (!forbidden_.empty() && request.path.find(forbidden_) != std::string::npos) {
      return tl::unexpected(
          ApiError{.status = 403, .reason = "Forbidden", .message = "cannot get " + forbidden_});
    }
    if (request.path.find("/customresourcedefinitions/") != std::string::npos) return of_definition(request);
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

  tl::expected<std::string, ApiError> of_definition(const ApiRequest& request) {
    EXPECT_EQ(request.path,
              "/apis/apiextensions.k8s.io/v1/customresourcedefinitions/storagepools.storagepool.dev");
    if (request.method == Method::kGet) return definition_.dump();
    Json patch = Json::parse(request.body);
    if (patch["metadata"]["resourceVersion"] != definition_["metadata"]["resourceVersion"])
      return tl::unexpected(ApiError{.status = 409, .reason = "Conflict"});
    patch["metadata"]["resourceVersion"] = std::to_string(++version_);
    definition_.merge_patch(patch);
    return definition_.dump();
  }

  std::mutex mutex_;
  Json lease_;
  Json definition_{{"metadata", {{"name", kStoragePoolsDefinition}, {"resourceVersion", "0"}}}};
  std::string forbidden_;
  int version_ = 0;
  std::atomic<bool> fails_{false};
};

struct Operator {
  Operator(Leases& leases, const std::string& identity, std::vector<std::string> watched = {})
      : transport(leases.transport()),
        leadership(
            std::in_place, *transport, metrics, "system", identity, [this] { lost = true; },
            std::move(watched)) {}

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
  ASSERT_TRUE(first.leadership->wait(stop.get_token(), [](const Hindrance&) { FAIL(); }));
  EXPECT_TRUE(eventually([&] {
    return first.metrics.serialize().find("leader_election_master_status{name=\"storagepool-operator\"} 1") !=
           std::string::npos;
  }));

  Operator second(leases, "b");
  std::atomic<bool> waits_for_a = false;
  std::atomic<bool> leads = false;
  std::jthread waiting([&] {
    leads = second.leadership->wait(
        stop.get_token(), [&](const Hindrance& hindrance) { waits_for_a = hindrance.holder == "a"; });
  });
  ASSERT_TRUE(eventually([&] { return waits_for_a.load(); }));
  EXPECT_FALSE(second.leads());
  first.leadership.reset();
  EXPECT_TRUE(eventually([&] { return leads.load(); }));
  waiting.join();
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

// Until the one of before has ended, what is dropped is watched.
TEST(Leadership, WhoIsToWatchLessDoesNothingUntilAPersonSaysThatNothingIsLeft) {
  Leases leases;
  std::optional<Operator> first(std::in_place, leases, "a");
  ASSERT_TRUE(eventually([&] { return first->leads(); }));
  Operator second(leases, "b", {"team-a"});
  std::mutex mutex;
  std::vector<Hindrance> told;
  std::jthread waiting([&](const std::stop_token& stop) {
    second.leadership->wait(stop, [&](const Hindrance& hindrance) {
      const std::lock_guard lock(mutex);
      told.push_back(hindrance);
    });
  });
  const auto is_told = [&](const std::string& part) {
    const std::lock_guard lock(mutex);
    return std::any_of(told.begin(), told.end(), [&](const Hindrance& hindrance) {
      return (hindrance.trouble + hindrance.holder).find(part) != std::string::npos;
    });
  };
  ASSERT_TRUE(eventually([&] { return is_told("a"); })) << "the first leads";
  EXPECT_FALSE(is_told("would not be"));
  first.reset();
  ASSERT_TRUE(eventually([&] { return is_told("would not be: all but team-a"); }));
  EXPECT_FALSE(second.leads());
  EXPECT_EQ(leases.annotation(kInstallationAnnotation), "system/storagepool-operator");
  leases.annotate(kInstallationAnnotation, "system/storagepool-operator watching team-a");
  EXPECT_TRUE(eventually([&] { return second.leads(); }));
}

TEST(Leadership, AWaitEndsWhenItIsStopped) {
  Leases leases;
  Operator first(leases, "a");
  ASSERT_TRUE(eventually([&] { return first.leads(); }));
  Operator second(leases, "b");
  std::stop_source stop;
  std::atomic<bool> waits = false;
  std::jthread waiting([&] {
    EXPECT_FALSE(second.leadership->wait(stop.get_token(), [&](const Hindrance&) { waits = true; }));
  });
  ASSERT_TRUE(eventually([&] { return waits.load(); }));
  stop.request_stop();
}

TEST(Leadership, WhoLeadsMarksTheStoragePoolsAndMarksThemAgain) {
  Leases leases;
  Operator one(leases, "a");
  ASSERT_TRUE(eventually([&] { return one.leads(); }));
  EXPECT_EQ(leases.annotation(kInstallationAnnotation), "system/storagepool-operator");
  leases.annotate(kInstallationAnnotation, nullptr);
  EXPECT_TRUE(eventually([&] { return !leases.annotation(kInstallationAnnotation).empty(); }));
  EXPECT_TRUE(one.leads());
  EXPECT_FALSE(one.lost);
}

TEST(Leadership, ThatOfAnotherInstallationIsWaitedForWithWords) {
  Leases leases;
  leases.annotate(kInstallationAnnotation, "first/storagepool-operator");
  Operator second(leases, "b");
  std::stop_source stop;
  std::mutex mutex;
  Hindrance told;
  std::jthread waiting([&] {
    second.leadership->wait(stop.get_token(), [&](const Hindrance& hindrance) {
      const std::lock_guard lock(mutex);
      told = hindrance;
    });
  });
  const auto owner = [&] {
    const std::lock_guard lock(mutex);
    return told.owner;
  };
  ASSERT_TRUE(eventually([&] { return owner() == "first/storagepool-operator"; }));
  EXPECT_NE(told.trouble.find("kubectl annotate crd storagepools.storagepool.dev --overwrite "
                              "storagepool.dev/hand-over-to=system/storagepool-operator"),
            std::string::npos)
      << told.trouble;
  EXPECT_NE(second.metrics.serialize().find("storagepool_other_installation 1"), std::string::npos);
  EXPECT_FALSE(second.leads());
  EXPECT_EQ(leases.annotation(kInstallationAnnotation), "first/storagepool-operator");
  stop.request_stop();
}

TEST(Leadership, WhoIsToHandOverLeadsNoMore) {
  Leases leases;
  Operator one(leases, "a");
  ASSERT_TRUE(eventually([&] { return one.leads(); }));
  leases.annotate(kHandOverAnnotation, "second/storagepool-operator");
  EXPECT_TRUE(eventually([&] { return one.lost.load(); }));
  EXPECT_FALSE(one.leads());
}

TEST(Leadership, WhoCannotSeeTheMarkLeadsNoMore) {
  Leases leases;
  Operator one(leases, "a");
  ASSERT_TRUE(eventually([&] { return one.leads(); }));
  leases.forbid("customresourcedefinitions");
  EXPECT_TRUE(eventually([&] { return one.lost.load(); }));
}

TEST(Leadership, AMissingRightIsNamed) {
  for (const std::string right : {"customresourcedefinitions", "leases"}) {
    Leases leases;
    leases.forbid(right);
    Operator one(leases, "a");
    std::stop_source stop;
    std::string trouble;
    std::jthread waiting([&] {
      one.leadership->wait(stop.get_token(), [&](const Hindrance& hindrance) {
        trouble = hindrance.trouble;
        stop.request_stop();
      });
    });
    waiting.join();
    EXPECT_NE(trouble.find("403 Forbidden: cannot get " + right), std::string::npos) << trouble;
  }
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
