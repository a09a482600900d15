// The sole source of what StoragePools may hold on PostgreSQL servers: their claims now, and the shares that
// they are to come to. An account for each StoragePool, made of its objects alone, is put in place whenever
// they have been observed; so the ledger is rebuilt after any restart. No I/O, no clock.
//
// Claim: peak pods x ceiling (operator/reconcile/step/next_step.h), on every server that the pods may hold
// sockets to: the one that the spec leads to, and all that they are leaving. An account must count whatever
// may be so: a write whose end is not known has taken place. The rule that keeps the sum (S1):
//
//   nobody's claim is raised above usable less the claims of all others, on any server that it counts on
//
// Pods that are to go to another server serve from where they are until one of them was admitted there and
// their limit fits there too. Before that they may try it with one connection each, which is claimed there;
// where its limits are known, others make room for that, and for the share of the newcomer once it was
// admitted.
//
// Share: what all that can shrink and grow are given of what others leave (shares.h). Taken away before is
// the claim of those that do neither here: with policy Observe, paused, with a spec that cannot be read, in
// deletion, or that have left for another server.
//
// Other workloads are no StoragePools: they hold what they declare, under the server's limit alone, and
// nobody asks the ledger before they grow. What they hold is taken off the shares and is never available, so
// that the StoragePools give way. They count on the server that an account has by the name that they declare.
//
// A server is what has one system identifier, or else one host:port. Of its limits the least counts that one
// of the StoragePools on it tells (known_facts.h); of reserves the greatest that one of them asks for. A
// limit of a role or database binds those that share it: roles are the same behind the same Secret, and for
// safety where the limits are equal. While no limit is known, one pod of one StoragePool after the other may
// start to find them out.
//
// Cost: a change is worth as much work as there are StoragePools on the servers that it concerns, however
// many there are on others.
//
// Threads: not safe by itself. Hold one lock for each call; none blocks or does I/O. Between `outlook` and
// the write that it allows others may have raised theirs: `raise` compares again and raises in one call, and
// must come before the write is sent. Only who observes a StoragePool puts its account, and not between
// `raise` and the end of the write.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "operator/sizing/known_facts.h"
#include "operator/sizing/server_names.h"
#include "operator/sizing/sizing.h"

namespace storagepool::sizing {

struct Account {
  std::string uid;
  std::int64_t created = 0;  // of the StoragePool, in Unix seconds: ties are broken by it, then by the uid
  // host:port, the host qualified with its namespace; first where its pods are led to, then those being left.
  std::vector<std::string> servers;
  // Empty where it is not known: then under every limit of a database, or of a role, of the server.
  std::string database;
  std::string role;                 // namespace/name of the credentials: the same Secret is the same role
  std::optional<KnownFacts> facts;  // of the first server, from this StoragePool's own pods
  // Where the spec leads while that is not the first server, and what its own pods read there.
  std::string destination{};
  std::optional<KnownFacts> destination_facts{};
  std::vector<std::string> tried{};  // servers that each pod may hold one connection to
  std::optional<Request> request;    // absent: it neither grows nor shrinks
  Existing existing;
  std::int64_t ceiling = 0;

  std::int64_t claim() const { return existing.peak_pods * ceiling; }
  friend bool operator==(const Account&, const Account&) = default;
};

// A Deployment or StatefulSet of somebody else that declares what its pods hold
// (operator/reconcile/cluster/other_workload.h).
struct OtherWorkload {
  std::string server;            // host:port, the host qualified with its namespace
  std::int64_t pods = 0;         // that may exist
  std::int64_t connections = 0;  // that they may hold together
  friend bool operator==(const OtherWorkload&, const OtherWorkload&) = default;
};

class ServerBook;  // server_book.h

class Ledger {
 public:
  using Now = std::chrono::steady_clock::time_point;
  // While no limit of a server is known: how long after one first pod the next may start.
  static constexpr std::chrono::seconds kFirstPodPatience{30};

  Ledger();
  Ledger(Ledger&&) noexcept;
  Ledger& operator=(Ledger&&) noexcept;
  ~Ledger();

  // In the place of the account with this uid.
  void put(Account account);
  void remove(const std::string& uid);
  bool has(const std::string& uid) const { return accounts_.contains(uid); }
  // In place of all that were put before.
  void put_workloads(const std::vector<OtherWorkload>& workloads);
  // Whether an account has a server by this host:port.
  bool has_server(const std::string& server) const { return accounts_by_server_.contains(server); }

  // Costs microseconds while nothing changes on the server. REQUIRES: has(uid).
  Outlook outlook(const std::string& uid, Now now);

  // Before a write that allows so many pods or such a limit: false, and nothing is changed, when the claim
  // would not fit. What is no more than the claim always fits. REQUIRES: has(uid).
  bool raise(const std::string& uid, std::int64_t peak_pods, std::int64_t ceiling, Now now);
  // Likewise, before a write that lets the pods try their destination, or leads them there.
  bool raise_tried(const std::string& uid, Now now);
  bool raise_moved(const std::string& uid, Now now);

  // The others that count on its servers. REQUIRES: has(uid).
  std::vector<std::string> neighbours(const std::string& uid);

  // Connections that all StoragePools and other workloads may hold on the server that has this host:port.
  std::int64_t claimed(const std::string& server);
  // How often shares were computed, for tests.
  std::int64_t computations() const;

 private:
  struct Server;
  struct Earlier {
    bool operator()(const Account* a, const Account* b) const;
  };

  void list(const Account& account);
  void unlist(const Account& account);
  void regroup();
  void make_server(std::set<std::string> names, std::optional<Now> first_pod_since);
  OtherWorkloads workloads_of(const Server& server) const;
  // The first server's first, each once; `limited`: those where the ceiling counts.
  std::vector<ServerBook*> books_of(const Account& account, bool limited = false);

  std::map<std::string, Account> accounts_;
  // By each name that they give of a server; with those that they are leaving, are to be led to, or try.
  std::map<std::string, std::set<const Account*, Earlier>> accounts_by_server_;
  ServerNames names_;
  std::map<std::string, OtherWorkloads> workloads_;         // by the name that they declare
  std::map<std::string, std::shared_ptr<Server>> servers_;  // by each of its names
  std::set<std::string> stale_;       // names of servers whose accounts are other ones since
  std::int64_t computed_before_ = 0;  // by books that are no more
};

}  // namespace storagepool::sizing
