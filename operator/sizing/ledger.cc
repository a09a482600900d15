#include "operator/sizing/ledger.h"

#include <algorithm>
#include <set>
#include <tuple>
#include <utility>

#include "operator/sizing/server_book.h"

namespace storagepool::sizing {
namespace {

const std::string& identifier(const Account& account) {
  static const std::string kNone;
  return account.facts ? account.facts->facts.system_identifier : kNone;
}

const std::string& destination_identifier(const Account& account) {
  static const std::string kNone;
  return account.destination_facts ? account.destination_facts->facts.system_identifier : kNone;
}

// In every book of its own that an account is in.
bool same_books(const Account& a, const Account& b) {
  return a.servers == b.servers && a.created == b.created && a.destination == b.destination &&
         a.tried == b.tried && identifier(a) == identifier(b) &&
         destination_identifier(a) == destination_identifier(b);
}

// The servers where less than the ceiling counts, the destination first.
std::vector<std::string> tried_servers(const Account& account) {
  std::vector<std::string> servers = account.tried;
  if (!account.destination.empty()) servers.insert(servers.begin(), account.destination);
  return servers;
}

std::vector<std::string> all_servers(const Account& account) {
  std::vector<std::string> servers = account.servers;
  const std::vector<std::string> tried = tried_servers(account);
  servers.insert(servers.end(), tried.begin(), tried.end());
  return servers;
}

// What an account has to do with the server of these names, one of which it gives.
ServerBook::Tie tie_of(const Account& account, const std::set<std::string>& names) {
  const auto is_here = [&](const std::string& server) { return names.contains(server); };
  if (!account.servers.empty() && is_here(account.servers.front())) return ServerBook::Tie::kHome;
  if (std::any_of(account.servers.begin(), account.servers.end(), is_here)) return ServerBook::Tie::kLeft;
  return is_here(account.destination) ? ServerBook::Tie::kDestination : ServerBook::Tie::kTried;
}

}  // namespace

struct Ledger::Server {
  std::set<std::string> names;
  ServerBook book;
};

bool Ledger::Earlier::operator()(const Account* a, const Account* b) const {
  return std::tie(a->created, a->uid) < std::tie(b->created, b->uid);
}

Ledger::Ledger() = default;
Ledger::Ledger(Ledger&&) noexcept = default;
Ledger& Ledger::operator=(Ledger&&) noexcept = default;
Ledger::~Ledger() = default;

void Ledger::put(Account account) {
  const auto [found, is_new] = accounts_.try_emplace(account.uid);
  Account& known = found->second;
  if (is_new || !same_books(known, account)) {
    if (!is_new) unlist(known);
    known = std::move(account);
    list(known);
    return;
  }
  const Account before = std::exchange(known, std::move(account));
  std::vector<Server*> told;
  for (const std::string& name : all_servers(known)) {
    if (stale_.contains(name)) continue;  // its book is about to be made anew
    Server* server = servers_.at(name).get();
    if (std::find(told.begin(), told.end(), server) != told.end()) continue;
    server->book.changed(before, known);
    told.push_back(server);
  }
}

void Ledger::remove(const std::string& uid) {
  const auto found = accounts_.find(uid);
  if (found == accounts_.end()) return;
  unlist(found->second);
  accounts_.erase(found);
}

void Ledger::list(const Account& account) {
  for (const std::string& name : all_servers(account)) {
    accounts_by_server_[name].insert(&account);
    stale_.insert(name);
  }
  if (!account.servers.empty()) names_.tell(account.servers.front(), identifier(account));
  names_.tell(account.destination, destination_identifier(account));
}

void Ledger::unlist(const Account& account) {
  for (const std::string& name : all_servers(account)) {
    stale_.insert(name);
    const auto listed = accounts_by_server_.find(name);
    if (listed == accounts_by_server_.end()) continue;
    listed->second.erase(&account);
    if (listed->second.empty()) accounts_by_server_.erase(listed);
  }
  if (!account.servers.empty()) names_.take_back(account.servers.front(), identifier(account));
  names_.take_back(account.destination, destination_identifier(account));
}

// Makes the books anew whose accounts are other ones, and leaves all others.
void Ledger::regroup() {
  if (stale_.empty()) return;
  // With the names that were of one server with them, and those that are.
  std::vector<std::string> left(stale_.begin(), stale_.end());
  while (!left.empty()) {
    const std::string name = std::move(left.back());
    left.pop_back();
    std::set<std::string> others = names_.same(name);
    const auto server = servers_.find(name);
    if (server != servers_.end()) others.insert(server->second->names.begin(), server->second->names.end());
    for (const std::string& other : others) {
      if (stale_.insert(other).second) left.push_back(other);
    }
  }
  std::map<std::string, std::shared_ptr<Server>> before;
  for (const std::string& name : stale_) {
    auto node = servers_.extract(name);
    if (node.empty()) continue;
    if (name == *node.mapped()->names.begin()) computed_before_ += node.mapped()->book.computations();
    before.insert(std::move(node));
  }
  for (const std::string& name : stale_) {
    if (servers_.contains(name) || !accounts_by_server_.contains(name)) continue;
    const auto server = std::make_shared<Server>();
    server->names = names_.same(name);
    std::set<const Account*, Earlier> accounts;
    for (const std::string& same : server->names) {
      servers_[same] = server;
      const auto& listed = accounts_by_server_.at(same);
      accounts.insert(listed.begin(), listed.end());
      const auto old = before.find(same);
      if (old != before.end()) server->book.remember_first_pod(old->second->book.first_pod_since());
    }
    for (const Account* account : accounts) server->book.add(*account, tie_of(*account, server->names));
    server->book.put_workloads(workloads_of(*server));
  }
  stale_.clear();
}

void Ledger::put_workloads(const std::vector<OtherWorkload>& workloads) {
  workloads_.clear();
  for (const OtherWorkload& workload : workloads) {
    OtherWorkloads& sum = workloads_[workload.server];
    ++sum.count;
    sum.pods += workload.pods;
    sum.hold += workload.connections;
  }
  for (const auto& [name, server] : servers_) {
    if (name == *server->names.begin()) server->book.put_workloads(workloads_of(*server));
  }
}

OtherWorkloads Ledger::workloads_of(const Server& server) const {
  OtherWorkloads sum;
  for (const std::string& name : server.names) {
    const auto found = workloads_.find(name);
    if (found == workloads_.end()) continue;
    sum.count += found->second.count;
    sum.pods += found->second.pods;
    sum.hold += found->second.hold;
  }
  return sum;
}

std::vector<ServerBook*> Ledger::books_of(const Account& account, bool limited) {
  std::vector<ServerBook*> books;
  for (const std::string& name : limited ? account.servers : all_servers(account)) {
    ServerBook* book = &servers_.at(name)->book;
    if (std::find(books.begin(), books.end(), book) == books.end()) books.push_back(book);
  }
  return books;
}

Outlook Ledger::outlook(const std::string& uid, Now now) {
  regroup();
  const Account& account = accounts_.at(uid);
  const std::vector<ServerBook*> limited = books_of(account, true);
  if (limited.empty()) return {};
  Outlook outlook = limited.front()->outlook(account, now);
  for (std::size_t i = 1; i < limited.size(); ++i) {
    outlook.available = std::min(outlook.available, limited[i]->available(account, now));
  }
  for (const std::string& server : account.tried) {
    ServerBook& book = servers_.at(server)->book;
    if (std::find(limited.begin(), limited.end(), &book) != limited.end() || !book.knows(now)) continue;
    outlook.pods_that_may_try = std::min(outlook.pods_that_may_try, book.available(account, now));
  }
  if (account.destination.empty()) return outlook;
  outlook.destination = servers_.at(account.destination)->book.destination(account, now);
  return outlook;
}

bool Ledger::raise_tried(const std::string& uid, Now now) {
  Account account = accounts_.at(uid);
  const auto destination = outlook(uid, now).destination;
  if (!destination ||
      (account.request && destination->room(account.existing.peak_pods, *account.request) < 1))
    return false;
  account.tried.push_back(account.destination);
  put(std::move(account));
  return true;
}

bool Ledger::raise_moved(const std::string& uid, Now now) {
  Account account = accounts_.at(uid);
  const auto destination = outlook(uid, now).destination;
  if (!destination || !account.request) return false;
  if (account.ceiling > destination->room(account.existing.peak_pods, *account.request) &&
      account.existing.peak_pods > 0) {
    return false;
  }
  account.servers.push_back(account.destination);
  put(std::move(account));
  return true;
}

bool Ledger::raise(const std::string& uid, std::int64_t peak_pods, std::int64_t ceiling, Now now) {
  Account account = accounts_.at(uid);
  const bool is_more = peak_pods * ceiling > account.claim();
  if (is_more && (!account.request || account.request->paused)) return false;
  if (is_more && !outlook(uid, now).admits(peak_pods, ceiling, *account.request)) return false;
  account.existing.peak_pods = peak_pods;
  account.ceiling = ceiling;
  put(std::move(account));
  return true;
}

std::vector<std::string> Ledger::neighbours(const std::string& uid) {
  regroup();
  std::set<std::string> found;
  for (const ServerBook* book : books_of(accounts_.at(uid))) book->add_uids(found);
  found.erase(uid);
  return {found.begin(), found.end()};
}

std::int64_t Ledger::claimed(const std::string& server) {
  regroup();
  const auto found = servers_.find(server);
  return found == servers_.end() ? 0 : found->second->book.claimed();
}

std::int64_t Ledger::computations() const {
  std::int64_t sum = computed_before_;
  for (const auto& [name, server] : servers_) {
    if (name == *server->names.begin()) sum += server->book.computations();
  }
  return sum;
}

}  // namespace storagepool::sizing
