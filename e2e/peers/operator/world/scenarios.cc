#include "e2e/peers/operator/world/scenarios.h"

#include <algorithm>
#include <atomic>
#include <cstdio>
#include <exception>
#include <thread>

namespace storagepool::peers {
namespace {

using namespace std::chrono_literals;
using kube::Json;

constexpr int kChildrenOfEach = 6;
constexpr int kChangesBesideSilentPods = 20;
constexpr auto kBetweenChanges = 300ms;

// Changes p0 again and again, as its user, until it is told to end.
class Changes {
 public:
  explicit Changes(World& world)
      : thread_([this, &world](const std::stop_token& stop) {
          try {
            while (!stop.stop_requested()) {
              took_.push_back(seconds(world.change_service(0, next_value())));
              std::this_thread::sleep_for(kBetweenChanges);
            }
          } catch (...) {
            failure_ = std::current_exception();
          }
        }) {}

  // How long each took until it was acted on.
  std::vector<double> end() {
    thread_.request_stop();
    thread_.join();
    if (failure_) std::rethrow_exception(failure_);
    return took_;
  }

 private:
  static std::string next_value() {
    static std::atomic<int> number{0};
    return std::to_string(++number);
  }

  std::vector<double> took_;
  std::exception_ptr failure_;
  std::jthread thread_;
};

Json with_changes(World& world, const Reading& before, Changes& changes) {
  const auto took = changes.end();
  Json json = world.since(before, static_cast<int>(took.size()));
  json["changes"] = took;
  return json;
}

bool all_made(const World& world) {
  const int count = world.options().storage_pools;
  return world.with_status() == count && world.children() == std::int64_t{kChildrenOfEach} * count;
}

Json create(World& world) {
  world.start_operator();
  world.make_storage_pools(0, 1);
  world.wait_for(
      "the first StoragePool has its children",
      [&] { return world.with_status() == 1 && world.children() == kChildrenOfEach; }, 20ms);
  world.wait_for_rest();
  world.begin_scenario();
  const Reading before = world.read();
  std::optional<Changes> changes;
  world.make_storage_pools(1, world.options().storage_pools, [&] { changes.emplace(world); });
  if (!changes) changes.emplace(world);
  world.wait_for(
      "all children and statuses are there", [&] { return all_made(world); }, 100ms);
  return with_changes(world, before, *changes);
}

// From the start of the program until it has looked at all StoragePools.
Json restart(World& world) {
  world.stop_operator();
  Reading before = world.read();
  before.at = Clock::now();
  world.start_operator(false);
  Changes changes(world);
  world.wait_for(
      "the operator is ready", [&] { return world.operator_ready(); }, 5ms);
  const double ready = seconds(Clock::now() - before.at);
  world.wait_for(
      "all StoragePools were looked at", [&] { return world.has_looked_at_all(); }, 100ms);
  Json json = with_changes(world, before, changes);
  json["until_ready"] = ready;
  return json;
}

Json rest(World& world, std::chrono::seconds time) {
  world.wait_for_rest();
  world.begin_scenario();
  const Reading before = world.read();
  std::this_thread::sleep_for(time);
  return world.since(before, 0);
}

Json pods(World& world) {
  const Options& options = world.options();
  world.begin_scenario();
  const Reading before = world.read();
  world.start_pods();
  world.wait_for(
      "all pods are there and those that answer Ready",
      [&] {
        return world.pods_made() == options.pods * options.storage_pools &&
               world.ready() == options.storage_pools - options.silent;
      },
      50ms);
  return world.since(before, 0);
}

Json changes_beside_silent_pods(World& world) {
  world.wait_for_rest();
  world.begin_scenario();
  const Reading before = world.read();
  std::vector<double> took;
  const int count = world.options().storage_pools;
  for (int i = 0; i < kChangesBesideSilentPods; ++i) {
    int number = static_cast<int>(std::int64_t{count} * i / kChangesBesideSilentPods);
    while (world.has_silent_pod(number)) number = (number + 1) % count;
    took.push_back(seconds(world.change_limit(number, 5 + i % 2)));
  }
  Json json = world.since(before, kChangesBesideSilentPods);
  json["changes"] = took;
  return json;
}

}  // namespace

Json run_scenarios(World& world) {
  const auto rest_time = world.options().rest;
  Json all = Json::object();
  const auto run = [&](const char* name, const char* title, auto scenario) {
    say(title);
    all[name] = scenario();
    const Json& figures = all[name];
    char text[200];
    std::snprintf(text, sizeof text,
                  "  %.1f s, %.0f reconciles/s, %.1f s of CPU, RSS %.1f MiB (peak %.1f), %lld writes",
                  figures["seconds"].get<double>(), figures["reconciles_per_second"].get<double>(),
                  figures["cpu_seconds"].get<double>(), figures["rss_mib"].get<double>(),
                  figures["rss_peak_mib"].get<double>(), figures["writes"].get<long long>());
    say(text);
  };
  run("create", "StoragePools are made at once", [&] { return create(world); });
  run("rest", "rest", [&] { return rest(world, std::max<std::chrono::seconds>(rest_time / 5, 1s)); });
  run("restart", "the operator starts anew", [&] { return restart(world); });
  run("pods", "pods come", [&] { return pods(world); });
  run("changes", "changes beside silent pods", [&] { return changes_beside_silent_pods(world); });
  run("restart_pods", "the operator starts anew, with pods", [&] { return restart(world); });
  run("rest_pods", "rest, with pods", [&] { return rest(world, rest_time); });
  return all;
}

}  // namespace storagepool::peers
