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
  if (before.servers != now.servers || before.created != now.created ||
      identifier(before) != identifier(now)) {
    regroup_ = true;
  }
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
    if (account.servers.empty() || identifier(account).empty()) continue;
    const std::string& home = account.servers.front();
    names.same(home, by_identifier.emplace(identifier(account), home).first->second);
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
    for (const std::string& server : account->servers) {
      ServerBook* book = book_for(server);
      if (std::find(seen.begin(), seen.end(), book) != seen.end()) continue;
      book->add(*account, seen.empty());
      seen.push_back(book);
    }
  }
}

std::vector<ServerBook*> Ledger::books_of(const Account& account) {
  std::vector<ServerBook*> books;
  for (const std::string& server : account.servers) {
    ServerBook* book = books_[book_by_server_.at(server)].get();
    if (std::find(books.begin(), books.end(), book) == books.end()) books.push_back(book);
  }
  return books;
}

Outlook Ledger::outlook(const std::string& uid, Now now) {
  regroup();
  const Account& account = accounts_.at(uid);
  const std::vector<ServerBook*> books = books_of(account);
  if (books.empty()) return {};
  Outlook outlook = books.front()->outlook(account, now);
  for (std::size_t i = 1; i < books.size(); ++i) {
    outlook.available = std::min(outlook.available, books[i]->available(account, now));
  }
  return outlook;
}

bool Ledger::raise(const std::string& uid, std::int64_t peak_pods, std::int64_t ceiling, Now now) {
  Account account = accounts_.at(uid);
  const bool is_more = peak_pods * ceiling > account.claim();
  if (is_more && !account.request) return false;
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
