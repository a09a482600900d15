// The operator's program between users who change their StoragePools and an API server that cuts, delays,
// refuses, lies about what it has done and falls silent, or under kills: when that ends, all is as if it had
// never been. STORAGEPOOL_TEST_SEED is the first seed, STORAGEPOOL_TEST_SEEDS how many.
#include <signal.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <future>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include <gtest/gtest.h>

#include "operator/kube/object.h"
#include "operator/manager/faulty_api/faulty_api.h"
#include "operator/manager/faulty_api/schedule.h"
#include "operator/manager/faulty_api/snapshot.h"
#include "operator/manager/faulty_api/world.h"
#include "operator/manager/testing/control_plane.h"
#include "operator/manager/testing/fleet.h"
#include "pool/common/json/json.h"

namespace storagepool::manager::faulty_api {
namespace {

using namespace std::chrono_literals;
using testing::eventually;

// Each held up by what is half-open, and by sessions of pods that nobody has seen to end.
constexpr auto kDeadline = 150s;
// At least one look at every StoragePool comes in this time.
constexpr auto kRest = 4s;
constexpr const char* kResync = "--resync=2s";
constexpr std::size_t kTail = 80;

std::uint64_t given(const char* variable, std::uint64_t otherwise) {
  const char* text = std::getenv(variable);
  return text == nullptr ? otherwise : std::strtoull(text, nullptr, 10);
}

// An operator that is started again whenever it ends, as the kubelet does.
class Operator {
 public:
  Operator(std::vector<std::string> command, std::string log)
      : command_(std::move(command)),
        log_(std::move(log)),
        thread_([this](const std::stop_token& stop) { run(stop); }) {}
  // While there is none, nothing.
  void kill() {
    const std::lock_guard lock(mutex_);
    if (process_) process_->signal(SIGKILL);
  }
  int starts() const { return starts_; }
  std::string log() const { return testing::tail_of(log_, 8000); }

 private:
  // The process ends with the thread that has started it.
  void run(const std::stop_token& stop) {
    while (!stop.stop_requested()) {
      {
        const std::lock_guard lock(mutex_);
        if (!process_ || !process_->running()) {
          process_.emplace(command_, log_);
          ++starts_;
        }
      }
      std::this_thread::sleep_for(10ms);
    }
    const std::lock_guard lock(mutex_);
    process_.reset();
  }

  const std::vector<std::string> command_;
  const std::string log_;
  std::mutex mutex_;
  std::optional<testing::Process> process_;
  std::atomic<int> starts_ = 0;
  std::jthread thread_;
};

class FaultyApiServer : public ::testing::Test {
 protected:
  // One schedule in a namespace of its own.
  struct Run {
    Run(FaultyApiServer& test, std::uint64_t seed, std::string name, Faults faults)
        : name_space(name + "-" + std::to_string(seed)),
          steps(schedule_of(seed)),
          api({.target = testing::ControlPlane::kPort,
               .certificate = test.control_plane_.file("certificates") + "/apiserver.crt",
               .key = test.control_plane_.file("certificates") + "/apiserver.key",
               .name_space = name_space,
               .seed = seed,
               .faults = faults,
               .kill =
                   [this] {
                     if (operator_) operator_->kill();
                   }},
              journal) {
      const auto made = test.control_plane_.client().create(kube::resources::kNamespaces,
                                                            {{"metadata", {{"name", name_space}}}});
      EXPECT_TRUE(made) << made.error().to_string();
      operator_.emplace(test.command(*this), test.control_plane_.file(name_space + ".log"));
    }
    ~Run() { api.heal(); }
    std::string name_space;
    std::vector<Step> steps;
    Journal journal;
    FaultyApi api;
    std::string failure;
    std::optional<Operator> operator_;
  };

  FaultyApiServer() {
    control_plane_.define_storage_pools();
    world_.emplace(control_plane_);
  }

