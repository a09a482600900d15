// The Ledger of all workers: what it says and what is put into it, each under one lock. Between what it says
// and the write that follows, others may have raised their claims: `raise` decides
// (operator/sizing/ledger.h).
//
// It remembers what it said to whom, and so knows whose turn it is to act when a neighbour has acted.
#pragma once

#include <cstdint>
#include <map>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include "operator/sizing/ledger.h"

namespace storagepool::reconcile {

class SharedLedger {
 public:
  using Now = sizing::Ledger::Now;

  void put(sizing::Account account) {
    const std::lock_guard lock(mutex_);
    ledger_.put(std::move(account));
  }
  // Whom that concerns, as `concerned` has it.
  std::vector<std::string> remove(const std::string& uid, Now now) {
    const std::lock_guard lock(mutex_);
    if (!ledger_.has(uid)) return {};
    const auto neighbours = ledger_.neighbours(uid);
    ledger_.remove(uid);
    told_.erase(uid);
    return to_act(neighbours, now);
  }
  // REQUIRES: its account was put, and not removed since.
  sizing::Outlook outlook(const std::string& uid, Now now) {
    const std::lock_guard lock(mutex_);
    return told_[uid] = ledger_.outlook(uid, now);
  }
  // The neighbours of `uid` that have something to act upon since this was last said of them: another share,
  // or more connections where there were too few for it.
  std::vector<std::string> concerned(const std::string& uid, Now now) {
    const std::lock_guard lock(mutex_);
    return ledger_.has(uid) ? to_act(ledger_.neighbours(uid), now) : std::vector<std::string>{};
  }
  bool raise(const std::string& uid, std::int64_t peak_pods, std::int64_t ceiling, Now now) {
    const std::lock_guard lock(mutex_);
    return ledger_.raise(uid, peak_pods, ceiling, now);
  }

  void put_workloads(const std::vector<sizing::OtherWorkload>& workloads) {
    const std::lock_guard lock(mutex_);
    ledger_.put_workloads(workloads);
  }
  bool has_server(const std::string& server) {
    const std::lock_guard lock(mutex_);
    return ledger_.has_server(server);
  }

  bool raise_tried(const std::string& uid, Now now) {
    const std::lock_guard lock(mutex_);
    return ledger_.raise_tried(uid, now);
  }
  bool raise_moved(const std::string& uid, Now now) {
    const std::lock_guard lock(mutex_);
    return ledger_.raise_moved(uid, now);
  }

 private:
  static bool is_to_act(const sizing::Outlook& told, const sizing::Outlook& now) {
    const bool same_share = told.share.pods == now.share.pods && told.share.per_pod == now.share.per_pod;
    const bool had_too_few = told.available < now.share.pods * now.share.per_pod;
    return !same_share || told.known != now.known || told.lone_pod != now.lone_pod ||
           (had_too_few && now.available > told.available);
  }
  // Who has not been told anything is about to be.
  std::vector<std::string> to_act(const std::vector<std::string>& uids, Now now) {
    std::vector<std::string> found;
    for (const std::string& uid : uids) {
      const auto told = told_.find(uid);
      if (told == told_.end()) continue;
      const sizing::Outlook before = std::exchange(told->second, ledger_.outlook(uid, now));
      if (is_to_act(before, told->second)) found.push_back(uid);
    }
    return found;
  }

  std::mutex mutex_;
  sizing::Ledger ledger_;
  std::map<std::string, sizing::Outlook> told_;  // by uid
};

}  // namespace storagepool::reconcile
