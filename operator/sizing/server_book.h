// The accounts of one server, added up: its limits, the claims under each, and the shares. For the Ledger.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <unordered_map>
#include <vector>

#include "operator/sizing/ledger.h"
#include "operator/sizing/shares.h"

namespace storagepool::sizing {

class ServerBook {
 public:
  using Now = Ledger::Now;

  // What an account has to do with the server: its pods are led here; or may hold connections here still; or
  // are to be led here; or may try it.
  enum class Tie { kHome, kLeft, kDestination, kTried };

  // In order of seniority; accounts outlive the book.
  void add(const Account& account, Tie tie);
  // Of a book that the accounts were in before.
  void remember_first_pod(std::optional<Now> since);
  std::optional<Now> first_pod_since() const { return first_pod_since_; }

  void put_workloads(const OtherWorkloads& workloads);

  // The account is no more as it was.
  void changed(const Account& before, const Account& account);

  // For an account that is at home here.
  Outlook outlook(const Account& account, Now now);
  // Up to here the claim of one of its accounts may be raised, as far as this server is concerned; its claim
  // while the limits are not known.
  std::int64_t available(const Account& account, Now now);
  bool knows(Now now);  // the limits
  // For an account that is to be led here.
  Destination destination(const Account& account, Now now);
  std::int64_t claimed() const;
  void add_uids(std::set<std::string>& uids) const;
  std::int64_t computations() const { return computations_; }

 private:
  struct Limit {
    std::int64_t most = 0;     // connections under it
    std::int64_t claimed = 0;  // by all
    std::int64_t least = 0;    // that all keep in any case
  };
  struct Place {
    const Account* account;
    Tie tie;
    std::vector<std::size_t> limits = {};  // the server's first
    std::optional<std::int64_t> role_limit = {};
    std::optional<std::int64_t> database_limit = {};
    Share share = {};
    std::int64_t least = 0;
    bool lone_pod = false;
    std::int64_t turn = 0;  // of its first pod among those that wait, from 1; 0: it does not wait

    bool home() const { return tie == Tie::kHome; }
    bool shares() const;
    std::int64_t claim(const Account& of) const;
    std::int64_t claim() const { return claim(*account); }
    const std::optional<KnownFacts>& facts() const;  // of this server, by its own pods
    Request request() const;                         // what it asks for here. REQUIRES: it asks for something
  };

  void refresh(Now now);
  void read_limits();
  void read_roles();
  void read_databases();
  // Puts the members of each group under the limit that some of them tell. Who is in `everywhere` is under
  // all of them.
  void limit_groups(const std::map<std::size_t, std::vector<std::size_t>>& groups,
                    const std::vector<std::size_t>& everywhere,
                    std::optional<std::int64_t> settings::ServerFacts::*told,
                    std::optional<std::int64_t> Place::*into);
  void add_up();
  void share_out();
  void keep_one_pod();
  void wait_for_limits();
  bool may_start(const Place& place, Now now) const;
  std::int64_t available(const Place& place) const;
  std::int64_t max_safe_replicas(const Place& place) const;
  const Place& place_of(const Account& account) const { return places_[place_by_uid_.at(account.uid)]; }

  std::vector<Place> places_;
  OtherWorkloads workloads_;
  std::unordered_map<std::string, std::size_t> place_by_uid_;
  bool fresh_ = false;
  Now computed_at_ = {};
  std::int64_t computations_ = 0;
  std::optional<settings::ServerFacts> facts_;  // whose server limits count; absent: not known
  std::int64_t reserve_ = 0;
  std::vector<Limit> limits_;    // the server's first
  std::int64_t pods_ = 0;        // of all
  std::int64_t first_pods_ = 0;  // StoragePools that have pods while the limits are not known
  std::optional<Now> first_pod_since_;
};

}  // namespace storagepool::sizing