  std::vector<std::string> command(const Run& run) {
    std::vector<std::string> command{testing::operator_program()};
    for (std::string& argument : arguments(run)) command.push_back(std::move(argument));
    return command;
  }
  std::vector<std::string> arguments(const Run& run) {
    return {"--kubeconfig=" + control_plane_.kubeconfig_by(run.api.port()),
            "--namespace=" + run.name_space,
            "--pod-name=operator",  // one after the other has the place at once
            "--health-probe-bind-address=127.0.0.1:0",
            "--metrics-bind-address=127.0.0.1:0",
            kResync};
  }
  Snapshot snapshot(const Run& run) { return snapshot_of(control_plane_.client(), run.name_space); }
  // All that was asked for is done: of an operator that has not begun there are no writes either.
  bool is_done(const Run& run) {
    const auto pools =
        control_plane_.client().list(kube::resources::kStoragePools, {.name_space = run.name_space});
    return pools && std::all_of(pools->items.begin(), pools->items.end(), [](const kube::Json& pool) {
             for (const kube::Json& condition : json::at(pool, "/status/conditions")) {
               if (json::text_at(condition, "/type") == "Ready")
                 return json::integer_at(condition, "/observedGeneration", 0) == kube::generation(pool) &&
                        json::text_at(condition, "/status") == "True";
             }
             return false;
           });
  }
  bool rests(const Run& run) {
    if (!is_done(run)) return false;
    const int before = run.api.writes();
    return !eventually([&] { return run.api.writes() != before; }, kRest, 20ms);
  }
  // For the message of a failure.
  static std::string of(const Run& run) {
    return run.name_space + ":\n" + run.failure + "\nthe journal's end:\n" + run.journal.tail(kTail) +
           "the operator's log:\n" + run.operator_->log();
  }
  void expect_good_manners(const Run& run) {
    EXPECT_EQ(world_->violations(run.name_space), "") << of(run);
    EXPECT_EQ(overdrafts(run.api.written(), run.steps), "") << of(run);
    EXPECT_EQ(run.api.overwritten(), "") << of(run);
    EXPECT_EQ(strangers(run.api.written(), run.name_space), "") << of(run);
  }
  void try_seed(std::uint64_t seed);

  testing::ControlPlane control_plane_;
  std::optional<World> world_;
};

void FaultyApiServer::try_seed(std::uint64_t seed) {
  SCOPED_TRACE("again with STORAGEPOOL_TEST_SEED=" + std::to_string(seed) + " STORAGEPOOL_TEST_SEEDS=1");
  const auto start = testing::Clock::now();
  Run clean(*this, seed, "clean", {});
  Run faulty(*this, seed, "faulty", {.network = true});
  Run killed(*this, seed, "killed", {.kills = true});
  Run* const all[] = {&clean, &faulty, &killed};
  {
    std::vector<std::jthread> users;
    for (Run* run : all) {
      users.emplace_back([&, run] {
        run->failure = carry_out(run->steps, control_plane_.client(), run->name_space, run->journal);
        run->api.heal();
        run->journal.add("no faults from now on");
      });
    }
  }
  for (const Run* run : all) ASSERT_EQ(run->failure, "") << of(*run);
  ASSERT_TRUE(eventually([&] { return rests(clean); }, kDeadline, 20ms)) << of(clean);
  for (const Run* run : {&faulty, &killed}) {
    const auto same = [&] { return difference(snapshot(clean), snapshot(*run)).empty(); };
    ASSERT_TRUE(eventually(same, kDeadline, 250ms))
        << difference(snapshot(clean), snapshot(*run)) << of(clean) << of(*run);
  }
  for (const Run* run : {&faulty, &killed}) {
    ASSERT_TRUE(eventually([&] { return rests(*run); }, kDeadline, 20ms)) << of(*run);
    EXPECT_EQ(difference(snapshot(clean), snapshot(*run)), "") << of(*run);
  }
  for (const Run* run : all) expect_good_manners(*run);
  std::printf("seed %llu: %d faults, %d starts by kills, as the clean run after %.0f s\n",
              static_cast<unsigned long long>(seed), faulty.api.faults(), killed.operator_->starts(),
              std::chrono::duration<double>(testing::Clock::now() - start).count());
}

TEST_F(FaultyApiServer, WhenFaultsEndAllIsAsIfTheyHadNeverBeen) {
  const std::uint64_t first = given("STORAGEPOOL_TEST_SEED", 1);
  const std::uint64_t seeds = given("STORAGEPOOL_TEST_SEEDS", 1);
  for (std::uint64_t seed = first; seed < first + seeds && !HasFailure(); ++seed) try_seed(seed);
}

}  // namespace
}  // namespace storagepool::manager::faulty_api
