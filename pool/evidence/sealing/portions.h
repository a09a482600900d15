// Reads batches and seals them, a portion of them and a slice of the pod's thread at a time.
#pragma once

#include <utility>

#include <boost/asio/awaitable.hpp>
#include <tl/expected.hpp>

#include "pool/common/runtime/clock.h"
#include "pool/evidence/sealing/rows.h"
#include "pool/evidence/sealing/seal.h"
#include "pool/postgres/connection.h"

namespace storagepool::evidence {

struct Taken {
  Sealed sealed{};
  bool more = false;  // than one sealing takes
};

// In a transaction in which nothing was written. All that it is given must outlive it.
class Portions {
 public:
  Portions(postgres::Connection& connection, postgres::Deadline deadline, LogMacs& macs, tlog::Hasher& hasher,
           const runtime::Clock& clock)
      : connection_(connection), deadline_(deadline), macs_(macs), hasher_(hasher), clock_(clock) {}

  // The first: of a fence, behind which writers wait, all at once.
  boost::asio::awaitable<tl::expected<Batches, postgres::Error>> read(const LogState& state, Bound bound);
  // What one sealing takes. `first`: as it was read of that state. What follows is of later snapshots, whose
  // cuts are no lower, and comes after it.
  boost::asio::awaitable<tl::expected<Taken, postgres::Error>> seal(LogState state, Batches first,
                                                                    Bound bound);

 private:
  boost::asio::awaitable<tl::expected<Batches, postgres::Error>> read(const LogState& state, Bound bound,
                                                                      Portion most);
  boost::asio::awaitable<bool> take(Sealing& sealing, const Batches& batches, Bound bound);

  postgres::Connection& connection_;
  postgres::Deadline deadline_;
  LogMacs& macs_;
  tlog::Hasher& hasher_;
  const runtime::Clock& clock_;
};

}  // namespace storagepool::evidence
