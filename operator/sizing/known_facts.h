// What pods have told of a PostgreSQL server, and whose word of it counts. No wall clock of the operator or
// of a pod decides: the server's own does, read with the facts, and the operator's monotonic one. Pure.
#pragma once

#include <chrono>

#include "pool/common/settings/admin_wire.h"

namespace storagepool::sizing {

struct KnownFacts {
  using Time = std::chrono::steady_clock::time_point;
  settings::ServerFacts facts;
  Time read = {};  // when a pod read them; those of a status: when they were taken from it
  friend bool operator==(const KnownFacts&, const KnownFacts&) = default;
};

// Both of one server, from pods of one StoragePool. By the server's clock where it is known of both, unless
// what was read a minute later says an earlier time: then that clock was put back.
bool is_newer(const KnownFacts& candidate, const KnownFacts& known);

// Whether `report` may be of a server before it was started anew, as `later` tells it: limits of the server
// change with a start only. It counts for as long as it is renewed: who tells of a start cannot talk a report
// away that is made again and again.
bool is_outdated(const KnownFacts& report, const KnownFacts& later);

// Of two reports on what can change at any time (limits of roles and databases): not renewed while the other
// was.
bool is_left_behind(const KnownFacts& report, const KnownFacts& later);

}  // namespace storagepool::sizing
