// StoragePools under an operator that is replaced by one with another default image.
#pragma once

#include <algorithm>
#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "operator/reconcile/status/conditions.h"
#include "operator/reconcile/reconcile.h"
#include "operator/reconcile/testing/fake_cluster.h"
#include "operator/reconcile/testing/reconcile_fixture.h"
#include "pool/common/json/json.h"

namespace storagepool::reconcile {

// Its StoragePools have two pods each, every one on a server of its own. Pods of an image "broken" do not get
// ready.
class RolloutWorld {
 public:
  explicit RolloutWorld(const std::vector<std::string>& names) : names_(names) {
    settings::ServerFacts facts;
    facts.max_connections = 100;
    cluster_.new_pods_say.reachable = true;
    cluster_.new_pods_say.facts = facts;
    cluster_.versions_tell = true;
    for (const std::string& name : names) {
      cluster_.put({{"apiVersion", "storagepool.dev/v1alpha1"},
                    {"kind", "StoragePool"},
                    {"metadata", {{"name", name}, {"namespace", "team"}}},
                    {"spec",
                     {{"replicas", 2},
                      {"pool", {{"maxOpenConns", 10}}},
                      {"postgres",
                       {{"host", "db-" + name},
                        {"database", "audit"},
                        {"credentialsSecretRef", {{"name", "creds"}}}}}}}});
    }
    start_operator("img:1");
    settle();
    for (const std::string& name : names) EXPECT_EQ(condition(name, kReady), "True Ready");
  }

  void start_operator(const std::string& image) {
    woken_.clear();
    reconciler_ = std::make_unique<Reconciler>(
        cluster_, cluster_,
        Options{.default_image = image,
                .operator_key = "k4.public.of-the-test",
                .token_issuer = [this] { return issuer_; },
                .resync = 10s,
                .wake = [this](const kube::ObjectKey& key) { woken_.push_back(key.name); }});
  }
  bool look(const std::string& name) {
    now_.steady += 1s;
    now_.wall += 1s;
    cluster_.asked = now_.steady + 1ms;
    const auto before = templates();
    rolling_before_ = rolling();
    const bool done = reconciler_->reconcile({"team", name}, now_).has_value();
    cluster_.pods_have_news = false;
    judge(before);
    return done;
  }
  // The highest of the pods that are to be replaced, if those that were are ready.
  void run_controller(const std::string& name) {
    if (!cluster_.has("StatefulSet", name)) return;
    const std::string revision = json::text_at(set_of(name), "/status/updateRevision");
    const bool current =
        json::integer_at(set_of(name), "/status/observedGeneration", 0) == kube::generation(set_of(name));
    for (const auto& [pod, view] : pods_of(name)) {
      if (current && !view.ready && view.revision == revision) return;
    }
    for (const auto& [pod, view] : pods_of(name)) {
      const std::int64_t replicas = json::integer_at(set_of(name), "/spec/replicas", 0);
      if (view.ended && view.ordinal < replicas) cluster_.remove_pod(pod);  // scaled in, and out again
    }
    cluster_.run_controller(name);
    const bool broken = image_of(name) == "broken" || sick_ == name;
    const std::string newest = json::text_at(set_of(name), "/status/updateRevision");
    for (const auto& [pod, view] : pods_of(name)) {
      Json object = cluster_.get("Pod", pod);
      if (broken && view.revision == newest && view.ready) {
        object["status"]["conditions"][0]["status"] = "False";
        cluster_.put(std::move(object));
      }
    }
  }
  // Until the operator has long had nothing to write.
  void settle() {
    for (int i = 0, quiet = 0; i < 15 && quiet < 5; ++i) {
      const std::size_t written = cluster_.writes.size();
      for (const std::string& name : names_) {
        look(name);
        run_controller(name);
      }
      quiet = cluster_.writes.size() == written ? quiet + 1 : 0;
    }
  }
  void change(const std::string& name, const char* pointer, const Json& value) {
    Json object = cluster_.get("StoragePool", name);
    object["spec"][Json::json_pointer(pointer)] = value;
    cluster_.put(std::move(object));
  }
  std::string image_of(const std::string& name) {
    return json::text_at(set_of(name), "/spec/template/spec/containers/0/image");
  }
  std::multiset<std::string> images() {
    std::multiset<std::string> images;
    for (const std::string& name : names_) images.insert(image_of(name));
    return images;
  }
  std::string condition(const std::string& name, const char* type) {
    const Status status = parse_status(cluster_.get("StoragePool", name)["status"]);
    const Condition* found = find_condition(status, type);
    return found == nullptr ? "" : std::string(to_string(found->status)) + " " + found->reason;
  }
  std::string message(const std::string& name, const char* type) {
    const Status status = parse_status(cluster_.get("StoragePool", name)["status"]);
    const Condition* found = find_condition(status, type);
    return found == nullptr ? "" : found->message;
  }
  Json& set_of(const std::string& name) { return cluster_.get("StatefulSet", name); }
  void pass(std::chrono::seconds time) {
    now_.steady += time;
    now_.wall += time;
  }

