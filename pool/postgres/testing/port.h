// A port on loopback that the kernel chose, for a server that a test starts and stops.
#pragma once

#include <cstdint>

namespace storagepool::postgres::testing {

struct HeldPort {
  int descriptor = -1;  // a bound socket that never listens
  std::uint16_t port = 0;
};

// The socket keeps the port from everybody but servers that set SO_REUSEADDR, as those of these tests do,
// also between their stop and start. Throws std::runtime_error.
HeldPort hold_port();

}  // namespace storagepool::postgres::testing
