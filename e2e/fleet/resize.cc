#include "e2e/fleet/resize.h"

#include <algorithm>
#include <deque>
#include <optional>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "e2e/fleet/settled.h"
#include "e2e/fleet/simulation.h"
#include "operator/reconcile/step/holding.h"
#include "operator/reconcile/step/next_step.h"

namespace storagepool::e2e {
namespace {

using reconcile::Granted;
using reconcile::Observed;

constexpr double kDeadline = 900;
constexpr std::int64_t kReserve = 13;  // of the server itself, and the default spec.postgres.reserve
constexpr sizing::Ledger::Now kNow{};

struct Server {
  std::int64_t usable = 0;
  std::int64_t open = 0;
  std::int64_t most = 0;
};

struct Pod {
  std::int64_t ordinal = 0;
  bool answers = false;
  Granted applied;
  std::int64_t sockets = 0;
  bool under_way = false;  // an exchange with it
  bool again = false;      // to be asked once more
  bool pushed = false;     // what is granted last is to be told
  std::optional<settings::SettingsReport> report = {};
};

struct StoragePool {
  sizing::Account account;
  reconcile::Desired desired;
  Server server;
  std::optional<Granted> granted;
  std::optional<reconcile::Workload> workload;
  std::deque<Pod> pods;
  bool looked_at = false;
  bool again = false;
  bool listed = false;
  std::int64_t steps = 0;
  std::optional<double> confirmed;
  std::optional<double> done;
};

class Operator {
 public:
  Operator(const Resize& resize, const Costs& costs, std::uint32_t seed)
      : costs_(costs),
        simulation_(seed),
        workers_(simulation_, kWorkers),
        places_(simulation_, kAskedAtOnce) {
    std::vector<sizing::Account> accounts;
    for (int i = 0; i < resize.storage_pools; ++i)
      accounts.push_back(
          asking(std::to_string(i), "db-" + std::to_string(i), resize.from, 5, resize.usable() + kReserve));
    settle(ledger_, accounts);
    for (sizing::Account& account : accounts) add(std::move(account), resize.to);
    simulation_.check_always([this] {
      for (const StoragePool& pool : pools_) fits_ = fits_ && pool.server.open <= pool.server.usable;
    });
  }

  ResizeResult run() {
    for (StoragePool& pool : pools_) wake(pool);
    simulation_.run(kDeadline);
    ResizeResult result{.done = true};
    for (const StoragePool& pool : pools_) {
      result.done = result.done && pool.done &&
                    pool.pods.size() == static_cast<std::size_t>(pool.desired.request.replicas);
      result.seconds = std::max(result.seconds, pool.done.value_or(kDeadline));
      result.confirmed = std::max(result.confirmed, pool.confirmed.value_or(0));
      result.steps = std::max(result.steps, pool.steps);
      result.most_open = std::max(result.most_open, pool.server.most);
    }
    result.looks = looks_;
    result.exchanges = exchanges_;
    result.writes = writes_;
    result.reads = reads_;
    result.operator_cpu =
        static_cast<double>(looks_) * costs_.look + static_cast<double>(exchanges_) * costs_.exchange;
    result.fits = fits_;
    return result;
  }

 private:
  void add(sizing::Account account, std::int64_t to) {
    StoragePool& pool = pools_.emplace_back();
    pool.server.usable = account.facts->facts.max_connections - kReserve;
    const std::int64_t limit = account.existing.limit;
    pool.desired.asked = {{"maxOpenConns", account.request->max_open_conns}};
    pool.granted = Granted{
        .generation = 1, .settings = settings::with_limit(pool.desired.asked, limit), .ceiling = limit};
    pool.workload = reconcile::Workload{
        .replicas = account.existing.replicas, .peak_pods = account.existing.replicas, .settled = true};
    for (std::int64_t i = 0; i < account.existing.replicas; ++i) {
      Pod& pod = pool.pods.emplace_back(Pod{.ordinal = i, .answers = true, .applied = *pool.granted});
      open(pool, pod, limit);
      pod.report = report_of(pod);
    }
    account.request->replicas = to;
    pool.desired.request = *account.request;
    pool.desired.name = "audit";
    pool.account = std::move(account);
  }

  static void open(StoragePool& pool, Pod& pod, std::int64_t sockets) {
    pool.server.open += sockets - pod.sockets;
    pool.server.most = std::max(pool.server.most, pool.server.open);
    pod.sockets = sockets;
  }
  static settings::SettingsReport report_of(const Pod& pod) {
    settings::SettingsReport report;
    report.applied_generation = pod.applied.generation;
    report.settings = pod.applied.settings;
    report.open = pod.sockets;
    report.journal = settings::JournalReport{.takes_events = true, .reason = {}};
    return report;
  }

  Observed observed(const StoragePool& pool) const {
    Observed observed;
    observed.granted = pool.granted;
    observed.workload = pool.workload;
    observed.last_generation = pool.granted->generation;
    observed.pods_are_live = pool.listed;
    for (const Pod& pod : pool.pods) {
      observed.pods.push_back({.name = "audit-" + std::to_string(pod.ordinal),
                               .ordinal = pod.ordinal,
                               .started = true,
                               .ready = pod.answers,
                               .reaches_postgres = pod.answers,
                               .pushed = pod.pushed,
                               .report = pod.report});
    }
    return observed;
  }

