// The operator's program replaced by one with another default image, on a real API server.
#include <algorithm>
#include <cstddef>
#include <map>
#include <mutex>
#include <set>
#include <string>

#include <gtest/gtest.h>

#include "operator/kube/object.h"
#include "operator/kube/transport/transport.h"
#include "operator/kube/watch/informer.h"
#include "operator/manager/testing/fleet.h"
#include "operator/reconcile/status/conditions.h"
#include "operator/render/render.h"
#include "pool/common/json/json.h"

namespace storagepool::manager {
namespace {

using namespace std::chrono_literals;
using testing::Conduct;
using testing::eventually;
using testing::fetch;

constexpr int kRolled = 6;
constexpr auto kLong = 180s;
constexpr const char* kFirstImage = "example.invalid/pods:1";
constexpr const char* kBrokenImage = "example.invalid/broken:2";
constexpr const char* kLastImage = "example.invalid/pods:3";

class Rollouts : public testing::Fleet {
 protected:
  Rollouts() : Fleet(kRolled, [](int) { return Conduct::kAnswers; }) {}

  void start(const std::string& image) {
    operator_.reset();
    operator_ = operator_at(kHealthPort, control_plane_->kubeconfig(), log(), "default", image);
    ASSERT_TRUE(eventually([&] { return fetch(kHealthPort, "/readyz").find("200 OK") != std::string::npos; },
                           kLong, 20ms))
        << testing::tail_of(log());
  }
  std::map<std::string, kube::Json> sets() const {
    std::map<std::string, kube::Json> sets;
    const auto list = control_plane_->client().list(kube::resources::kStatefulSets);
    EXPECT_TRUE(list) << list.error().to_string();
    for (const kube::Json& set : list ? list->items : std::vector<kube::Json>())
      sets[kube::metadata_string(set, "name")] = set;
    return sets;
  }
  // How many StatefulSets have each image.
  std::map<std::string, int> images() const {
    std::map<std::string, int> images;
    for (const auto& [name, set] : sets())
      ++images[json::text_at(set, "/spec/template/spec/containers/0/image")];
    return images;
  }
  std::string image_of(int number) const {
    return json::text_at(sets().at(name_of(number)), "/spec/template/spec/containers/0/image");
  }
  static bool rolls(const kube::Json& set) {
    const std::string rollout = kube::annotation(set, render::kRolloutAnnotation);
    return !rollout.empty() && rollout == kube::annotation(set, render::kTemplateAnnotation);
  }
  // Whose pods are being replaced, as the objects have it.
  std::set<std::string> rolling() const {
    std::set<std::string> rolling;
    for (const auto& [name, set] : sets())
      if (rolls(set)) rolling.insert(name);
    return rolling;
  }
  // How many StoragePools there are with each reason of AwaitingTurn, and a message.
  std::map<std::string, int> waits(std::string* message = nullptr) const {
    std::map<std::string, int> counts;
    const auto list = control_plane_->client().list(kube::resources::kStoragePools);
    for (const kube::Json& pool : list ? list->items : std::vector<kube::Json>()) {
      const reconcile::Status status = reconcile::parse_status(json::member(pool, "status"));
      const auto* found = reconcile::find_condition(status, reconcile::kAwaitingTurn);
      if (found == nullptr) continue;
      ++counts[found->reason];
      if (message != nullptr && found->reason == reconcile::kRolloutStopped) *message = found->message;
    }
    return counts;
  }
  // Follows whose pods are being replaced through each version of the StatefulSets, however short-lived.
  class EachVersion {
   public:
    explicit EachVersion(kube::Transport& transport)
        : informer_(
              transport,
              {.type = kube::resources::kStatefulSets, .label_selector = render::managed_selector()},
              {.on_upsert = [this](const kube::ObjectPtr&, const kube::ObjectPtr& object) { take(*object); },
               .on_delete = {}},
              1) {
      informer_.start();
    }
    bool has_synced() const { return informer_.has_synced(); }
    std::set<std::string> rolled() const {
      const std::lock_guard lock(mutex_);
      return rolled_;
    }
    std::size_t most_at_once() const {
      const std::lock_guard lock(mutex_);
      return most_;
    }

