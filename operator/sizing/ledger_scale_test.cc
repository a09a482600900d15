// What a change costs in the Ledger of a large fleet, and that it tells the same whatever way it came about.
#include <algorithm>
#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "operator/sizing/testing/ledger_fixture.h"

namespace storagepool::sizing {
namespace {

using testing::kStart;

constexpr int kOnEach = 20;  // StoragePools of a server

std::string name_of(int server) {
  return "db-" + std::to_string(server) + ".team:5432";
}

Account member(int server, int number) {
  Account a = testing::account(std::to_string(server) + "/" + std::to_string(number), 3, 3);
  a.created = number;
  a.servers = {name_of(server)};
  a.facts = testing::told(213, "server " + std::to_string(server));
  return a;
}

class FleetLedger {
 public:
  explicit FleetLedger(int servers) : servers_(servers) {
    for (int server = 0; server < servers; ++server) {
      for (int number = 0; number < kOnEach; ++number) ledger_.put(member(server, number));
    }
    look_at_all();
  }
  Ledger& operator*() { return ledger_; }
  Ledger* operator->() { return &ledger_; }
  void look_at_all() {
    for (int server = 0; server < servers_; ++server) {
      for (int number = 0; number < kOnEach; ++number) {
        const std::string uid = member(server, number).uid;
        if (ledger_.has(uid)) static_cast<void>(ledger_.outlook(uid, kStart));
      }
    }
  }
  // How often shares of a server are computed until all were looked at after a change.
  std::int64_t computed_after(const std::function<void(Ledger&)>& change) {
    const std::int64_t before = ledger_.computations();
    change(ledger_);
    look_at_all();
    return ledger_.computations() - before;
  }

 private:
  int servers_;
  Ledger ledger_;
};

TEST(LedgerOfAFleet, AChangeMakesOnlyTheServersThatItConcernsComputeTheirSharesAgain) {
  FleetLedger fleet(50);
  Account changed = member(7, 3);
  changed.request->max_open_conns = 9;
  EXPECT_EQ(fleet.computed_after([&](Ledger& ledger) { ledger.put(changed); }), 1) << "another spec";
  EXPECT_EQ(fleet.computed_after([](Ledger& ledger) { ledger.put(member(8, kOnEach)); }), 1) << "a newcomer";
  EXPECT_EQ(fleet.computed_after([](Ledger& ledger) { ledger.remove(member(9, 3).uid); }), 1)
      << "one that went";
  Account new_server = member(10, 4);
  new_server.facts->facts.system_identifier = "another";
  EXPECT_EQ(fleet.computed_after([&](Ledger& ledger) { ledger.put(new_server); }), 1)
      << "a server in its place";
  Account moves = member(11, 5);
  moves.destination = name_of(12);
  EXPECT_EQ(fleet.computed_after([&](Ledger& ledger) { ledger.put(moves); }), 2) << "one that is to move";
  Account alias = member(13, 6);
  alias.servers = {"alias.team:5432"};
  EXPECT_EQ(fleet.computed_after([&](Ledger& ledger) { ledger.put(alias); }), 1)
      << "another name of its server";
}

// A ratio of two times taken in turn, the least of several each, and a margin: it is some 500 where each
// newcomer has all StoragePools grouped anew.
TEST(LedgerOfAFleet, ANewcomerCostsNoMoreBesideFiveHundredOtherServers) {
  FleetLedger one(1);
  FleetLedger many(500);
  const auto newcomers = [](FleetLedger& fleet) {
    const auto started = std::chrono::steady_clock::now();
    for (int i = 0; i < 50; ++i) {
      const Account newcomer = member(0, kOnEach + i);
      fleet->put(newcomer);
      static_cast<void>(fleet->outlook(newcomer.uid, kStart));
      fleet->remove(newcomer.uid);
      static_cast<void>(fleet->outlook(member(0, 0).uid, kStart));
    }
    return std::chrono::steady_clock::now() - started;
  };
  auto beside_none = newcomers(one);
  auto beside_many = newcomers(many);
  for (int round = 0; round < 5; ++round) {
    beside_none = std::min(beside_none, newcomers(one));
    beside_many = std::min(beside_many, newcomers(many));
  }
  EXPECT_LT(beside_many, 10 * beside_none);
}

// Names of servers come and go, two of them lead to one server, and part again.
class AnyHistory {
 public:
  explicit AnyHistory(std::uint32_t seed) : random_(seed) {}

  void run() {
    for (int i = 0; i < 60 && !::testing::Test::HasFailure(); ++i) {
      change();
      if (number(0, 2) > 0) expect_as_made_anew();
    }
  }

 private:
  int number(int from, int to) { return std::uniform_int_distribution<int>(from, to)(random_); }
  std::string any_name() { return name_of(number(0, 4)); }
  KnownFacts any_facts() {
    const int identifier = number(0, 3);
    return testing::told(100, identifier == 0 ? "" : std::to_string(identifier));
  }

  void change() {
    const std::string uid = std::to_string(number(0, 7));
    if (number(0, 5) == 0) {
      accounts_.erase(uid);
      ledger_.remove(uid);
      return;
    }
    if (number(0, 5) == 0) {
      workloads_ = {{.server = any_name(), .pods = 1, .connections = number(0, 9)}};
      ledger_.put_workloads(workloads_);
      return;
    }
    Account a = testing::account(uid, number(0, 3), number(1, 5));
    a.created = number(0, 2);
    a.servers = {any_name()};
    while (number(0, 2) == 0) a.servers.push_back(any_name());
    if (number(0, 1) == 0) a.facts = any_facts();
    if (number(0, 2) == 0) a.destination = any_name();
    if (number(0, 2) == 0) a.destination_facts = any_facts();
    if (number(0, 2) == 0)
      a.tried = {number(0, 1) == 0 && !a.destination.empty() ? a.destination : any_name()};
    accounts_[uid] = a;
    ledger_.put(std::move(a));
  }
  void expect_as_made_anew() {
    Ledger anew;
    for (const auto& [uid, account] : accounts_) anew.put(account);
    anew.put_workloads(workloads_);
    for (const auto& [uid, account] : accounts_) {
      ASSERT_EQ(ledger_.outlook(uid, kStart), anew.outlook(uid, kStart)) << uid;
      ASSERT_EQ(ledger_.neighbours(uid), anew.neighbours(uid)) << uid;
    }
    for (int server = 0; server < 5; ++server) {
      ASSERT_EQ(ledger_.claimed(name_of(server)), anew.claimed(name_of(server))) << server;
      ASSERT_EQ(ledger_.has_server(name_of(server)), anew.has_server(name_of(server))) << server;
    }
  }

  std::mt19937 random_;
  std::map<std::string, Account> accounts_;
  std::vector<OtherWorkload> workloads_;
  Ledger ledger_;
};

TEST(LedgerOfAFleet, TellsTheSameAsOneThatIsMadeAnew) {
  for (std::uint32_t seed = 1; seed <= 150; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    AnyHistory(seed).run();
    ASSERT_FALSE(::testing::Test::HasFailure());
  }
}

}  // namespace
}  // namespace storagepool::sizing
