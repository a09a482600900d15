// Several operators on one cluster: those of one installation never write at the same time, as the API
// server's audit log has it, and a second installation leaves all alone and says so.
#include <signal.h>

#include <atomic>
#include <map>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include <gtest/gtest.h>

#include "operator/kube/object.h"
#include "operator/manager/installation.h"
#include "operator/manager/testing/audit_log.h"
#include "operator/manager/testing/fleet.h"
#include "operator/render/render.h"

namespace storagepool::manager {
namespace {

using namespace std::chrono_literals;
using testing::AuditLog;
using testing::Conduct;
using testing::eventually;
using testing::fetch;

constexpr int kSome = 12;
constexpr auto kLimit = 120s;
constexpr std::uint16_t kOtherPorts = 100;  // further on

class Installations : public testing::Fleet {
 protected:
  Installations() : Fleet(kSome, [](int) { return Conduct::kAnswers; }) {}

  bool all_are_ready() const { return reasons() == std::map<std::string, int>{{"Ready", kSome}}; }
  static bool says(const std::string& log, const std::string& text) {
    return testing::tail_of(log, std::string::npos).find(text) != std::string::npos;
  }
  bool changes_are_acted_on(int number, std::int64_t limit) {
    const auto changed = set_limit(number, limit);
    EXPECT_TRUE(changed) << changed.error().to_string();
    return eventually([&] { return limit_in_force(number) == limit; }, kLimit);
  }
  void annotate(const char* annotation, const kube::Json& value) {
    const auto done = control_plane_->client().merge_patch(
        kube::resources::kCustomResourceDefinitions, {"", kStoragePoolsDefinition},
        {{"metadata", {{"annotations", {{annotation, value}}}}}});
    ASSERT_TRUE(done) << done.error().to_string();
  }
  std::string mark() const {
    const auto definition = control_plane_->client().get(kube::resources::kCustomResourceDefinitions,
                                                         {"", kStoragePoolsDefinition});
    return definition ? kube::annotation(*definition, kInstallationAnnotation) : "";
  }
};

// Changes limits all the time, at a pace that leaves something to write at any moment.
class Changes {
  static constexpr auto kPace = 20ms;

 public:
  explicit Changes(std::function<void(int number, std::int64_t limit)> change)
      : thread_([change = std::move(change)](const std::stop_token& stop) {
          for (int i = 0; !stop.stop_requested(); ++i) {
            change(i % kSome, 3 + i % 7);
            std::this_thread::sleep_for(kPace);
          }
        }) {}

