// All StoragePools as seen from one of them: which share its PostgreSQL server, what they may hold there, and
// the newest word of any of their pods on the server's limits. Pure.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <span>
#include <string>

#include "operator/sizing/sizing.h"
#include "pool/common/runtime/timestamp.h"
#include "pool/common/settings/admin_wire.h"

namespace storagepool::reconcile {

struct KnownFacts {
  settings::ServerFacts facts;
  std::int64_t as_of = 0;  // Unix time in milliseconds at which a pod read them
  friend bool operator==(const KnownFacts&, const KnownFacts&) = default;
};

// Of KnownFacts.
inline std::int64_t unix_milliseconds(runtime::Timestamp time) {
  return std::chrono::floor<std::chrono::milliseconds>(time).time_since_epoch().count();
}

struct Member {
  std::string uid;
  std::string server;        // host:port, the host qualified with its namespace
  std::string leaving = {};  // after the spec moved on, the host:port that some pods still use; else empty
  std::string database;
  std::string role;                 // namespace/name of the credentials: the same Secret is the same role
  std::optional<KnownFacts> facts;  // from this StoragePool's own pods, about `server` and `database`
  std::int64_t held = 0;            // connections that its pods may hold
  std::int64_t least = 0;           // what it can be brought down to
  std::int64_t replicas = 0;
};

struct Neighbourhood {
  std::optional<settings::ServerFacts> facts;
  sizing::Others others;
};

// Whether `other` may hold connections to the server of `self`: host and port are the same, or the system
// identifiers.
bool same_server(const Member& self, const Member& other);

// `all` may contain `self` (by uid). Limits of the server are taken from whoever read them last, those of
// role and database from `self`, or from one that shares them.
Neighbourhood neighbourhood(const Member& self, std::span<const Member> all);

}  // namespace storagepool::reconcile
