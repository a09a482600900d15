// The operator's program beside an API server that is killed, whose storage is restored from a backup, or
// that it does not reach any more without being told: it goes on by itself.
#include <signal.h>

#include <algorithm>
#include <map>
#include <set>
#include <string>
#include <utility>

#include <gtest/gtest.h>

#include "operator/kube/object.h"
#include "operator/manager/testing/audit_log.h"
#include "operator/manager/testing/fleet.h"
#include "operator/manager/testing/proxy.h"
#include "operator/render/render.h"
#include "pool/common/json/json.h"

namespace storagepool::manager {
namespace {

using namespace std::chrono_literals;
using testing::Conduct;
using testing::eventually;

constexpr int kFew = 12;
constexpr auto kDeadline = 120s;

class Restarts : public testing::Fleet {
 protected:
  using Versions = std::map<std::string, std::string>;  // by kind and name

  Restarts() : Fleet(kFew, [](int) { return Conduct::kAnswers; }) { resync_ = "2s"; }

  void settle() {
    make_storage_pools(kFew);
    ASSERT_TRUE(eventually([&] { return all_ready(); }, kDeadline, 200ms))
        << ::testing::PrintToString(reasons()) << testing::tail_of(log());
    ASSERT_TRUE(comes_to_rest());
  }
  bool all_ready() const { return reasons() == std::map<std::string, int>{{"Ready", kFew}}; }