 private:
  std::jthread thread_;
};

// Operators are stopped past their leases and continued, at moments that a seed says.
TEST_F(Installations, NeverTwoWriteAtOnce) {
  constexpr int kRounds = 4;
  const unsigned seed = 20261129;
  SCOPED_TRACE("seed " + std::to_string(seed));
  std::mt19937 random(seed);
  make_storage_pools(kSome);
  const std::string names[] = {"first", "second"};
  std::unique_ptr<testing::Process> operators[2];
  int starts = 0;
  std::string logs[2];
  const auto start = [&](int which) {
    logs[which] = control_plane_->file(names[which] + std::to_string(starts++) + ".log");
    operators[which] = operator_at(static_cast<std::uint16_t>(kHealthPort + kOtherPorts * which),
                                   control_plane_->kubeconfig_as(names[which]), logs[which]);
  };
  AuditLog audit(control_plane_->audit_log());
  start(0);
  ASSERT_TRUE(eventually([&] { return all_are_ready(); }, kLimit, 200ms)) << testing::tail_of(logs[0]);
  start(1);
  ASSERT_TRUE(eventually([&] { return says(logs[1], "another operator leads"); }, kLimit, 50ms));

  const Changes changes([&](int number, std::int64_t limit) { set_limit(number, limit); });
  const auto has_written = [&](int which) {
    const std::size_t enough = audit.writes_of(names[which]) + 1 + random() % 40;
    return eventually([&] { return audit.writes_of(names[which]) >= enough; }, kLimit, 1ms);
  };
  for (int round = 0; round < kRounds; ++round) {
    const int leader = round % 2;
    const int next = 1 - leader;
    ASSERT_TRUE(has_written(leader)) << testing::tail_of(logs[leader]);
    operators[leader]->signal(SIGSTOP);
    ASSERT_TRUE(has_written(next)) << testing::tail_of(logs[next]);
    operators[leader]->signal(SIGCONT);
    ASSERT_TRUE(eventually([&] { return !operators[leader]->running(); }, kLimit, 20ms));
    EXPECT_EQ(operators[leader]->exit_code(), 1) << testing::tail_of(logs[leader]);
    start(leader);
    ASSERT_TRUE(eventually([&] { return says(logs[leader], "another operator leads"); }, kLimit, 50ms));
  }
  ASSERT_TRUE(has_written(kRounds % 2));

  int handovers = 0;
  std::string writer = names[0];
  std::string seen;
  for (const testing::Write& write : audit.writes()) {
    if (write.user != names[0] && write.user != names[1]) continue;
    if (write.user != writer) ++handovers;
    if (write.user != writer)
      seen += write.answered + " " + write.user + " " + write.verb + " " + write.object + "\n";
    writer = write.user;
  }
  EXPECT_EQ(handovers, kRounds) << seen;
}

TEST_F(Installations, TheSecondLeavesAllAloneUntilItIsHandedOver) {
  const kube::Json name_space{{"metadata", {{"name", "other"}}}};
  ASSERT_TRUE(control_plane_->client().create(kube::resources::kNamespaces, name_space));
  start_operator(control_plane_->kubeconfig_as("first"));
  make_storage_pools(kSome);
  ASSERT_TRUE(eventually([&] { return all_are_ready(); }, kLimit, 200ms)) << testing::tail_of(log());
  EXPECT_EQ(mark(), "default/storagepool-operator");

  const std::string second_log = control_plane_->file("second.log");
  const auto second =
      operator_at(kHealthPort + kOtherPorts, control_plane_->kubeconfig_as("second"), second_log, "other");
  const auto second_ready = [] { return fetch(kHealthPort + kOtherPorts, "/readyz"); };
  ASSERT_TRUE(eventually(
      [&] { return second_ready().find("default/storagepool-operator") != std::string::npos; }, kLimit, 20ms))
      << second_ready() << testing::tail_of(second_log);
  EXPECT_NE(second_ready().find("503"), std::string::npos);
  EXPECT_TRUE(says(second_log, "hand-over-to=other/storagepool-operator")) << testing::tail_of(second_log);
  EXPECT_NE(fetch(kHealthPort + kOtherPorts + 1, "/metrics").find("storagepool_other_installation 1"),
            std::string::npos);
  EXPECT_TRUE(eventually(
      [&] {
        const auto events = control_plane_->client().list(kube::resources::kEvents, {.name_space = "other"});
        return events && events->items.size() == 1 && events->items[0]["reason"] == "OtherInstallation";
      },
      kLimit, 50ms));
  annotate(kInstallationAnnotation, nullptr);
  EXPECT_TRUE(eventually([&] { return mark() == "default/storagepool-operator"; }, kLimit, 20ms))
      << "the mark comes back";
  EXPECT_TRUE(changes_are_acted_on(1, 5)) << testing::tail_of(log());
  EXPECT_TRUE(operator_->running());
  AuditLog audit(control_plane_->audit_log());
  for (const testing::Write& write : audit.writes()) {
    if (write.user != "second") continue;
    EXPECT_TRUE(write.object.starts_with("events ")) << write.object;
  }

  annotate(kHandOverAnnotation, "other/storagepool-operator");
  ASSERT_TRUE(eventually([&] { return !operator_->running(); }, kLimit, 20ms));
  EXPECT_EQ(operator_->exit_code(), 1);
  ASSERT_TRUE(eventually([&] { return second_ready().find("200 OK") != std::string::npos; }, kLimit, 20ms))
      << second_ready() << testing::tail_of(second_log);
  EXPECT_EQ(mark(), "other/storagepool-operator");
  EXPECT_TRUE(changes_are_acted_on(2, 6)) << testing::tail_of(second_log);
  EXPECT_TRUE(eventually([&] { return all_are_ready(); }, kLimit, 200ms));
}

}  // namespace
}  // namespace storagepool::manager