  void wake(StoragePool& pool) {
    if (std::exchange(pool.looked_at, true)) {
      pool.again = true;
      return;
    }
    workers_.serve(costs_.look, [this, &pool] { look(pool); });
  }
  void look(StoragePool& pool) {
    ++looks_;
    act(pool);
  }
  void act(StoragePool& pool) {
    Observed seen = observed(pool);
    const reconcile::Holding held = reconcile::holding(seen);
    pool.account.existing = held.existing;
    pool.account.ceiling = held.ceiling;
    ledger_.put(pool.account);
    seen.outlook = ledger_.outlook(pool.account.uid, kNow);
    const reconcile::Step step = reconcile::next_step(pool.desired, seen);
    pool.listed = false;
    const bool is_done = std::holds_alternative<reconcile::Done>(step.action);
    if (is_done && !pool.done) pool.done = simulation_.now();
    if (!is_done && !std::holds_alternative<reconcile::Wait>(step.action)) ++pool.steps;
    std::visit([&](const auto& action) { carry_out(pool, action); }, step.action);
  }
  void rest(StoragePool& pool) {
    pool.looked_at = false;
    if (std::exchange(pool.again, false)) wake(pool);
  }
  // By the worker that looks, which goes on with the next step.
  void write(StoragePool& pool, Simulation::Act carried_out) {
    ++writes_;
    workers_.serve(costs_.write, [this, &pool, carried_out = std::move(carried_out)] {
      carried_out();
      act(pool);
    });
  }

  void carry_out(StoragePool& pool, const reconcile::WriteGrant& action) {
    const std::int64_t ceiling = std::max(action.granted.ceiling, pool.granted->ceiling);
    if (!ledger_.raise(pool.account.uid, pool.account.existing.peak_pods, ceiling, kNow)) return rest(pool);
    // The ceiling comes down once all have confirmed.
    if (action.granted.ceiling < pool.granted->ceiling) pool.confirmed = simulation_.now();
    write(pool, [&pool, granted = action.granted] { pool.granted = granted; });
  }
  void carry_out(StoragePool& pool, const reconcile::Push& action) {
    for (const std::size_t i : action.pods) {
      pool.pods[i].pushed = true;
      ask(pool, pool.pods[i]);
    }
    rest(pool);
  }
  void carry_out(StoragePool& pool, const reconcile::Scale& action) {
    const std::int64_t peak = std::max(action.peak_pods, pool.account.existing.peak_pods);
    if (!ledger_.raise(pool.account.uid, peak, pool.account.ceiling, kNow)) return rest(pool);
    write(pool, [this, &pool, action] {
      pool.workload = reconcile::Workload{.replicas = action.replicas,
                                          .peak_pods = action.peak_pods,
                                          .settled = true,
                                          .partition = action.partition,
                                          .emptied = action.emptied};
      for (auto i = static_cast<std::int64_t>(pool.pods.size()); i < action.replicas; ++i) {
        Pod& pod = pool.pods.emplace_back(Pod{.ordinal = i, .applied = *pool.granted});
        simulation_.after(costs_.pod_start, [this, &pool, &pod] {
          pod.answers = true;
          open(pool, pod, pod.applied.settings.max_open_conns);
          ask(pool, pod);
        });
      }
    });
  }
  void carry_out(StoragePool& pool, const reconcile::ListPods& /*list*/) {
    ++reads_;
    workers_.serve(costs_.write, [this, &pool] {
      pool.listed = true;
      act(pool);
    });
  }
  void carry_out(StoragePool& pool, const reconcile::Tell& /*tell*/) { rest(pool); }  // nobody leaves here
  void carry_out(StoragePool& pool, const reconcile::DeleteClaims& /*claims*/) { rest(pool); }
  void carry_out(StoragePool& pool, const reconcile::Wait& /*wait*/) { rest(pool); }
  void carry_out(StoragePool& pool, const reconcile::Done& /*done*/) { rest(pool); }

  // One thread of the operator does what takes its CPU, then the exchange is on its way.
  void ask(StoragePool& pool, Pod& pod) {
    if (std::exchange(pod.under_way, true)) {
      pod.again = true;
      return;
    }
    ++exchanges_;
    asking_.serve(costs_.exchange, [this, &pool, &pod] {
      places_.serve(costs_.round_trip, [this, &pool, &pod] { answer(pool, pod); });
    });
  }
  void answer(StoragePool& pool, Pod& pod) {
    if (std::exchange(pod.pushed, false) && pool.granted->generation > pod.applied.generation)
      apply(pool, pod);
    pod.under_way = false;
    pod.report = report_of(pod);
    wake(pool);
    const bool awaited = pod.sockets > pod.applied.settings.max_open_conns;
    if (std::exchange(pod.again, false)) {
      ask(pool, pod);
    } else if (awaited) {
      simulation_.after(kAskedAgain, [this, &pool, &pod] { ask(pool, pod); });
    }
  }
  void apply(StoragePool& pool, Pod& pod) {
    pod.applied = *pool.granted;
    const std::int64_t limit = pod.applied.settings.max_open_conns;
    if (pod.sockets <= limit) return open(pool, pod, limit);
    open(pool, pod, std::max(limit, (pod.sockets + 1) / 2));
    simulation_.after(simulation_.exponential(costs_.hold),
                      [&pool, &pod, limit] { open(pool, pod, std::min(pod.sockets, limit)); });
  }

  const Costs& costs_;
  Simulation simulation_;
  Station workers_;
  Station asking_{simulation_, 1};
  Station places_;
  sizing::Ledger ledger_;
  std::deque<StoragePool> pools_;
  bool fits_ = true;
  std::int64_t looks_ = 0;
  std::int64_t exchanges_ = 0;
  std::int64_t writes_ = 0;
  std::int64_t reads_ = 0;
};

}  // namespace

ResizeResult run_resize(const Resize& resize, const Costs& costs, std::uint32_t seed) {
  return Operator(resize, costs, seed).run();
}

}  // namespace storagepool::e2e
