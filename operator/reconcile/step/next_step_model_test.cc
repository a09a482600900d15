// Model check of next_step and the Ledger: seeded random interleavings of several StoragePools with weights
// and policies on several servers, with operator crashes and lost writes, stale caches, late and lost pushes,
// partitioned, restarted and replaced pods, stale mounts, resizes, servers whose limits change, and another
// StoragePool looked at between a decision and its write. Checked after every event:
//   L   the pods of a StoragePool never may use more than its claim says
//   S1  all pods together never may use more than their server can give, unless the server itself shrank
// and at the end, when all is calm: every StoragePool is done and has its share, and every pod has what was
// granted.
#include <algorithm>
#include <random>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "operator/reconcile/step/holding.h"
#include "operator/reconcile/step/testing/model.h"
#include "operator/sizing/ledger.h"

namespace storagepool::reconcile {
namespace {

using namespace model;

constexpr std::int64_t kReserve = 10;
constexpr std::int64_t kSuperuser = 3;

class World {
 public:
  explicit World(std::uint32_t seed) : random_(seed) {
    servers_.resize(static_cast<std::size_t>(number(1, 2)));
    for (Server& server : servers_) {
      server.name = "db" + std::to_string(servers_.size()) + ":" + std::to_string(number(1, 65'535));
      server.max_connections = number(30, 120);
    }
    pools_.resize(static_cast<std::size_t>(number(1, 4)));
    for (Pool& pool : pools_) {
      pool.uid = std::to_string(&pool - pools_.data());
      pool.server = static_cast<std::size_t>(number(0, static_cast<std::int64_t>(servers_.size()) - 1));
      respec(pool);
    }
    restart_operator();
  }

  void chaos(int events) {
    for (int i = 0; i < events && !testing::Test::HasFatalFailure(); ++i) {
      if (number(0, 2) == 0) {
        reconcile(any_pool(), true);
      } else {
        world_event();
      }
      check();
    }
  }

  void calm() {
    for (Pool& pool : pools_) {
      for (Pod& pod : pool.pods) pod.partitioned = false;
    }
    for (int round = 0; round < 120 && !testing::Test::HasFatalFailure(); ++round) {
      now_ += 3;
      for (Pool& pool : pools_) {
        control(pool);
        for (Pod& pod : pool.pods) advance(pool, pod);
        std::erase_if(pool.pods, [](const Pod& pod) { return pod.terminating && !pod.running; });
        control(pool);
        refresh_cache(pool);
        reconcile(pool, false);
        check();
      }
    }
    for (Pool& pool : pools_) {
      refresh_cache(pool);
      const Step step = next_step(pool.desired, observe(pool, false));
      ASSERT_TRUE(std::holds_alternative<Done>(step.action))
          << "action " << step.action.index() << ", " << step.plan.message << ", per pod "
          << step.plan.per_pod << " of " << step.plan.peak_pods << " limit "
          << pool.config_maps.back().settings.max_open_conns << " ceiling " << pool.config_maps.back().ceiling
          << " unconfirmed " << testing::PrintToString(step.unconfirmed);
      ASSERT_EQ(static_cast<std::int64_t>(pool.pods.size()), step.plan.replicas);
      ASSERT_FALSE(step.plan.others_hold_more) << step.plan.message;
      for (const Pod& pod : pool.pods) ASSERT_EQ(pod.applied.settings, pool.config_maps.back().settings);
    }
  }

 private:
  std::int64_t number(std::int64_t from, std::int64_t to) {
    return std::uniform_int_distribution<std::int64_t>(from, to)(random_);
  }
  bool chance(int percent) { return number(1, 100) <= percent; }
  Pool& any_pool() {
    return pools_[static_cast<std::size_t>(number(0, static_cast<std::int64_t>(pools_.size()) - 1))];
  }

  void respec(Pool& pool) {
    auto& request = pool.desired.request;
    request.policy = chance(75) ? sizing::Policy::kFit : sizing::Policy::kStrict;
    request.replicas = number(0, 6);
    request.min_conns_per_pod = number(1, 2);
    request.max_open_conns = number(request.min_conns_per_pod, 40);
    request.weight = chance(70) ? 1 : number(1, 100);
    request.reserve = kReserve;
    pool.desired.asked = {{"maxOpenConns", request.max_open_conns}, {"acquireTimeout", number(1, 3) * 1000}};
  }

  sizing::Ledger::Now time() const { return sizing::Ledger::Now(std::chrono::seconds(now_)); }
  sizing::KnownFacts tell(const Pool& pool) const {
    const Server& server = servers_[pool.server];
    sizing::KnownFacts known{.facts = {}, .read = time()};
    known.facts.max_connections = server.max_connections;
    known.facts.superuser_reserved_connections = kSuperuser;
    known.facts.started_at = server.started_at;
    known.facts.read_at = now_;
    return known;
  }
  static std::int64_t usable(const Server& server) { return server.max_connections - kSuperuser - kReserve; }

  // --- the cluster
  void control(Pool& pool) {  // the StatefulSet controller
    if (!pool.workload) return;
    pool.controller_replicas = pool.workload->replicas;
    create_and_condemn(pool);
    pool.controller_saw = pool.generation;
  }
  void create_and_condemn(Pool& pool) {
    for (std::int64_t i = 0; i < pool.controller_replicas; ++i) {
      const bool exists =
          std::any_of(pool.pods.begin(), pool.pods.end(), [&](const Pod& p) { return p.ordinal == i; });
      if (!exists) pool.pods.push_back({.uid = ++last_uid_, .ordinal = i});
    }
    for (Pod& pod : pool.pods) pod.terminating |= pod.ordinal >= pool.controller_replicas;
  }
  void read_mount(const Pool& pool, Pod& pod) {
    const Granted& mounted = pool.config_maps[pod.mount];
    if (mounted.generation > pod.applied.generation) pod.applied = mounted;
  }
  void advance(Pool& pool, Pod& pod) {
    if (pod.terminating) {
      pod.running = false;
    } else if (!pod.on_node) {
      pod.on_node = true;
      pod.mount = pool.config_maps.size() - 1;
    } else if (!pod.running) {
      pod.running = true;
      read_mount(pool, pod);
    } else {
      pod.facts = tell(pool);
      const std::int64_t limit = pod.applied.settings.max_open_conns;
      pod.sockets += pod.sockets > limit ? -1 : number(0, limit - pod.sockets);
    }
  }
  void refresh_cache(Pool& pool) {
    pool.cache = pool.pods;
    pool.cached_saw = pool.controller_saw;
  }

  void world_event() {
    ++now_;
    Pool& pool = any_pool();
    Pod* pod = pool.pods.empty() ? nullptr
                                 : &pool.pods[static_cast<std::size_t>(
                                       number(0, static_cast<std::int64_t>(pool.pods.size()) - 1))];
    switch (number(0, 12)) {
      case 0:
        return control(pool);
      case 1:  // acts on what it read earlier
        return create_and_condemn(pool);
      case 2:
        return refresh_cache(pool);
      case 3:
        if (chance(60)) respec(pool);
        return;
      case 4:
        if (chance(10)) change_server(servers_[pool.server]);
        return;
      case 5:
        if (!pool.late.empty()) deliver(pool, take_late(pool));
        return;
      default:
        if (pod != nullptr) pod_event(pool, *pod);
    }
  }
  void pod_event(Pool& pool, Pod& pod) {
    switch (number(0, 7)) {
      case 0:
        pod.partitioned = !pod.partitioned;
        return;
      case 1:  // the container restarts; its state survives
        if (pod.running) pod.sockets = 0, pod.leaving = false, read_mount(pool, pod);
        return;
      case 2:
        if (chance(60)) pod.terminating = true;  // evicted, or deleted by somebody
        return;
      case 3:
        if (pod.terminating && !pod.running)
          std::erase_if(pool.pods, [uid = pod.uid](const Pod& p) { return p.uid == uid; });
        return;
      case 4:  // the kubelet catches up, a little or wholly
        if (!pod.on_node) return;
        pod.mount = static_cast<std::size_t>(number(static_cast<std::int64_t>(pod.mount),
                                                    static_cast<std::int64_t>(pool.config_maps.size()) - 1));
        if (pod.running) read_mount(pool, pod);
        return;
      default:
        return advance(pool, pod);
    }
  }
  void change_server(Server& server) {
    const std::int64_t before = usable(server);
    server.max_connections = number(30, 120);
    server.started_at = now_;
    if (usable(server) < before) server.excused = true;
  }
  LatePush take_late(Pool& pool) {
    const auto it = pool.late.begin() + number(0, static_cast<std::int64_t>(pool.late.size()) - 1);
    const LatePush push = *it;
    pool.late.erase(it);
    return push;
  }
  void deliver(Pool& pool, const LatePush& push) {
    for (Pod& pod : pool.pods) {
      if (pod.uid == push.uid && pod.running && push.granted.generation > pod.applied.generation)
        pod.applied = push.granted;
    }
  }

  // --- the operator
  sizing::Account account(const Pool& pool) const {
    Observed objects;
    if (!pool.config_maps.empty()) objects.granted = pool.config_maps.back();
    objects.workload = pool.workload;
    const Holding held = holding(objects);
    return {.uid = pool.uid,
            .servers = {servers_[pool.server].name},
            .database = "d",
            .role = "r",
            .facts = pool.facts,
            .request = pool.desired.request,
            .existing = held.existing,
            .ceiling = held.ceiling};
  }
  void restart_operator() {
    ledger_ = {};
    for (const Pool& pool : pools_) ledger_.put(account(pool));
  }
  bool raise(const Pool& pool, std::int64_t peak_pods, std::int64_t ceiling) {
    const sizing::Account now = account(pool);
    return ledger_.raise(pool.uid, std::max(peak_pods, now.existing.peak_pods),
                         std::max(ceiling, now.ceiling), time());
  }
  Observed observe(Pool& pool, bool live) {
    Observed observed;
    if (!pool.config_maps.empty()) observed.granted = pool.config_maps.back();
    observed.workload = pool.workload;
    if (observed.workload)
      observed.workload->settled = (live ? pool.controller_saw : pool.cached_saw) >= pool.generation;
    observed.pods_are_live = live;
    for (const Pod& known : live ? pool.pods : pool.cache) {
      PodObserved pod{
          .name = std::to_string(known.ordinal), .ordinal = known.ordinal, .started = known.on_node};
      for (const Pod& real : pool.pods) {
        if (real.uid != known.uid || !real.running || real.partitioned) continue;
        settings::SettingsReport report;
        report.applied_generation = real.applied.generation;
        report.settings = real.applied.settings;
        report.open = real.sockets;
        report.leaving = real.leaving;
        report.journal = settings::JournalReport{.takes_events = true, .reason = {}};
        pod.report = report;
        const bool told = real.facts.facts.max_connections > 0;
        if (told && (!pool.facts || is_newer(real.facts, *pool.facts))) pool.facts = real.facts;
      }
      observed.pods.push_back(pod);
    }
    ledger_.put(account(pool));
    observed.outlook = ledger_.outlook(pool.uid, time());
    return observed;
  }
  void reconcile(Pool& pool, bool chaos) {
    Observed observed = observe(pool, false);
    for (int i = 0; i < 8; ++i) {
      const Step step = next_step(pool.desired, observed);
      if (chaos) {
        for (std::int64_t n = number(0, 2); n > 0; --n) world_event();
        look_at_another(pool);
        if (chance(10)) return restart_operator();  // crash before the write
      }
      bool live = observed.pods_are_live;
      if (const auto* write = std::get_if<WriteGrant>(&step.action)) {
        if (!raise(pool, 0, write->granted.ceiling)) return;
        if (chaos) look_at_another(pool);
        pool.config_maps.push_back(write->granted);
        live = false;
      } else if (const auto* scale = std::get_if<Scale>(&step.action)) {
        if (!raise(pool, scale->peak_pods, 0)) return;
        if (chaos) look_at_another(pool);
        pool.workload = Workload{.replicas = scale->replicas, .peak_pods = scale->peak_pods};
        ++pool.generation;
        live = false;
      } else if (const auto* push = std::get_if<Push>(&step.action)) {
        send(pool, observed, *push, chaos);
      } else if (const auto* tell = std::get_if<Tell>(&step.action)) {
        for (const std::size_t index : tell->pods) {
          for (Pod& pod : pool.pods) {
            const bool same = std::to_string(pod.ordinal) == observed.pods[index].name;
            if (same && !(chaos && chance(20))) pod.leaving = tell->leaving;
          }
        }
      } else if (std::holds_alternative<ListPods>(step.action)) {
        live = true;
      } else {
        return;
      }
      check();
      if (chaos && chance(10)) return restart_operator();  // crash after it
      std::vector<bool> pushed(observed.pods.size());
      std::transform(observed.pods.begin(), observed.pods.end(), pushed.begin(),
                     [](const PodObserved& pod) { return pod.pushed; });
      observed = observe(pool, live);
      for (std::size_t n = 0; n < std::min(pushed.size(), observed.pods.size()); ++n)
        observed.pods[n].pushed = pushed[n];
    }
  }
  // By another worker.
  void look_at_another(const Pool& pool) {
    Pool& other = any_pool();
    if (&other == &pool || nested_ || !chance(30)) return;
    nested_ = true;
    reconcile(other, true);
    nested_ = false;
  }
  void send(Pool& pool, Observed& observed, const Push& push, bool chaos) {
    const auto seen = observed.pods_are_live ? pool.pods : pool.cache;
    for (const std::size_t index : push.pods) {
      observed.pods[index].pushed = true;
      if (index >= seen.size()) continue;
      const LatePush message{seen[index].uid, pool.config_maps.back()};
      if (chaos && chance(20)) continue;  // lost
      if (chaos && chance(20)) {
        pool.late.push_back(message);
      } else {
        deliver(pool, message);
      }
    }
  }

  // --- the promises
  void check() {
    for (const Pool& pool : pools_) {
      std::int64_t uses = 0;
      for (const Pod& pod : pool.pods) uses += pod.may_use();
      ASSERT_LE(uses, account(pool).claim()) << "L: pool " << pool.uid;
    }
    for (std::size_t i = 0; i < servers_.size(); ++i) check(servers_[i], i);
  }
  void check(Server& server, std::size_t index) {
    std::int64_t used = 0;
    std::int64_t claimed = 0;
    bool all_know = true;
    for (const Pool& pool : pools_) {
      if (pool.server != index) continue;
      for (const Pod& pod : pool.pods) used += pod.may_use();
      claimed += account(pool).claim();
      all_know &= pool.facts && pool.facts->facts.max_connections == server.max_connections;
    }
    if (server.excused && all_know && claimed <= usable(server)) server.excused = false;
    if (server.excused) return;
    ASSERT_LE(used, usable(server)) << "S1";
  }

  std::mt19937 random_;
  std::int64_t now_ = 1;  // seconds
  int last_uid_ = 0;
  bool nested_ = false;
  std::vector<Server> servers_;
  std::vector<Pool> pools_;
  sizing::Ledger ledger_;
};

TEST(NextStepModel, KeepsItsPromisesThroughEveryInterleaving) {
  for (std::uint32_t seed = 1; seed <= 400; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    World world(seed);
    world.chaos(250);
    if (!HasFatalFailure()) world.calm();
    ASSERT_FALSE(HasFatalFailure());
  }
}

}  // namespace
}  // namespace storagepool::reconcile
