// Seeded random fleets of StoragePools on one to three servers, from any start: whoever is looked at goes one
// step to where its plan leads, in random order, while limits are confirmed and pods go late, and other
// workloads on the servers come, grow and go.
//   S1  no claim is raised above what the server, its role or its database can give
//   S2  all come to their shares and stay there; the shares are the same in whatever order accounts are put
//   S3  never less than minConnsPerPod, and what is not had has a reason
#include <algorithm>
#include <cstdint>
#include <random>
#include <string>

#include <gtest/gtest.h>

#include "operator/sizing/ledger.h"

namespace storagepool::sizing {
namespace {

constexpr std::int64_t kSuperuser = 3;

struct TrueServer {
  std::string name;
  settings::ServerFacts facts;
};

class Fleet {
 public:
  explicit Fleet(std::uint32_t seed) : random_(seed) {
    const std::int64_t servers = number(1, 3);
    for (std::int64_t i = 0; i < servers; ++i) {
      TrueServer& server = servers_.emplace_back();
      server.name = "db" + std::to_string(i) + ".team:5432";
      server.facts.max_connections = number(5, 300);
      server.facts.superuser_reserved_connections = kSuperuser;
      if (chance(25)) server.facts.database_limit = number(0, 150);
      observers_.push_back(false);
    }
    const std::int64_t pools = number(1, 7);
    for (std::int64_t i = 0; i < pools; ++i) open_account(i);
    for (const Account& account : accounts_) ledger_.put(account);
    change_workloads();
  }

  void run() {
    for (int i = 0; i < 60 && !::testing::Test::HasFatalFailure(); ++i) event();
    // From here on everything is confirmed in the end, and goes in the end.
    for (int round = 0; round < 30 && !::testing::Test::HasFatalFailure(); ++round) {
      for (std::size_t n = 0; n < accounts_.size(); ++n) {
        Account& account = any_account();
        confirm(account);
        go(account);
        look(account);
      }
    }
    for (Account& account : accounts_) confirm(account), go(account);
    for (Account& account : accounts_) look(account), confirm(account), go(account);
    for (const Account& account : accounts_) expect_settled(account);
    expect_the_sum();
    expect_any_order();
    for (const Account& account : accounts_) expect_room(account);
  }

 private:
  std::int64_t number(std::int64_t from, std::int64_t to) {
    return std::uniform_int_distribution<std::int64_t>(from, to)(random_);
  }
  bool chance(int percent) { return number(1, 100) <= percent; }
  Account& any_account() {
    return accounts_[static_cast<std::size_t>(number(0, static_cast<std::int64_t>(accounts_.size()) - 1))];
  }

  Request any_request() {
    Request request;
    const std::int64_t policy = number(0, 9);
    request.policy = policy == 0 ? Policy::kObserve : policy < 3 ? Policy::kStrict : Policy::kFit;
    request.replicas = number(0, 6);
    request.min_conns_per_pod = number(1, 4);
    request.max_open_conns = number(request.min_conns_per_pod, 60);
    request.reserve = number(0, 10);
    request.weight = chance(50) ? 1 : number(1, 100);
    if (chance(20)) request.max_connections = number(request.min_conns_per_pod, 100);
    if (chance(40)) request.max_replicas = number(1, 12);
    request.size_for_maximum = chance(50);
    return request;
  }

  void open_account(std::int64_t i) {
    Account& account = accounts_.emplace_back();
    const auto server = static_cast<std::size_t>(number(0, static_cast<std::int64_t>(servers_.size()) - 1));
    account.uid = std::to_string(i);
    account.created = number(0, 3);
    account.servers = {servers_[server].name};
    account.database = "audit" + std::to_string(number(0, 1));
    account.role = "team/" + std::to_string(number(0, 2));
    account.request = any_request();
    account.existing.replicas = chance(30) ? 0 : number(0, 6);
    account.existing.peak_pods = account.existing.replicas + (chance(30) ? number(0, 3) : 0);
    account.existing.limit = account.existing.peak_pods > 0 ? number(1, 60) : 0;
    account.ceiling = account.existing.limit + (chance(30) ? number(0, 20) : 0);
    settings::ServerFacts facts = servers_[server].facts;
    if (facts.database_limit && account.database != "audit0") facts.database_limit.reset();
    if (chance(30)) facts.role_limit = number(0, 60);
    account.facts = KnownFacts{.facts = facts, .read = {}};
    observers_[server] = observers_[server] || account.request->policy == Policy::kObserve;
  }

