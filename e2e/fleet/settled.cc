#include "e2e/fleet/settled.h"

namespace storagepool::e2e {
namespace {

constexpr int kMostRounds = 100;

}  // namespace

sizing::Account asking(const std::string& uid, const std::string& server, std::int64_t pods,
                       std::int64_t max_open_conns, std::int64_t max_connections) {
  sizing::Account account;
  account.uid = account.database = account.role = uid;
  account.servers = {server};
  account.request = sizing::Request{.replicas = pods, .max_open_conns = max_open_conns};
  account.facts.emplace();
  account.facts->facts.max_connections = max_connections;
  account.facts->facts.superuser_reserved_connections = 3;
  return account;
}

std::string settle(sizing::Ledger& ledger, std::vector<sizing::Account>& accounts) {
  for (const sizing::Account& account : accounts) ledger.put(account);
  std::string shortage;
  bool moved = true;
  for (int round = 0; moved && round < kMostRounds; ++round) {
    moved = false;
    for (sizing::Account& account : accounts) {
      const sizing::Plan plan =
          sizing::plan(*account.request, ledger.outlook(account.uid, {}), account.existing);
      const sizing::Existing wanted{
          .replicas = plan.replicas, .peak_pods = plan.replicas, .limit = plan.per_pod};
      if (plan.shortage != sizing::Shortage::kNone) shortage = to_string(plan.shortage);
      if (wanted == account.existing || !ledger.raise(account.uid, plan.replicas, plan.per_pod, {})) continue;
      account.existing = wanted;
      account.ceiling = plan.per_pod;
      ledger.put(account);
      moved = true;
    }
  }
  return shortage;
}

}  // namespace storagepool::e2e
