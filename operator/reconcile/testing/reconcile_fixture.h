// A reconciler over a fake cluster with the StoragePool team/audit of 3 pods, on a server with 40 connections
// of which 27 are usable.
#pragma once

#include <algorithm>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "operator/reconcile/status/conditions.h"
#include "operator/reconcile/reconcile.h"
#include "operator/reconcile/testing/fake_cluster.h"

namespace storagepool::reconcile {

using namespace std::chrono_literals;

inline const kube::ObjectKey kAudit{"team", "audit"};

class Reconcile : public ::testing::Test {
 protected:
  Reconcile() {
    cluster_.put(storage_pool("audit", 3));
    settings::ServerFacts facts;
    facts.max_connections = 40;
    facts.superuser_reserved_connections = 3;
    cluster_.new_pods_say.reachable = true;
    cluster_.new_pods_say.facts = facts;
    restart_operator();
  }

  static std::shared_ptr<const render::TokenIssuer> issuer_with_key(const std::string& id) {
    return std::make_shared<const render::TokenIssuer>(
        render::TokenIssuer{.issuer = "https://kubernetes",
                            .audiences = {"https://kubernetes"},
                            .keys = {{{"kty", "RSA"}, {"kid", id}, {"n", "n"}, {"e", "AQAB"}}}});
  }
  static Json storage_pool(const std::string& name, int replicas) {
    return {{"apiVersion", "storagepool.dev/v1alpha1"},
            {"kind", "StoragePool"},
            {"metadata", {{"name", name}, {"namespace", "team"}}},
            {"spec",
             {{"replicas", replicas},
              {"postgres",
               {{"host", "db"}, {"database", "audit"}, {"credentialsSecretRef", {{"name", "creds"}}}}}}}};
  }
  void restart_operator(const std::string& operator_key = "k4.public.of-the-test") {
    reconciler_ = std::make_unique<Reconciler>(
        cluster_, cluster_,
        Options{.default_image = "img:1",
                .operator_key = operator_key,
                .token_issuer = [this] { return issuer_; },
                .resync = 10s,
                .wake = [this](const kube::ObjectKey& key) { woken_.push_back(key.name); }});
  }
  // And once more for what the pods have answered to it.
  tl::expected<Outcome, kube::ApiError> look(const kube::ObjectKey& key = kAudit) {
    now_.steady += 1s;
    now_.wall += 1s;
    cluster_.asked = now_.steady + 1ms;
    auto outcome = reconciler_->reconcile(key, now_);
    for (int i = 0; i < 5 && outcome && std::exchange(cluster_.pods_have_news, false); ++i)
      outcome = reconciler_->reconcile(key, now_);
    return outcome;
  }
  // Looks, and lets the StatefulSet controller act, until nothing changes any more.
  void settle(const std::string& name = "audit") {
    for (int i = 0; i < 10; ++i) {
      ASSERT_TRUE(look({"team", name}));
      if (cluster_.has("StatefulSet", name)) cluster_.run_controller(name);
    }
    ASSERT_TRUE(look({"team", name}));
  }
  void change_spec(const char* pointer, const Json& value) {
    Json object = pool();
    object[Json::json_pointer(pointer)] = value;
    cluster_.put(object);
  }
  // How often that pod is asked.
  std::chrono::milliseconds report_period(std::size_t pod = 0) const {
    return cluster_.wanted.at(kAudit).at(pod).period;
  }
  Json& pool() { return cluster_.get("StoragePool", "audit"); }
  Json status() { return pool()["status"]; }
  std::string condition(const char* type) {
    const Condition found = condition_of(type);
    return std::string(to_string(found.status)) + " " + found.reason;
  }
  std::string message(const char* type) { return condition_of(type).message; }
  Condition condition_of(const char* type) {
    const Status parsed = parse_status(status());
    const Condition* found = find_condition(parsed, type);
    return found != nullptr ? *found : Condition{};
  }
  std::vector<std::string> events() const {
    std::vector<std::string> reasons;
    reasons.reserve(cluster_.events.size());
    for (const kube::Event& event : cluster_.events) reasons.push_back(event.reason);
    return reasons;
  }

  FakeCluster cluster_;
  Moment now_{.steady = std::chrono::steady_clock::time_point(1h),
              .wall = runtime::Timestamp(1'790'000'000s)};
  std::vector<std::string> woken_;  // because of another
  KnownIssuer issuer_{.issuer = issuer_with_key("k1"), .failure = {}};
  std::unique_ptr<Reconciler> reconciler_;
};

}  // namespace storagepool::reconcile
