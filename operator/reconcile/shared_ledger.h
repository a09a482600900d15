// The Ledger of all workers: what it says and what is put into it, each under one lock. Between what it says
// and the write that follows, others may have raised their claims: `raise` decides
// (operator/sizing/ledger.h).
#pragma once

#include <cstdint>
#include <mutex>
#include <string>
#include <utility>

#include "operator/sizing/ledger.h"

namespace storagepool::reconcile {

class SharedLedger {
 public:
  using Now = sizing::Ledger::Now;

  void put(sizing::Account account) {
    const std::lock_guard lock(mutex_);
    ledger_.put(std::move(account));
  }
  void remove(const std::string& uid) {
    const std::lock_guard lock(mutex_);
    ledger_.remove(uid);
  }
  // REQUIRES: its account was put, and not removed since.
  sizing::Outlook outlook(const std::string& uid, Now now) {
    const std::lock_guard lock(mutex_);
    return ledger_.outlook(uid, now);
  }
  bool raise(const std::string& uid, std::int64_t peak_pods, std::int64_t ceiling, Now now) {
    const std::lock_guard lock(mutex_);
    return ledger_.raise(uid, peak_pods, ceiling, now);
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
  std::mutex mutex_;
  sizing::Ledger ledger_;
};

}  // namespace storagepool::reconcile
