// Accounts and a Ledger for its tests, at a server with 40 connections of which 27 are usable.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <utility>

#include <gtest/gtest.h>

#include "operator/sizing/ledger.h"

namespace storagepool::sizing::testing {

inline const Ledger::Now kStart{std::chrono::hours{1}};

inline KnownFacts told(std::int64_t max_connections, std::string identifier = "") {
  KnownFacts known{.facts = {}, .read = kStart};
  known.facts.max_connections = max_connections;
  known.facts.superuser_reserved_connections = 3;
  known.facts.system_identifier = std::move(identifier);
  return known;
}

// Pods that run as they were asked for, and hold `pods` x `limit`.
inline Account account(std::string uid, std::int64_t pods, std::int64_t limit) {
  Account a;
  a.uid = std::move(uid);
  a.servers = {"db.team:5432"};
  a.database = "audit";
  a.role = "team/" + a.uid;
  a.request = Request{.replicas = 3, .max_open_conns = 25};
  a.existing = {.replicas = pods, .peak_pods = pods, .limit = limit};
  a.ceiling = limit;
  return a;
}

class LedgerTest : public ::testing::Test {
 protected:
  Outlook outlook(const std::string& uid) { return ledger_.outlook(uid, now_); }
  Share share(const std::string& uid) { return outlook(uid).share; }

  Ledger ledger_;
  Ledger::Now now_ = kStart;
};

}  // namespace storagepool::sizing::testing
