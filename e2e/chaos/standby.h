// A standby of a scenario's PostgreSQL server: commits wait for it, so that what was acknowledged is in it
// when it takes the server's place.
#pragma once

#include <functional>
#include <string>

#include "e2e/support/postgres.h"

namespace storagepool::e2e {

class Standby {
 public:
  // Makes the deployment `postgres-standby` like that of the server, copies the server, and waits until
  // commits wait for it. `primary` must outlive it.
  Standby(Postgres& primary, std::string name_space);

  // As who runs PostgreSQL does it: the Services no longer lead to the old server, `fence` ends it, it does
  // not come back, and the standby takes writes.
  void take_over(const std::function<void()>& fence);

 private:
  Postgres& primary_;
  std::string namespace_;
};

}  // namespace storagepool::e2e