  // Of all that the operator writes, but events.
  Versions versions() const {
    Versions versions;
    for (const auto& type : {kube::resources::kStoragePools, kube::resources::kStatefulSets,
                             kube::resources::kConfigMaps, kube::resources::kServices,
                             kube::resources::kServiceAccounts, kube::resources::kPodDisruptionBudgets}) {
      const bool ours = type.kind == kube::resources::kStoragePools.kind;
      const auto list =
          control_plane_->client().list(type, {.label_selector = ours ? "" : render::managed_selector()});
      EXPECT_TRUE(list) << list.error().to_string();
      if (!list) continue;
      for (const kube::Json& object : list->items) {
        const std::string name = kube::metadata_string(object, "name");
        versions[std::string(type.kind) + "/" + name] = kube::metadata_string(object, "resourceVersion");
      }
    }
    return versions;
  }
  // As the kubelet does: where the API server is away for so long that the place is lost, the operator ends.
  void keep_running() {
    if (operator_->running()) return;
    EXPECT_EQ(operator_->exit_code(), 1) << testing::tail_of(log());
    EXPECT_TRUE(logged("leads no more")) << testing::tail_of(log());
    start_operator(control_plane_->kubeconfig());
  }
  // For as long as a look at every StoragePool is due in.
  bool comes_to_rest() {
    return eventually(
        [&] {
          keep_running();
          const Versions before = versions();
          const double looks = metric("controller_runtime_reconcile_total");
          return eventually([&] { return metric("controller_runtime_reconcile_total") >= looks + kFew; }, 30s,
                            100ms) &&
                 versions() == before;
        },
        kDeadline, 0ms);
  }
  void expect_change_is_acted_on(int number, std::int64_t limit) {
    const auto changed = set_limit(number, limit);
    ASSERT_TRUE(changed) << changed.error().to_string();
    expect_in_force(number, limit);
  }
  void expect_in_force(int number, std::int64_t limit) {
    const auto in_force = [&] {
      keep_running();
      return limit_in_force(number) == limit;
    };
    EXPECT_TRUE(eventually(in_force, kDeadline))
        << name_of(number) << " has " << limit_in_force(number) << "\n"
        << testing::tail_of(log());
  }
  // Objects but events that the operator has written, from this place in the log on.
  static std::set<std::string> written(testing::AuditLog& audit, std::size_t from) {
    std::set<std::string> objects;
    const auto& writes = audit.writes();
    for (std::size_t i = from; i < writes.size(); ++i) {
      if (writes[i].user == "first" && !writes[i].object.starts_with("events"))
        objects.insert(writes[i].object);
    }
    return objects;
  }
  bool logged(const std::string& text) const {
    return testing::tail_of(log(), std::string::npos).find(text) != std::string::npos;
  }
};

TEST_F(Restarts, AKilledApiServerCostsNoWrite) {
  start_operator(control_plane_->kubeconfig());
  settle();
  const Versions before = versions();
  control_plane_->kill_api_server();
  ASSERT_TRUE(eventually([&] { return logged("a watch failed"); }, kDeadline, 100ms));
  control_plane_->start_api_server();
  expect_change_is_acted_on(1, 5);
  ASSERT_TRUE(comes_to_rest());
  const std::set<std::string> changed{"StoragePool/" + name_of(1),
                                      "ConfigMap/" + render::config_map_name(name_of(1))};
  for (const auto& [object, version] : versions())
    EXPECT_EQ(version != before.at(object), changed.contains(object)) << object;
}

TEST_F(Restarts, OfItsOwnApplyWhatSomebodyChangedMeanwhileAndNothingElse) {
  const std::string kubeconfig = control_plane_->kubeconfig_as("first");
  testing::AuditLog audit(control_plane_->audit_log());
  start_operator(kubeconfig);
  settle();
  operator_.reset();
  std::size_t before = audit.writes().size();
  start_operator(kubeconfig);
  ASSERT_TRUE(comes_to_rest());
  EXPECT_EQ(written(audit, before), std::set<std::string>());

  operator_.reset();
  const auto& client = control_plane_->client();
  const auto change = [&](const kube::ResourceType& type, int number, const kube::Json& patch) {
    const auto as_applied = client.get(type, key_of(number));
    EXPECT_TRUE(as_applied);
    EXPECT_TRUE(client.merge_patch(type, key_of(number), patch));
    return as_applied.value_or(kube::Json());
  };
  const kube::Json value_changed =
      change(kube::resources::kPodDisruptionBudgets, 0, {{"spec", {{"maxUnavailable", 3}}}});
  const kube::Json label_removed =
      change(kube::resources::kServiceAccounts, 1,
             {{"metadata", {{"labels", {{"app.kubernetes.io/name", nullptr}}}}}});
  const kube::Json theirs = {{"name", "theirs"}, {"port", 1}};
  const kube::Json item_removed =
      change(kube::resources::kServices, 2, {{"spec", {{"ports", kube::Json::array({theirs})}}}});
  change(kube::resources::kServices, 3, {{"spec", {{"sessionAffinity", "ClientIP"}}}});
  before = audit.writes().size();
  start_operator(kubeconfig);
  ASSERT_TRUE(comes_to_rest());
  EXPECT_EQ(written(audit, before),
            (std::set<std::string>{"poddisruptionbudgets default/p0", "serviceaccounts default/p1",
                                   "services default/p2"}));
  const auto now = [&](const kube::ResourceType& type, int number, const char* pointer) {
    return json::at(client.get(type, key_of(number)).value_or(kube::Json()), pointer);
  };
  EXPECT_EQ(now(kube::resources::kPodDisruptionBudgets, 0, "/spec"), value_changed.at("spec"));
  EXPECT_EQ(now(kube::resources::kServiceAccounts, 1, "/metadata/labels"),
            label_removed.at("metadata").at("labels"));
  const kube::Json ports = now(kube::resources::kServices, 2, "/spec/ports");
  for (const kube::Json& port : item_removed.at("spec").at("ports"))
    EXPECT_NE(std::find(ports.begin(), ports.end(), port), ports.end()) << ports;
  EXPECT_EQ(now(kube::resources::kServices, 3, "/spec/sessionAffinity"), "ClientIP") << "it is theirs";
}

// What was written after the backup has never been; the pods have not gone back.
TEST_F(Restarts, AfterARestoreOfTheStorageItActsOnWhatIsThere) {
  start_operator(control_plane_->kubeconfig());
  settle();
  control_plane_->back_up_storage();
  expect_change_is_acted_on(1, 5);
  expect_change_is_acted_on(2, 7);
  control_plane_->restore_storage();
  for (const int number : {1, 2}) expect_in_force(number, 10);
  expect_change_is_acted_on(3, 4);
  EXPECT_TRUE(eventually([&] { return all_ready(); }, kDeadline, 200ms));
  EXPECT_TRUE(comes_to_rest());
}

// Stopped for longer than its place is good for, the first comes back to another that leads.
TEST_F(Restarts, WhoComesBackAfterItsPlaceIsGoneWritesNothing) {
  start_operator(control_plane_->kubeconfig());
  settle();
  const std::string second_log = control_plane_->file("second.log");
  auto second = operator_at(kHealthPort + 100, control_plane_->kubeconfig(), second_log);
  const auto said = [](const std::string& log, const std::string& text) {
    return testing::tail_of(log, std::string::npos).find(text) != std::string::npos;
  };
  ASSERT_TRUE(eventually([&] { return said(second_log, "another operator leads"); }, kDeadline, 50ms));
  expect_change_is_acted_on(1, 5);
  EXPECT_FALSE(said(second_log, "\"leads\""));

  operator_->signal(SIGSTOP);
  ASSERT_TRUE(eventually([&] { return said(second_log, "\"leads\""); }, kDeadline, 50ms));
  expect_change_is_acted_on(2, 6);
  ASSERT_TRUE(eventually([&] { return all_ready(); }, kDeadline, 200ms));
  Versions before;  // once the second has ended what the change asks of it
  const auto rests = [&] {
    const Versions seen = versions();
    return !eventually([&] { return (before = versions()) != seen; }, 3s, 200ms);
  };
  ASSERT_TRUE(eventually(rests, kDeadline));
  operator_->signal(SIGCONT);
  ASSERT_TRUE(eventually([&] { return !operator_->running(); }, kDeadline, 50ms));
  EXPECT_EQ(operator_->exit_code(), 1) << testing::tail_of(log());
  EXPECT_TRUE(said(log(), "leads no more"));
  EXPECT_EQ(versions(), before);
  operator_ = std::move(second);
  expect_change_is_acted_on(3, 7);
}

TEST_F(Restarts, AHalfOpenConnectionIsNoticed) {
  testing::Proxy proxy(testing::ControlPlane::kPort);
  start_operator(control_plane_->kubeconfig_by(proxy.port()));
  settle();
  EXPECT_GE(proxy.cut(), 8) << "a watch for each kind";
  expect_change_is_acted_on(1, 5);
  EXPECT_TRUE(comes_to_rest());
}

}  // namespace
}  // namespace storagepool::manager
