// Which idle connection makes room where every token is taken, and how long a waiter and a connection are
// left in peace before. Knows each connection by its index, whether it is idle, since when, and whether
// somebody asked for it again.
//
// The victim is the least recently used, where one that was asked for again since it was made counts as
// younger. Most databases of a skewed load are asked for once in a while; their connections should not push
// out those of the busy ones. (As the two segments of SLRU, Karedla et al. 1994, with ages instead of sizes;
// zipf_benchmark.cc has the numbers.) The system database gives up what it holds above its reserve, which is
// what the limit of the ordinary databases leaves.
#pragma once

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "pool/engine/core/slots.h"
#include "pool/engine/core/types.h"

namespace storagepool::engine {

class Eviction {
 public:
  static constexpr std::chrono::milliseconds kPatience{50};  // at most
  static constexpr int kPatiencesPerTimeout = 8;             // at least; of acquireTimeout
  static constexpr int kHesitationsPerPatience = 10;
  static constexpr int kAgainFactor = 8;  // how many times younger one counts that was asked for again

  // What tokens are short.
  struct Shortage {
    bool any = false;       // of whomever
    bool ordinary = false;  // those of the ordinary databases
    // Whether a connection of the system database, or of an ordinary one, would help when closed.
    bool helped_by(bool system) const { return any || (ordinary && !system); }
  };

  explicit Eviction(std::chrono::milliseconds acquire_timeout) : acquire_timeout_(acquire_timeout) {}
  void reconfigure(std::chrono::milliseconds acquire_timeout) { acquire_timeout_ = acquire_timeout; }

  // How long a waiter waits for the connections there are before one may be closed that was idle just now or
  // is held.
  std::chrono::nanoseconds patience() const;
  // How long a connection stays idle before it is closed for somebody else.
  std::chrono::nanoseconds hesitation() const;

  // A new connection in this place, not idle yet.
  void add(std::uint32_t connection, bool system);
  void enter(TimePoint now, std::uint32_t connection) {  // becomes idle
    connections_[connection].idle_since = now;
    idle_[connections_[connection].segment].push_back(connections_, connection);
  }
  // Is idle no more. REQUIRES: it is.
  void leave(std::uint32_t connection) {
    idle_[connections_[connection].segment].erase(connections_, connection);
  }
  // The same, because somebody asked for it.
  void take(std::uint32_t connection) {
    leave(connection);
    if (connections_[connection].segment == kOnce) connections_[connection].segment = kAgain;
  }

  std::size_t size() const {  // idle connections
    return idle_[kSystem].size() + idle_[kOnce].size() + idle_[kAgain].size();
  }
  // Since when it is idle, or since when it was the last time.
  TimePoint idle_since(std::uint32_t connection) const { return connections_[connection].idle_since; }
  // Of all; kNone when none is idle.
  std::uint32_t least_recently_used() const;
  // The connection to close for those who lack tokens; kNone when none would help.
  std::uint32_t victim(TimePoint now, Shortage shortage) const;
  // When it may be closed for a waiter who came then.
  TimePoint ripe(std::uint32_t connection, TimePoint arrived) const;
  // Calls `visit` with each idle connection, which it may let leave.
  template <typename Visit>
  void each(const Visit& visit) const;

 private:
  // Idle connections of the system database, and of the others those that nobody asked for again since they
  // were made and those that somebody did.
  enum Segment : std::uint8_t { kSystem, kOnce, kAgain };
  struct Connection {
    TimePoint idle_since;
    Link link = {};
    Segment segment = kOnce;
  };

  std::chrono::milliseconds acquire_timeout_;
  std::vector<Connection> connections_;                           // by index
  std::array<IndexList<Connection, &Connection::link>, 3> idle_;  // by Segment, least recently used first
};

template <typename Visit>
void Eviction::each(const Visit& visit) const {
  for (const auto& list : idle_) {
    for (auto index = list.front(); index != kNone;) {
      const auto next = connections_[index].link.next;
      visit(index);
      index = next;
    }
  }
}

}  // namespace storagepool::engine