  FakeCluster cluster_;
  std::vector<std::string> woken_;
  std::string sick_;  // its pods do not get ready, whatever their image

 private:
  // What the user has to say about pods.
  std::map<std::string, std::pair<std::string, std::string>> templates() {
    std::map<std::string, std::pair<std::string, std::string>> found;
    for (const std::string& name : names_) {
      const Json& spec = cluster_.get("StoragePool", name)["spec"];
      if (cluster_.has("StatefulSet", name))
        found[name] = {set_of(name)["spec"]["template"].dump(),
                       json::member(spec, "nodeSelector").dump() + json::member(spec, "image").dump()};
    }
    return found;
  }
  std::map<std::string, PodView> pods_of(const std::string& name) {
    std::map<std::string, PodView> pods;
    for (const std::string& pod : cluster_.cached_names(kube::resources::kPods, {"team", name})) {
      if (const auto view = read_pod(cluster_.get("Pod", pod), name)) pods[view->name] = *view;
    }
    return pods;
  }
  std::set<std::string> rolling() {
    std::set<std::string> found;
    for (const std::string& name : names_) {
      if (!cluster_.has("StatefulSet", name)) continue;
      const auto view = read_stateful_set(set_of(name));
      if (!view->rollout.empty() && view->rollout == view->pod_template) found.insert(name);
    }
    return found;
  }
  bool is_back(const std::string& name) {
    const std::string revision =
        std::to_string(std::hash<std::string>{}(set_of(name)["spec"]["template"].dump()));
    const std::int64_t replicas = json::integer_at(set_of(name), "/spec/replicas", 0);
    const auto pods = pods_of(name);
    return std::all_of(pods.begin(), pods.end(), [&](const auto& pod) {
      const PodView& view = pod.second;
      return view.ordinal >= replicas || (view.ready && view.revision == revision);
    });
  }
  // When the operator alone changes a template, all those that it has changed before are, or have been, back.
  void judge(const std::map<std::string, std::pair<std::string, std::string>>& before) {
    std::erase_if(rolled_out_, [&](const std::string& name) { return is_back(name); });
    for (const auto& [name, now] : templates()) {
      const auto known = before.find(name);
      if (known == before.end() || known->second.first == now.first) continue;
      const bool asked_for = asked_.contains(name) && asked_.at(name) != now.second;
      asked_[name] = now.second;
      if (asked_for) rolled_out_.erase(name);
      if (asked_for || rolling_before_.contains(name)) continue;
      for (const std::string& other : rolled_out_) {
        if (kube::annotation(set_of(other), render::kRolloutAnnotation).ends_with(render::kWasNotReady))
          continue;
        EXPECT_TRUE(other == name || is_back(other))
            << name << " is rolled out while " << other << " is not back";
      }
      rolled_out_.insert(name);
    }
    for (const auto& [name, now] : templates()) asked_.emplace(name, now.second);
  }

  std::vector<std::string> names_;
  Moment now_{.steady = std::chrono::steady_clock::time_point(1h),
              .wall = runtime::Timestamp(1'790'000'000s)};
  KnownIssuer issuer_{.issuer = std::make_shared<const render::TokenIssuer>(render::TokenIssuer{
                          .issuer = "https://kubernetes",
                          .audiences = {"https://kubernetes"},
                          .keys = {{{"kty", "RSA"}, {"kid", "k"}, {"n", "n"}, {"e", "AQAB"}}}}),
                      .failure = {}};
  std::unique_ptr<Reconciler> reconciler_;
  std::map<std::string, std::string> asked_;  // for, when the template was changed last
  std::set<std::string> rolled_out_;
  std::set<std::string> rolling_before_;  // the last look: with another template, they go on
};

}  // namespace storagepool::reconcile