  std::int64_t usable(const std::string& server) const {
    std::int64_t reserve = 0;
    std::int64_t most = 0;
    for (const Account& account : accounts_) {
      if (account.servers.front() == server) reserve = std::max(reserve, account.request->reserve);
    }
    for (const TrueServer& s : servers_) {
      if (s.name == server) most = s.facts.max_connections - kSuperuser - reserve;
    }
    return std::max<std::int64_t>(most, 0);
  }

  void event() {
    Account& account = any_account();
    switch (number(0, 6)) {
      case 0:
        return confirm(account);
      case 1:
        return go(account);
      case 2:
        if (!chance(20) || account.request->policy == Policy::kObserve) return;
        account.request = any_request();
        if (account.request->policy == Policy::kObserve) account.request->policy = Policy::kFit;
        ledger_.put(account);
        return;
      case 3:
        return change_workloads();
      default:
        return look(account);
    }
  }
  void change_workloads() {
    workloads_.clear();
    for (const TrueServer& server : servers_) {
      for (int i = 0; chance(40) && i < 2; ++i)
        workloads_.push_back({.server = server.name, .pods = number(0, 5), .connections = number(0, 120)});
    }
    ledger_.put_workloads(workloads_);
  }
  std::int64_t held_by_workloads(const std::string& server) const {
    std::int64_t sum = 0;
    for (const OtherWorkload& workload : workloads_) {
      if (workload.server == server) sum += workload.connections;
    }
    return sum;
  }
  void confirm(Account& account) {
    account.ceiling = account.existing.limit;
    ledger_.put(account);
  }
  void go(Account& account) {
    account.existing.peak_pods = account.existing.replicas;
    ledger_.put(account);
  }

  // One write, as next_step has it.
  void look(Account& account) {
    const Outlook outlook = ledger_.outlook(account.uid, {});
    const Plan p = plan(*account.request, outlook, account.existing);
    expect_reasons(account, p);
    Existing& now = account.existing;
    if (p.per_pod < now.limit) {
      now.limit = p.per_pod;
    } else if (p.per_pod > now.limit && raise(account, now.peak_pods, std::max(account.ceiling, p.per_pod))) {
      now.limit = p.per_pod;
    } else if (p.replicas < now.replicas) {
      now.replicas = p.replicas;
    } else {
      for (std::int64_t replicas = p.replicas; replicas > now.replicas; --replicas) {
        if (!raise(account, std::max(now.peak_pods, replicas), account.ceiling)) continue;
        now.replicas = replicas;
        break;
      }
    }
    ledger_.put(account);
  }
  bool raise(Account& account, std::int64_t peak_pods, std::int64_t ceiling) {
    const std::int64_t before = account.claim();
    const bool lone = ledger_.outlook(account.uid, {}).lone_pod;
    if (!ledger_.raise(account.uid, peak_pods, ceiling, {})) return false;
    account.existing.peak_pods = peak_pods;
    account.ceiling = ceiling;
    const bool exempt = lone || account.request->policy == Policy::kObserve;
    if (account.claim() > before && !exempt) {
      const std::string& server = account.servers.front();
      EXPECT_LE(ledger_.claimed(server), usable(server)) << "S1";
      expect_within(account, &settings::ServerFacts::role_limit, &Account::role);
      expect_within(account, &settings::ServerFacts::database_limit, &Account::database);
    }
    return true;
  }
  // The limits of its role and its database, as all that share them tell them.
  void expect_within(const Account& account, std::optional<std::int64_t> settings::ServerFacts::*limit,
                     std::string Account::*name) {
    std::int64_t claimed = 0;
    std::int64_t least = INT64_MAX;
    for (const Account& other : accounts_) {
      if (other.servers != account.servers || other.*name != account.*name) continue;
      claimed += other.claim();
      least = std::min(least, (other.facts->facts.*limit).value_or(INT64_MAX));
    }
    EXPECT_LE(claimed, least) << "S1: " << account.*name;
  }

