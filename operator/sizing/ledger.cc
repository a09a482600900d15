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

bool earlier(const Account* a, const Account* b) {
  return std::tie(a->created, a->uid) < std::tie(b->created, b->uid);
}

// Names of servers, each with the first that is known for the same server.
class Names {
 public:
  std::string first(const std::string& name) {
    const auto found = same_.emplace(name, name).first;
    if (found->second == name) return name;
    return found->second = first(std::string(found->second));
  }
  void same(const std::string& a, const std::string& b) {
    const std::string one = first(a);
    const std::string other = first(b);
    same_[std::max(one, other)] = std::min(one, other);
  }

 private:
  std::map<std::string, std::string> same_;
};

}  // namespace

Ledger::Ledger() = default;
Ledger::Ledger(Ledger&&) noexcept = default;
Ledger& Ledger::operator=(Ledger&&) noexcept = default;
Ledger::~Ledger() = default;

void Ledger::put(Account account) {
  const auto found = accounts_.find(account.uid);
  if (found == accounts_.end()) {
    std::string uid = account.uid;
    accounts_.emplace(std::move(uid), std::move(account));
    regroup_ = true;
    return;
  }
  const Account before = std::exchange(found->second, std::move(account));
  const Account& now = found->second;
  if (!same_books(before, now)) regroup_ = true;
  if (regroup_) return;
  for (ServerBook* book : books_of(now)) book->changed(before, now);
}

void Ledger::remove(const std::string& uid) {
  if (accounts_.erase(uid) > 0) regroup_ = true;
}

void Ledger::regroup() {
  if (!std::exchange(regroup_, false)) return;
  Names names;
  std::map<std::string, std::string> by_identifier;
  std::vector<const Account*> accounts;
  for (const auto& [uid, account] : accounts_) {
    accounts.push_back(&account);
    const auto tell = [&](const std::string& server, const std::string& id) {
      if (!server.empty() && !id.empty()) names.same(server, by_identifier.emplace(id, server).first->second);
    };
    if (!account.servers.empty()) tell(account.servers.front(), identifier(account));
    tell(account.destination, destination_identifier(account));
  }
  std::sort(accounts.begin(), accounts.end(), earlier);

  const auto before = std::exchange(books_, {});
  const auto book_before = std::exchange(book_by_server_, {});
  for (const auto& book : before) computed_before_ += book->computations();
  const auto book_for = [&](const std::string& server) {
    const auto [first, is_new] = book_by_server_.emplace(names.first(server), books_.size());
    const std::size_t index = first->second;
    if (is_new) books_.push_back(std::make_unique<ServerBook>());
    if (book_by_server_.emplace(server, index).second || is_new) {
      const auto old = book_before.find(server);
      if (old != book_before.end()) books_[index]->remember_first_pod(before[old->second]->first_pod_since());
    }
    return books_[index].get();
  };
  for (const Account* account : accounts) {
    std::vector<ServerBook*> seen;
    const auto add = [&](const std::string& server, ServerBook::Tie tie) {
      ServerBook* book = book_for(server);
      if (std::find(seen.begin(), seen.end(), book) != seen.end()) return;
      book->add(*account, tie);
      seen.push_back(book);
    };
    using Tie = ServerBook::Tie;
    for (const std::string& server : account->servers) add(server, seen.empty() ? Tie::kHome : Tie::kLeft);
    for (const std::string& server : tried_servers(*account))
      add(server, server == account->destination ? Tie::kDestination : Tie::kTried);
  }
  count_workloads();
}

void Ledger::put_workloads(std::vector<OtherWorkload> workloads) {
  workloads_ = std::move(workloads);
  if (!regroup_) count_workloads();
}

void Ledger::count_workloads() {
  std::vector<OtherWorkloads> sums(books_.size());
  for (const OtherWorkload& workload : workloads_) {
    const auto book = book_by_server_.find(workload.server);
    if (book == book_by_server_.end()) continue;
    OtherWorkloads& sum = sums[book->second];
    ++sum.count;
    sum.pods += workload.pods;
    sum.hold += workload.connections;
  }
  for (std::size_t i = 0; i < sums.size(); ++i) books_[i]->put_workloads(sums[i]);
}

bool Ledger::has_server(const std::string& server) {
  regroup();
  return book_by_server_.contains(server);
}

std::vector<ServerBook*> Ledger::books_of(const Account& account, bool limited) {
  std::vector<std::string> servers = account.servers;
  const std::vector<std::string> tried = tried_servers(account);
  if (!limited) servers.insert(servers.end(), tried.begin(), tried.end());
  std::vector<ServerBook*> books;
  for (const std::string& server : servers) {
    ServerBook* book = books_[book_by_server_.at(server)].get();
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
    ServerBook& book = *books_[book_by_server_.at(server)];
    if (std::find(limited.begin(), limited.end(), &book) != limited.end() || !book.knows(now)) continue;
    outlook.pods_that_may_try = std::min(outlook.pods_that_may_try, book.available(account, now));
  }
  if (account.destination.empty()) return outlook;
  ServerBook& book = *books_[book_by_server_.at(account.destination)];
  outlook.destination = book.destination(account, now);
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
  const auto book = book_by_server_.find(server);
  return book == book_by_server_.end() ? 0 : books_[book->second]->claimed();
}

std::int64_t Ledger::computations() const {
  std::int64_t sum = computed_before_;
  for (const auto& book : books_) sum += book->computations();
  return sum;
}

}  // namespace storagepool::sizing
