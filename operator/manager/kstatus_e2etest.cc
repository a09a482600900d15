// What kstatus makes of a StoragePool through its life, by kstatus' own library: of each version of the
// object that the API server has had, since tools that wait for health (Flux, kapp, kpt) may look at any of
// them.
#include <fstream>
#include <iterator>
#include <mutex>
#include <optional>
#include <sstream>
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "operator/kube/object.h"
#include "operator/kube/watch/informer.h"
#include "operator/manager/testing/fleet.h"
#include "operator/reconcile/status/conditions.h"
#include "pool/common/json/json.h"

namespace storagepool::manager {
namespace {

using namespace std::chrono_literals;
using kube::Json;
using testing::Conduct;
using testing::eventually;

constexpr auto kStageLimit = 120s;

class Kstatus : public testing::Fleet {
 protected:
  Kstatus() : Fleet(1, [](int) { return Conduct::kAnswers; }) {}

  void SetUp() override {
    Fleet::SetUp();
    std::istringstream folder(output_of({STORAGEPOOL_SOURCE_DIR "/hack/tools/build", "gitops"}));
    for (std::string line; std::getline(folder, line);) health_ = line + "/bin/health";
    versions_.emplace(
        control_plane_->transport(), kube::InformerOptions{.type = kube::resources::kStoragePools},
        kube::InformerHandlers{.on_upsert =
                                   [this](const kube::ObjectPtr&, const kube::ObjectPtr& object) {
                                     const std::lock_guard lock(mutex_);
                                     seen_.push_back(object->dump());
                                   },
                               .on_delete = {}},
        1);
    versions_->start();
    ASSERT_TRUE(eventually([&] { return versions_->has_synced(); }, kStageLimit));
  }

  std::string output_of(const std::vector<std::string>& command) const {
    const std::string file = control_plane_->file("output." + std::to_string(++runs_));
    const int code = testing::Process(command, file).exit_code();
    std::ifstream stream(file);
    std::string output{std::istreambuf_iterator<char>(stream), {}};
    EXPECT_EQ(code, 0) << output;
    return output;
  }
  // Of one object each, as JSON.
  std::vector<std::string> verdicts(const std::vector<std::string>& objects) const {
    std::vector<std::string> command{health_, STORAGEPOOL_SOURCE_DIR "/charts/gitops/argocd/health.lua"};
    for (const std::string& object : objects) {
      command.push_back(control_plane_->file("object." + std::to_string(command.size())));
      std::ofstream(command.back()) << object;
    }
    std::istringstream lines(output_of(command));
    std::vector<std::string> verdicts;
    for (std::string line; std::getline(lines, line);) {
      std::istringstream words(line);
      std::string file, argo, kstatus;
      words >> file >> argo >> kstatus;
      verdicts.push_back(kstatus);
    }
    return verdicts;
  }
  std::string verdict() const {
    const auto got = control_plane_->client().get(kube::resources::kStoragePools, key_of(0));
    if (!got) return "";
    const auto found = verdicts({got->dump()});
    return found.empty() ? "" : found.front();
  }
  // The verdicts on all versions so far, one for each row of equal ones; and what the first of each row was.
  std::vector<std::string> history(std::string* words = nullptr) const {
    std::vector<std::string> objects;
    {
      const std::lock_guard lock(mutex_);
      objects = seen_;
    }
    std::vector<std::string> history;
    const std::vector<std::string> found = verdicts(objects);
    for (std::size_t i = 0; i < found.size(); ++i) {
      if (!history.empty() && history.back() == found[i]) continue;
      history.push_back(found[i]);
      if (words != nullptr) *words += found[i] + ": " + objects[i] + "\n";
    }
    return history;
  }
  void change(const Json& spec) const {
    const auto changed =
        control_plane_->client().merge_patch(kube::resources::kStoragePools, key_of(0), {{"spec", spec}});
    ASSERT_TRUE(changed) << changed.error().to_string();
  }
  // The operator has looked at what is asked for now, and a condition is so.
  void await(const char* type, reconcile::Truth truth, const std::string& reason) const {
    const auto so = [&] {
      const auto got = control_plane_->client().get(kube::resources::kStoragePools, key_of(0));
      if (!got) return false;
      const reconcile::Status status = reconcile::parse_status(json::member(*got, "status"));
      const reconcile::Condition* found = reconcile::find_condition(status, type);
      return status.observed_generation == kube::generation(*got) && found != nullptr &&
             found->status == truth && found->reason == reason;
    };
    ASSERT_TRUE(eventually(so, kStageLimit, 20ms)) << type << " " << reason << "\n"
                                                   << testing::tail_of(log());
  }