   private:
    void take(const kube::Json& set) {
      const std::lock_guard lock(mutex_);
      const std::string name = kube::metadata_string(set, "name");
      if (!rolls(set)) {
        rolling_.erase(name);
        return;
      }
      rolling_.insert(name);
      rolled_.insert(name);
      most_ = std::max(most_, rolling_.size());
    }

    mutable std::mutex mutex_;
    std::set<std::string> rolling_;
    std::set<std::string> rolled_;
    std::size_t most_ = 0;
    kube::Informer informer_;
  };
  bool all_ready() const { return reasons() == std::map<std::string, int>{{"Ready", kRolled}}; }
};

TEST_F(Rollouts, StopAtTheFirstThatDoesNotComeBackAndGoOnOneByOneWithABetterRelease) {
  start(kFirstImage);
  make_storage_pools(kRolled);
  ASSERT_TRUE(eventually([&] { return all_ready(); }, kLong, 100ms)) << testing::tail_of(log());

  start(kBrokenImage);
  const std::map<std::string, int> one_broken{{kBrokenImage, 1}, {kFirstImage, kRolled - 1}};
  ASSERT_TRUE(eventually([&] { return waits()["OthersFirst"] == kRolled - 1; }, kLong, 50ms))
      << ::testing::PrintToString(waits()) << testing::tail_of(log());
  ASSERT_TRUE(eventually([&] { return images() == one_broken && rolling().size() == 1; }, kLong, 20ms))
      << ::testing::PrintToString(images());
  const std::string stuck = *rolling().begin();

  // What is no matter of the operator's release goes on; a restart changes nothing.
  const int another = stuck == name_of(1) ? 2 : 1;
  const int mine = stuck == name_of(3) ? 4 : 3;
  ASSERT_TRUE(set_limit(another, 4));
  EXPECT_TRUE(eventually([&] { return limit_in_force(another) == 4; }, kLong, 20ms));
  start(kBrokenImage);
  ASSERT_TRUE(control_plane_->client().merge_patch(kube::resources::kStoragePools, key_of(mine),
                                                   {{"spec", {{"image", "example.invalid/mine:1"}}}}));
  EXPECT_TRUE(eventually([&] { return image_of(mine) == "example.invalid/mine:1"; }, kLong, 20ms))
      << testing::tail_of(log());
  std::string message;
  ASSERT_TRUE(
      eventually([&] { return waits(&message)[reconcile::kRolloutStopped] >= kRolled - 2; }, kLong, 200ms))
      << ::testing::PrintToString(waits());
  EXPECT_NE(message.find("default/" + stuck), std::string::npos) << message;
  EXPECT_EQ(images()[kBrokenImage], 1);

  start(kFirstImage);  // gone back to
  EXPECT_TRUE(eventually(
      [&] {
        const auto all = sets();
        const bool none_waits = std::all_of(all.begin(), all.end(), [](const auto& known) {
          return kube::annotation(known.second, render::kRolloutAnnotation).empty();
        });
        return none_waits && images()[kFirstImage] == kRolled - 1 && all_ready();
      },
      kLong, 50ms))
      << ::testing::PrintToString(images()) << testing::tail_of(log());

  EachVersion turns(control_plane_->transport());
  ASSERT_TRUE(eventually([&] { return turns.has_synced(); }, kLong, 5ms));
  start(kLastImage);
  ASSERT_TRUE(eventually(
      [&] { return images()[kLastImage] == kRolled - 1 && all_ready() && rolling().empty(); }, kLong, 50ms))
      << ::testing::PrintToString(images()) << testing::tail_of(log());
  std::set<std::string> all_but_mine;
  for (int i = 0; i < kRolled; ++i)
    if (i != mine) all_but_mine.insert(name_of(i));
  EXPECT_TRUE(eventually([&] { return turns.rolled() == all_but_mine; }, kLong, 50ms))
      << ::testing::PrintToString(turns.rolled());
  EXPECT_EQ(turns.most_at_once(), 1U);
  // Each that has waited at some time says that it waits no longer; the stuck one need not have waited.
  EXPECT_TRUE(eventually(
      [&] {
        const auto now = waits();
        return now.size() == 1 && now.begin()->first == "UpToDate" && now.begin()->second >= kRolled - 1;
      },
      kLong, 50ms))
      << ::testing::PrintToString(waits());
}

}  // namespace
}  // namespace storagepool::manager
