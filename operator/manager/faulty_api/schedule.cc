#include "operator/manager/faulty_api/schedule.h"

#include <random>
#include <thread>
#include <utility>

#include "operator/manager/faulty_api/world.h"
#include "operator/manager/testing/fleet.h"

namespace storagepool::manager::faulty_api {
namespace {

using namespace std::chrono_literals;
using kube::Json;
using Random = std::mt19937_64;

constexpr int kPools = 5;
constexpr int kChanges = 22;
constexpr const char* kFleeting = "fleeting";  // has no pods at first, so that it goes quickly
constexpr const char* kLeaving = "p1";
// Who is older is first served: no two are made in one second.
constexpr auto kBetweenAges = 1050ms;
constexpr auto kGoneWithin = 120s;

Json spec_of(const std::string& host, std::int64_t replicas, std::int64_t limit) {
  return {{"replicas", replicas},
          {"pool", {{"maxOpenConns", limit}}},
          {"postgres",
           {{"host", host},
            {"database", "audit"},
            {"reserve", kReserve},
            {"credentialsSecretRef", {{"name", "creds"}}}}}};
}

std::int64_t between(Random& random, std::int64_t least, std::int64_t most) {
  return least + static_cast<std::int64_t>(random() % static_cast<std::uint64_t>(most - least + 1));
}

Json change(Random& random) {
  switch (random() % 8) {
    case 0:
    case 1:
    case 2:
      return {{"replicas", between(random, 0, 4)}};
    case 3:
    case 4:
      return {{"pool", {{"maxOpenConns", between(random, 1, 40)}}}};
    case 5:
      return {{"budget", {{"weight", between(random, 1, 4)}}}};
    case 6:
      return {{"podMetadata", {{"annotations", {{"build", std::to_string(random() % 3)}}}}}};
    default:
      return {{"paused", random() % 2 == 0}};
  }
}

}  // namespace

std::string to_string(const Step& step) {
  switch (step.kind) {
    case Step::Kind::kCreate:
      return "create " + step.pool + " " + step.spec.dump();
    case Step::Kind::kChange:
      return "change " + step.pool + " " + step.spec.dump();
    case Step::Kind::kDelete:
      return "delete " + step.pool;
    case Step::Kind::kAwaitGone:
      return "wait until " + step.pool + " is gone";
  }
  return {};
}

std::vector<Step> schedule_of(std::uint64_t seed) {
  Random random(seed);
  std::vector<Step> steps;
  std::vector<std::string> there;
  const auto change_one = [&](std::chrono::milliseconds pause) {
    steps.push_back({Step::Kind::kChange, there[random() % there.size()], change(random), pause});
  };
  for (int i = 0; i < kPools; ++i) {
    const std::string name = "p" + std::to_string(i);
    const std::string host = i < 3 ? "db0" : "db1";
    const auto soon = std::chrono::milliseconds(between(random, 100, 900));
    steps.push_back(
        {Step::Kind::kCreate, name, spec_of(host, between(random, 1, 3), between(random, 5, 30)), soon});
    there.push_back(name);
    change_one(kBetweenAges - soon);
  }
  steps.push_back({Step::Kind::kDelete, kLeaving});
  std::erase(there, kLeaving);
  steps.push_back({Step::Kind::kCreate, kFleeting, spec_of("db1", 0, 10), 300ms});
  for (int i = 0; i < kChanges; ++i) {
    if (i == kChanges / 3) steps.push_back({Step::Kind::kDelete, kFleeting});
    change_one(std::chrono::milliseconds(between(random, 20, 500)));
  }
  steps.push_back({Step::Kind::kAwaitGone, kFleeting});
  steps.push_back({Step::Kind::kCreate, kFleeting, spec_of("db1", 2, 10), 500ms});
  // What is paused is as it was when it was, and what has no pods knows of its server what it has once been
  // told.
  for (const std::string& name : there)
    steps.push_back({Step::Kind::kChange, name, {{"paused", false}, {"replicas", between(random, 1, 3)}}});
  return steps;
}

std::string carry_out(const std::vector<Step>& steps, const kube::Client& client,
                      const std::string& name_space, Journal& journal) {
  const auto& type = kube::resources::kStoragePools;
  for (const Step& step : steps) {
    const kube::ObjectKey key{name_space, step.pool};
    journal.add("user: " + to_string(step));
    tl::expected<void, kube::ApiError> done;
    const auto take = [&](auto result) {
      if (!result) done = tl::unexpected(result.error());
    };
    const Json named{{"metadata", {{"name", step.pool}, {"namespace", name_space}}}, {"spec", step.spec}};
    if (step.kind == Step::Kind::kCreate) take(client.create(type, named));
    if (step.kind == Step::Kind::kChange) take(client.merge_patch(type, key, {{"spec", step.spec}}));
    if (step.kind == Step::Kind::kDelete) take(client.delete_(type, key));
    if (step.kind == Step::Kind::kAwaitGone) {
      const auto gone = [&] {
        const auto found = client.get(type, key);
        return !found && found.error().is_not_found();
      };
      if (!testing::eventually(gone, kGoneWithin, 50ms)) return step.pool + " does not go";
    }
    if (!done) return to_string(step) + ": " + done.error().to_string();
    std::this_thread::sleep_for(step.pause);
  }
  return {};
}

}  // namespace storagepool::manager::faulty_api
