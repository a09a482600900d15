// Which connection is closed for a new one when a server has all that it may have. Pure.
#pragma once

#include <cstddef>

#include "pool/common/runtime/clock.h"

namespace storagepool::http {

// A connection that is not being answered by the handler.
struct Standing {
  bool idle = false;  // waits for a request, or its request or answer moves slower than the least rate
  std::size_t of_client = 0;    // connections of its client's address
  runtime::TimePoint since;     // since when it is as it is
  double bytes_per_second = 0;  // of its request or answer
};

// Whether `a` is closed rather than `b`: who does nothing first; among those the address with the most
// connections, so that whoever takes them all closes its own; then who has done nothing for the longest.
// Where all get on, the slowest: the rate so far tells a trickle from a large body, its age would not.
bool closed_before(const Standing& a, const Standing& b);

}  // namespace storagepool::http