 private:
  std::string health_;
  mutable int runs_ = 0;
  mutable std::mutex mutex_;
  std::vector<std::string> seen_;
  std::optional<kube::Informer> versions_;
};

TEST_F(Kstatus, IsRightAtEveryStageAndInBetween) {
  using reconcile::Truth;
  Json wanted = storage_pool(0);
  wanted["spec"]["image"] = "example.invalid/broken:1";
  ASSERT_TRUE(control_plane_->client().create(kube::resources::kStoragePools, wanted));
  EXPECT_EQ(verdict(), "InProgress") << "new, and no operator there";

  start_operator(control_plane_->kubeconfig());
  await(reconcile::kReady, Truth::kFalse, "Progressing");
  EXPECT_EQ(verdict(), "InProgress") << "its pods do not become ready";
  change({{"image", "example.invalid/pods:1"}});
  await(reconcile::kReconciling, Truth::kFalse, "Settled");
  EXPECT_EQ(verdict(), "Current");
  start_operator(control_plane_->kubeconfig());
  ASSERT_TRUE(
      eventually([&] { return metric("controller_runtime_reconcile_total") >= 3; }, kStageLimit, 20ms));
  std::string words;
  EXPECT_THAT(history(&words), ::testing::ElementsAre("InProgress", "Current"))
      << "the operator was started anew\n"
      << words;

  change({{"pool", {{"maxOpenConns", 5}}}});
  ASSERT_TRUE(eventually([&] { return limit_in_force(0) == 5; }, kStageLimit));
  await(reconcile::kReconciling, Truth::kFalse, "Settled");
  EXPECT_EQ(verdict(), "Current");
  change({{"replicas", 2}});
  await(reconcile::kReady, Truth::kFalse, "Progressing");
  EXPECT_EQ(verdict(), "InProgress") << "the second pod is not there";
  change({{"replicas", 1}});
  await(reconcile::kReconciling, Truth::kFalse, "Settled");

  change({{"pool", {{"maxOpenConns", 1000}}}, {"budget", {{"policy", "Strict"}}}});
  await(reconcile::kStalled, Truth::kTrue, "StrictPolicy");
  EXPECT_EQ(verdict(), "Failed") << "more than the server has, which it may not be given less of";
  change({{"pool", {{"maxOpenConns", 10}}}});
  await(reconcile::kStalled, Truth::kFalse, "NotStalled");
  await(reconcile::kReconciling, Truth::kFalse, "Settled");
  EXPECT_EQ(verdict(), "Current");

  ASSERT_TRUE(control_plane_->client().delete_(kube::resources::kStoragePools, key_of(0)));
  await(reconcile::kReady, Truth::kFalse, "Draining");
  EXPECT_EQ(verdict(), "Terminating") << "its pod is still there";
  ASSERT_TRUE(eventually([&] { return replicas_wanted(0) == 0; }, kStageLimit, 20ms))
      << testing::tail_of(log());
  end_pod(0);
  ASSERT_TRUE(eventually([&] { return verdict().empty(); }, kStageLimit, 100ms)) << testing::tail_of(log());

  words.clear();
  EXPECT_THAT(history(&words),
              ::testing::ElementsAre("InProgress", "Current",                          // made
                                     "InProgress", "Current",                          // less for a pod
                                     "InProgress", "Current",                          // a pod more, and less
                                     "InProgress", "Failed", "InProgress", "Current",  // refused, and mended
                                     "Terminating"))
      << words;
}

}  // namespace
}  // namespace storagepool::manager
