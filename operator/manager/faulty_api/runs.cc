#include "operator/manager/faulty_api/runs.h"

#include <signal.h>

#include <algorithm>
#include <cstdlib>
#include <utility>

#include "operator/kube/object.h"
#include "operator/manager/testing/fleet.h"
#include "pool/common/json/json.h"

namespace storagepool::manager::faulty_api {
namespace {

using namespace std::chrono_literals;
using testing::eventually;

// At least one look at every StoragePool comes in this time.
constexpr auto kRest = 4s;
constexpr const char* kResync = "--resync=2s";
constexpr std::size_t kTail = 80;

std::uint64_t given(const char* variable, std::uint64_t otherwise) {
  const char* text = std::getenv(variable);
  return text == nullptr ? otherwise : std::strtoull(text, nullptr, 10);
}

}  // namespace

void try_seeds(const std::function<void(std::uint64_t)>& try_one) {
  const std::uint64_t first = given("STORAGEPOOL_TEST_SEED", 1);
  const std::uint64_t seeds = given("STORAGEPOOL_TEST_SEEDS", 1);
  for (std::uint64_t seed = first; seed < first + seeds && !::testing::Test::HasFailure(); ++seed) {
    SCOPED_TRACE("again with STORAGEPOOL_TEST_SEED=" + std::to_string(seed) + " STORAGEPOOL_TEST_SEEDS=1");
    try_one(seed);
  }
}

Operator::Operator(std::vector<std::string> command, std::string log)
    : command_(std::move(command)),
      log_(std::move(log)),
      thread_([this](const std::stop_token& stop) { run(stop); }) {}

void Operator::kill() {
  const std::lock_guard lock(mutex_);
  if (process_) process_->signal(SIGKILL);
}

std::string Operator::log() const {
  return testing::tail_of(log_, 8000);
}

// The process ends with the thread that has started it.
void Operator::run(const std::stop_token& stop) {
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

Runs::Run::Run(Runs& test, Setting setting)
    : name_space(setting.name + "-" + std::to_string(setting.seed)),
      steps(schedule_of(setting.seed)),
      api({.target = testing::ControlPlane::kPort,
           .certificate = test.control_plane_.file("certificates") + "/apiserver.crt",
           .key = test.control_plane_.file("certificates") + "/apiserver.key",
           .name_space = name_space,
           .seed = setting.fates,
           .faults = setting.faults,
           .kill =
               [this] {
                 if (operator_) operator_->kill();
               }},
          journal) {
  const auto made = test.control_plane_.client().create(kube::resources::kNamespaces,
                                                        {{"metadata", {{"name", name_space}}}});
  EXPECT_TRUE(made) << made.error().to_string();
  operator_.emplace(test.command(*this, std::move(setting.program)),
                    test.control_plane_.file(name_space + ".log"));
}

Runs::Runs() {
  control_plane_.define_storage_pools();
  world_.emplace(control_plane_);
}

std::vector<std::string> Runs::command(const Run& run, std::vector<std::string> program) {
  std::vector<std::string> command = std::move(program);
  if (command.empty()) command.push_back(testing::operator_program());
  for (const std::string& argument :
       {"--kubeconfig=" + control_plane_.kubeconfig_by(run.api.port()), "--namespace=" + run.name_space,
        std::string("--pod-name=operator"),  // one after the other has the place at once
        std::string("--health-probe-bind-address=127.0.0.1:0"),
        std::string("--metrics-bind-address=127.0.0.1:0"), std::string(kResync)})
    command.push_back(argument);
  return command;
}

void Runs::carry_out_all(const std::vector<Run*>& runs) {
  const auto all_watch = [&] {
    return std::all_of(runs.begin(), runs.end(), [](const Run* run) { return run->api.watched(); });
  };
  ASSERT_TRUE(eventually(all_watch, kDeadline, 20ms)) << "an operator does not begin to watch";
  std::vector<std::jthread> users;
  for (Run* run : runs) {
    users.emplace_back([this, run] {
      run->failure = carry_out(run->steps, control_plane_.client(), run->name_space, run->journal);
      run->api.heal();
      run->journal.add("no faults from now on");
    });
  }
}

Snapshot Runs::snapshot(const Run& run) const {
  return snapshot_of(control_plane_.client(), run.name_space);
}

// Of an operator that has not begun there are no writes either.
bool Runs::is_done(const Run& run) const {
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

bool Runs::rests(const Run& run) const {
  if (!is_done(run)) return false;
  const int before = run.api.writes();
  return !eventually([&] { return run.api.writes() != before; }, kRest, 20ms);
}

std::string Runs::of(const Run& run) {
  return run.name_space + ":\n" + run.failure + "\nthe journal's end:\n" + run.journal.tail(kTail) +
         "the operator's log:\n" + run.operator_->log();
}

}  // namespace storagepool::manager::faulty_api