  void expect_reasons(const Account& account, const Plan& p) {
    const Request& request = *account.request;
    ASSERT_GE(p.per_pod, request.min_conns_per_pod) << "S3";
    ASSERT_LE(p.per_pod, std::max(request.max_open_conns, account.existing.limit)) << "S3";
    ASSERT_LE(p.replicas, request.replicas) << "S3";
    ASSERT_TRUE(p.replicas == request.replicas || p.shortage != Shortage::kNone) << "S3: " << p.message;
  }

  void expect_settled(const Account& account) {
    const Outlook outlook = ledger_.outlook(account.uid, {});
    const Plan p = plan(*account.request, outlook, account.existing);
    ASSERT_EQ(account.existing.replicas, p.replicas) << "S2: " << account.uid << ": " << p.message;
    if (account.existing.peak_pods == 0) return;
    ASSERT_EQ(account.existing.limit, p.per_pod) << "S2: " << account.uid << ": " << p.message;
    ASSERT_FALSE(p.others_hold_more) << "S2: " << account.uid << ": " << p.message;
    if (account.request->policy == Policy::kObserve) return;
    ASSERT_EQ(p.replicas, outlook.share.pods) << "S2: " << account.uid;
    ASSERT_EQ(p.per_pod, outlook.share.per_pod) << "S2: " << account.uid;
  }
  void expect_the_sum() {
    for (std::size_t i = 0; i < servers_.size(); ++i) {
      const auto is_lone = [&](const Account& account) {
        return account.servers.front() == servers_[i].name && ledger_.outlook(account.uid, {}).lone_pod;
      };
      if (observers_[i] || std::any_of(accounts_.begin(), accounts_.end(), is_lone)) continue;
      // Nobody can have other workloads hold less.
      const std::string& name = servers_[i].name;
      ASSERT_LE(ledger_.claimed(name), std::max(usable(name), held_by_workloads(name))) << "S1";
    }
  }
  void expect_any_order() {
    std::shuffle(accounts_.begin(), accounts_.end(), random_);
    Ledger again;
    again.put_workloads(workloads_);
    for (const Account& account : accounts_) again.put(account);
    for (const Account& account : accounts_) {
      ASSERT_EQ(again.outlook(account.uid, {}).share, ledger_.outlook(account.uid, {}).share)
          << "S2: the order of puts";
    }
  }

  std::vector<std::int64_t> limits() {
    std::vector<std::int64_t> limits;
    for (const Account& account : accounts_)
      limits.push_back(plan(*account.request, ledger_.outlook(account.uid, {}), account.existing).per_pod);
    return limits;
  }
  bool has_observer(const Account& account) const {
    return std::any_of(accounts_.begin(), accounts_.end(), [&](const Account& other) {
      return other.servers == account.servers && other.request->policy == Policy::kObserve;
    });
  }
  // What is sized for a maximum that fits comes to it at once, and nobody's limit shrinks.
  void expect_room(const Account& settled) {
    const Request& request = *settled.request;
    const Shortage shortage = plan(request, ledger_.outlook(settled.uid, {}), settled.existing).shortage;
    const bool fits = shortage == Shortage::kNone || shortage == Shortage::kLimitsReduced;
    if (request.policy == Policy::kObserve || request.replicas == 0 || !fits) return;
    const std::vector<std::int64_t> before = limits();
    Account grown = settled;
    grown.request->replicas = request.sized_for();
    ledger_.put(grown);
    const Plan p = plan(*grown.request, ledger_.outlook(grown.uid, {}), grown.existing);
    ASSERT_EQ(p.replicas, request.sized_for()) << settled.uid << ": " << p.message;
    ASSERT_TRUE(ledger_.raise(grown.uid, p.replicas, grown.ceiling, {}) || has_observer(grown)) << p.message;
    ASSERT_EQ(limits(), before) << settled.uid << ": " << p.message;
    ledger_.put(settled);
  }

  std::mt19937 random_;
  std::vector<TrueServer> servers_;
  std::vector<bool> observers_;
  std::vector<Account> accounts_;
  std::vector<OtherWorkload> workloads_;
  Ledger ledger_;
};

TEST(LedgerProperties, AFleetComesToItsSharesAndNeverAboveTheSum) {
  for (std::uint32_t seed = 1; seed <= 600; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    Fleet fleet(seed);
    fleet.run();
    ASSERT_FALSE(::testing::Test::HasFailure());
  }
}

}  // namespace
}  // namespace storagepool::sizing
