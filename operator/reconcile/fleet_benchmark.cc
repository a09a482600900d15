// What the decisions cost in a large fleet: the Ledger, the planner and next_step with 20 StoragePools of 3
// pods on each server, from 1 server to 500 (10,000 StoragePools). Without the caches and the objects that a
// look reads (look_benchmark.cc).
#include <malloc.h>

#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include <benchmark/benchmark.h>

#include "operator/reconcile/step/next_step.h"
#include "operator/sizing/ledger.h"

namespace storagepool::reconcile {
namespace {

constexpr int kOnEach = 20;
constexpr std::int64_t kPods = 3;
constexpr std::int64_t kLimit = 3;
constexpr std::int64_t kMaxConnections = kOnEach * kPods * kLimit + 13;
const sizing::Ledger::Now kNow{std::chrono::hours(1)};

const settings::Given kAsked{{"maxOpenConns", 25}, {"maxIdleConns", 5}};

std::string uid_of(int server, int number) {
  return "uid-" + std::to_string(server) + "-" + std::to_string(number);
}

sizing::Account account_of(int server, int number) {
  sizing::Account account;
  account.uid = uid_of(server, number);
  account.created = number;
  account.servers = {"db-" + std::to_string(server) + ".team:5432"};
  account.database = "audit-" + std::to_string(number);
  account.role = "team/" + account.uid;
  account.request = sizing::Request{.replicas = kPods, .max_open_conns = 25};
  account.existing = {.replicas = kPods, .peak_pods = kPods, .limit = kLimit};
  account.ceiling = kLimit;
  account.facts.emplace().read = kNow;
  account.facts->facts.max_connections = kMaxConnections;
  account.facts->facts.superuser_reserved_connections = 3;
  account.facts->facts.system_identifier = std::to_string(server);
  return account;
}

std::size_t bytes_in_use() {
  return mallinfo2().uordblks;
}

sizing::Plan plan_of(sizing::Ledger& ledger, const sizing::Account& account) {
  return sizing::plan(*account.request, ledger.outlook(account.uid, kNow), account.existing);
}

struct Fleet {
  explicit Fleet(int servers) {
    for (int server = 0; server < servers; ++server) {
      for (int number = 0; number < kOnEach; ++number) accounts.push_back(account_of(server, number));
    }
    const std::size_t before = bytes_in_use();
    for (const sizing::Account& account : accounts) ledger.put(account);
    for (const sizing::Account& account : accounts)
      benchmark::DoNotOptimize(ledger.outlook(account.uid, kNow));
    bytes = bytes_in_use() - before;
  }
  std::vector<sizing::Account> accounts;
  sizing::Ledger ledger;
  std::size_t bytes = 0;
};

// All of a fleet, as an operator that was started anew does.
void BM_BuildLedger(benchmark::State& state) {
  std::size_t bytes = 0;
  for (auto _ : state) {
    const auto fleet = std::make_unique<Fleet>(static_cast<int>(state.range(0)));
    bytes = fleet->bytes;
    state.PauseTiming();
    const auto pools = static_cast<double>(fleet->accounts.size());
    state.counters["storage_pools"] = pools;
    state.counters["bytes_each"] = static_cast<double>(bytes) / pools;
    state.ResumeTiming();
  }
}
BENCHMARK(BM_BuildLedger)->Arg(50)->Arg(500)->Unit(benchmark::kMillisecond);

void BM_PlanAll(benchmark::State& state) {
  Fleet fleet(static_cast<int>(state.range(0)));
  for (auto _ : state) {
    for (const sizing::Account& account : fleet.accounts)
      benchmark::DoNotOptimize(plan_of(fleet.ledger, account));
  }
  state.SetItemsProcessed(state.iterations() * static_cast<std::int64_t>(fleet.accounts.size()));
}
BENCHMARK(BM_PlanAll)->Arg(50)->Arg(500)->Unit(benchmark::kMillisecond);

Observed running(const sizing::Account& account) {
  Observed observed;
  const settings::Settings limited = settings::with_limit(kAsked, account.existing.limit);
  observed.granted = Granted{.generation = 7, .settings = limited, .ceiling = account.ceiling};
  observed.workload = Workload{.replicas = kPods, .peak_pods = kPods, .settled = true};
  for (std::int64_t i = 0; i < kPods; ++i) {
    PodObserved pod{.name = "audit-" + std::to_string(i), .ordinal = i, .started = true, .ready = true};
    pod.report.emplace().applied_generation = 7;
    pod.report->settings = limited;
    pod.report->journal = settings::JournalReport{.takes_events = true, .reason = {}};
    observed.pods.push_back(std::move(pod));
  }
  return observed;
}

// A user asks for another size: its next step, and what that means for the others on the server.
void BM_ChangeOfOne(benchmark::State& state) {
  Fleet fleet(static_cast<int>(state.range(0)));
  sizing::Account account = fleet.accounts[kOnEach / 2];
  Observed observed = running(account);
  Desired desired{.request = *account.request, .asked = kAsked};
  for (auto _ : state) {
    account.request->weight = 3 - account.request->weight;
    fleet.ledger.put(account);
    desired.request = *account.request;
    observed.outlook = fleet.ledger.outlook(account.uid, kNow);
    benchmark::DoNotOptimize(next_step(desired, observed));
    for (const std::string& uid : fleet.ledger.neighbours(account.uid))
      benchmark::DoNotOptimize(fleet.ledger.outlook(uid, kNow));
  }
}
BENCHMARK(BM_ChangeOfOne)->Arg(1)->Arg(50)->Arg(500)->Unit(benchmark::kMicrosecond);

// One more StoragePool, and one less.
void BM_NewcomerThatGoesAgain(benchmark::State& state) {
  Fleet fleet(static_cast<int>(state.range(0)));
  const sizing::Account newcomer = account_of(0, kOnEach);
  for (auto _ : state) {
    fleet.ledger.put(newcomer);
    benchmark::DoNotOptimize(plan_of(fleet.ledger, newcomer));
    fleet.ledger.remove(newcomer.uid);
    benchmark::DoNotOptimize(plan_of(fleet.ledger, fleet.accounts.front()));
  }
}
BENCHMARK(BM_NewcomerThatGoesAgain)->Arg(1)->Arg(50)->Arg(500)->Unit(benchmark::kMicrosecond);

void BM_NextStepOfAll(benchmark::State& state) {
  Fleet fleet(static_cast<int>(state.range(0)));
  Observed observed = running(fleet.accounts.front());
  const Desired desired{.request = *fleet.accounts.front().request, .asked = kAsked};
  for (auto _ : state) {
    for (const sizing::Account& account : fleet.accounts) {
      observed.outlook = fleet.ledger.outlook(account.uid, kNow);
      benchmark::DoNotOptimize(next_step(desired, observed));
    }
  }
  state.SetItemsProcessed(state.iterations() * static_cast<std::int64_t>(fleet.accounts.size()));
}
BENCHMARK(BM_NextStepOfAll)->Arg(50)->Arg(500)->Unit(benchmark::kMillisecond);

}  // namespace
}  // namespace storagepool::reconcile
