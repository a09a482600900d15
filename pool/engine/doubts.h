// Sessions that have ended here and may live on at the server: what lies in between has reset them, as load
// balancers and firewalls do with what was idle for long, or the server did not say in time that it let go.
// The next session that is made ends them at the server (end_backends), so that connections added
// over all pods stay what they may be. Until then a session that was reset keeps its token, but not for ever:
// where nothing else is left somebody must be able to ask, and after kTokenKept it is taken for gone, as one
// that does not answer is. Pure.
#pragma once

#include <chrono>
#include <cstddef>
#include <optional>
#include <vector>

#include "pool/engine/core/core.h"

namespace storagepool::engine {

class Doubts {
 public:
  static constexpr std::chrono::seconds kTokenKept{3};
  // The server's own keep-alives have ended it by then (pool/postgres/session.cc).
  static constexpr std::chrono::seconds kForgotten{30};
  static constexpr std::size_t kMost = 1000;

  // `token`: the connection that keeps its token; 0: none does. True when there was room.
  bool add(TimePoint now, int backend, ConnectionId token);
  // Who is to be asked after.
  std::vector<int> backends() const;
  // They are gone, or others': the connections whose tokens come free.
  std::vector<ConnectionId> settle(const std::vector<int>& backends);
  // The same of those that were kept for long enough.
  std::vector<ConnectionId> expire(TimePoint now);
  // One token before its time, what it was kept for stays in doubt; 0: none is kept, or one was given up
  // already and what it was kept for has not been settled.
  ConnectionId give_up_one();
  std::size_t tokens() const;
  bool empty() const { return doubts_.empty(); }
  // When `expire` has something to do.
  std::optional<TimePoint> next() const;

 private:
  struct Doubt {
    int backend = 0;
    ConnectionId token = 0;
    TimePoint since;
    bool given_up = false;
  };
  std::vector<Doubt> doubts_;  // the oldest first
};

}  // namespace storagepool::engine
