#include "e2e/fleet/fleet.h"

#include <algorithm>
#include <deque>
#include <string>
#include <utility>
#include <vector>

#include "e2e/fleet/database.h"
#include "e2e/fleet/pod.h"
#include "e2e/fleet/settled.h"
#include "e2e/fleet/simulation.h"
#include "operator/sizing/ledger.h"

namespace storagepool::e2e {
namespace {

std::vector<sizing::Account> accounts_of(const Layout& layout) {
  std::vector<sizing::Account> accounts;
  for (int server = 0; server < layout.servers; ++server) {
    // The first servers have one more where they do not divide evenly.
    const int here = layout.pods / layout.servers + (server < layout.pods % layout.servers ? 1 : 0);
    for (const int pods : {(here + 1) / 2, here / 2}) {
      const std::string number = std::to_string(server);
      const std::string uid = number + (accounts.empty() || accounts.back().uid != number ? "" : "/2");
      if (pods > 0)
        accounts.push_back(asking(uid, "db-" + number, pods, layout.max_open_conns, layout.max_connections));
    }
  }
  return accounts;
}

// Arrivals for one pod, Poisson.
class Arrivals {
 public:
  Arrivals(Simulation& simulation, double per_second, Simulation::Act arrive)
      : simulation_(simulation), mean_(1 / per_second), arrive_(std::move(arrive)) {
    next();
  }

 private:
  void next() {
    simulation_.after(simulation_.exponential(mean_), [this] {
      arrive_();
      next();
    });
  }
  Simulation& simulation_;
  double mean_;
  Simulation::Act arrive_;
};

}  // namespace

FleetResult run_fleet(const Layout& layout, const Demand& demand, const Costs& costs, std::uint32_t seed) {
  FleetResult result;
  sizing::Ledger ledger;
  std::vector<sizing::Account> accounts = accounts_of(layout);
  result.shortage = settle(ledger, accounts);
  result.usable = ledger.outlook(accounts.front().uid, {}).usable;
  Simulation simulation(seed);
  Traffic traffic;
  std::deque<Database> databases;
  std::vector<std::int64_t> pods_on(static_cast<std::size_t>(layout.servers));
  for (int i = 0; i < layout.servers; ++i)
    databases.emplace_back(simulation, costs, layout.cores, result.usable);
  const auto server_of = [](const sizing::Account& account) { return std::stoul(account.uid); };
  for (const sizing::Account& account : accounts) pods_on[server_of(account)] += account.existing.replicas;
  std::deque<Pod> pods;
  std::deque<Arrivals> arrivals;
  result.per_pod = layout.max_open_conns;
  for (const sizing::Account& account : accounts) {
    const std::size_t server = server_of(account);
    const auto beside = static_cast<double>(pods_on[server]);
    for (std::int64_t i = 0; i < account.existing.replicas; ++i) {
      Pod& pod = pods.emplace_back(simulation, databases[server], costs, traffic, account.existing.limit);
      arrivals.emplace_back(simulation, demand.posts / beside, [&pod] { pod.post(); });
      if (demand.lists > 0) arrivals.emplace_back(simulation, demand.lists / beside, [&pod] { pod.list(); });
    }
    if (account.existing.replicas > 0) result.per_pod = std::min(result.per_pod, account.existing.limit);
  }
  result.pods = static_cast<std::int64_t>(pods.size());
  simulation.check_always([&] {
    for (const Database& database : databases) result.fits = result.fits && database.open <= database.usable;
  });

  const auto inside = [&] {
    std::int64_t sum = 0;
    for (const Pod& pod : pods) sum += pod.inside();
    return sum;
  };
  simulation.run(demand.warm_up);
  const std::int64_t before = inside();
  traffic = {};
  for (Pod& pod : pods) pod.thread().count_anew();
  for (Database& database : databases) database.cores.count_anew();
  simulation.run(demand.warm_up + demand.seconds);

  result.conserved = before + traffic.arrived == traffic.answered + inside();
  result.events_per_second = static_cast<double>(traffic.stored) / demand.seconds;
  result.batch =
      traffic.commits == 0 ? 0 : static_cast<double>(traffic.stored) / static_cast<double>(traffic.commits);
  result.post_p50 = traffic.posts.percentile(0.5);
  result.post_p99 = traffic.posts.percentile(0.99);
  result.list_p99 = traffic.lists.percentile(0.99);
  for (Pod& pod : pods) result.thread_utilisation += pod.thread().busy_seconds();
  result.thread_utilisation /= demand.seconds * static_cast<double>(std::max<std::size_t>(pods.size(), 1));
  for (const Database& database : databases) {
    result.server_utilisation += database.cores.busy_seconds();
    result.most_open = std::max(result.most_open, database.most_open);
  }
  result.server_utilisation /= demand.seconds * layout.cores * layout.servers;
  result.simulated = simulation.events();
  return result;
}

}  // namespace storagepool::e2e
