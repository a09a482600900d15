// The decisions of the pool engine, pure: no thread, socket or clock. Every event carries `now` (steady,
// never going back); what has to be done is taken out as actions after it; `next_timer` says when to `tick`.
// One token is one socket; a connection holds its token from Open until `closed` or `open_failed`:
//
//              Open            opened               Hand
//        o ----------> opening ------> (place) -----------------> in use
//                         |           ^  |   ^   \ release          |
//                         |  validated|  |    `----------------------'
//             open_failed |           |  v                          |
//        o <--------------'   validating<--idle                     | not reusable,
//        ^                       | dead     | lost, expired,        | over a limit,
//        |         closed        v          v evicted, shrunk       v expired
//        `------------------- closing <--------- Close -------------'
//
// Invariants (design: the engine), each checked by the simulator after every event:
//  E1 opening + idle + validating + in use + closing never exceeds maxOpenConns; after a shrink it only
//  falls. E2 nobody waits while an idle connection of its database, or a token it may have, or an idle
//  connection that may be
//     evicted for it, exists (but for the back-off of E6).
//  E3 first come first served within a database; expired and cancelled waiters receive nothing.
//  E4 a smaller limit closes idle connections at once and busy ones on release.
//  E5 at capacity the least recently used idle connection of another database makes room.
//  E6 after a failed connect the next waits for a back-off and is alone until one succeeds.
//
// Limits. Any database but the system database: maxConnsPerDatabase each, maxOpenConns - systemConns
// together. The system database: maxOpenConns. Tokens go to the database with the oldest waiter. A connection
// that comes free stays with its database while that has waiters, unless an older waiter's database has no
// connection at all.
//
// Faults that only a person can mend (credentials, TLS, a missing database) fail the waiters of a database
// without any connection at once, and new ones until the next attempt: a caller is better served by an answer
// that says why than by a wait for its deadline. Other faults (a restart, a full server) may pass: there a
// waiter waits.
#pragma once

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <functional>
#include <optional>
#include <random>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <variant>
#include <vector>

#include "pool/engine/backoff.h"
#include "pool/engine/deadlines.h"
#include "pool/engine/engine.h"
#include "pool/engine/slots.h"
#include "pool/settings/settings.h"

namespace storagepool::engine {

using ConnectionId = std::uint64_t;
using WaiterId = std::uint64_t;

struct Open {
  ConnectionId connection;
  std::string database;
};
struct Close {
  ConnectionId connection;
};
struct Validate {  // idle for longer than validateAfterIdle: answer with `validated`
  ConnectionId connection;
};
struct Hand {
  WaiterId waiter;
  ConnectionId connection;
};
struct Fail {
  WaiterId waiter;
  AcquireError error;
};
using Action = std::variant<Open, Close, Validate, Hand, Fail>;

struct OpenFailure {
  bool database_only = false;  // other databases of the server are not concerned
  bool lasting = false;        // only a person can mend it
  std::string detail;          // safe to show to a client
};

class Core {
 public:
  Core(std::string system_database, const settings::Settings& settings, std::mt19937_64 random);

  // Ends in a Hand or a Fail for the returned id, at the latest at `deadline` or acquireTimeout from now.
  // The low half of an id may be that of another waiter, but only of one answered in an earlier event.
  WaiterId acquire(TimePoint now, std::string_view database, TimePoint deadline);
  // The same where it is cheapest: takes the idle connection that `acquire` would hand out at once, without a
  // waiter or an action. 0 when there is none that was in use less than `at_most` ago, when somebody waits,
  // or when time has brought about what `acquire` would see to first.
  ConnectionId acquire_idle(TimePoint now, std::string_view database, TimePoint deadline,
                            std::chrono::nanoseconds at_most);
  void cancel(TimePoint now, WaiterId waiter);  // no Hand or Fail follows; an answered waiter is ignored
  void release(TimePoint now, ConnectionId connection, bool reusable);
  // As `release` of a reusable connection that just becomes idle, without an action; false when more than
  // that is to be done.
  bool release_idle(TimePoint now, ConnectionId connection);
  void opened(TimePoint now, ConnectionId connection);
  void open_failed(TimePoint now, ConnectionId connection, OpenFailure failure);
  void validated(TimePoint now, ConnectionId connection, bool alive);
  void closed(TimePoint now,
              ConnectionId connection);               // the server has let go, or was waited for long enough
  void lost(TimePoint now, ConnectionId connection);  // died while idle
  void tick(TimePoint now);
  void reconfigure(TimePoint now, const settings::Settings& settings);
  // Refuses new waiters; those there are served until `deadline`.
  void drain(TimePoint now, TimePoint deadline);
  // Until `resume` nothing is opened or handed out: idle connections close at once, others as soon as nobody
  // holds them, waiters wait for their deadline. Does not hold up a drain: its deadline ends every wait.
  void suspend(TimePoint now);
  void resume(TimePoint now);
  // No connection that was made or begun before is handed out again: idle ones close at once, others as soon
  // as nobody holds them. The next connect does not wait for the back-off of a fault that a person had to
  // mend.
  void retire(TimePoint now);
  // Fails the waiters of a database, and whoever asks for it until `reopen_database` was called as often; its
  // idle connections close at once, others as soon as nobody holds them.
  void close_database(TimePoint now, std::string_view database);
  void reopen_database(TimePoint now, std::string_view database);

  // What is to be done since the last call, in order; `actions` is overwritten.
  void take_actions(std::vector<Action>& actions);
  std::optional<TimePoint> next_timer() const;

  // The idle connection the next acquire of this database would use, for a look at its socket before.
  std::optional<ConnectionId> candidate(std::string_view database) const;
  bool idle(ConnectionId connection) const;
  // Any socket counts, until the server has let go of it.
  bool has_connections(std::string_view database) const;
  bool any_idle() const { return !idle_.empty(); }
  std::size_t sockets() const { return connections_.size(); }
  TimePoint now() const { return now_; }  // of the last event
  const settings::Settings& settings() const { return settings_; }
  Statistics statistics() const;
  bool drained() const { return draining_ && connections_.size() == 0 && waiters_.size() == 0; }

 private:
  enum class State : std::uint8_t { kOpening, kIdle, kValidating, kInUse, kClosing };
  struct Connection {
    State state = State::kOpening;
    std::uint32_t database = kNone;
    std::uint32_t era = 0;  // how many times the pool had been retired when the connect began
    TimePoint since;        // start of the connect, later of being idle
    TimePoint opened_at;
    double lifetime_share = 1;  // of connMaxLifetime, 0.9 to 1
    Link all_idle = {};
    Link database_idle = {};
  };
  struct Waiter {
    std::uint32_t database = kNone;
    std::uint64_t turn = 0;  // order of arrival
    TimePoint arrived;
    TimePoint deadline;
    bool counted = false;  // in wait_count
    Link queue = {};
  };
  struct Database {
    std::string name;
    bool system = false;
    IndexList<Waiter, &Waiter::queue> waiters;
    IndexList<Connection, &Connection::database_idle> idle;  // most recently used last
    std::int64_t total = 0;
    std::int64_t opening = 0;
    std::int64_t validating = 0;
    std::int64_t closing = 0;
    std::int64_t closers = 0;   // calls of close_database without their reopen_database
    std::int64_t promised = 0;  // waiters for whom a token is on its way, as of the last dispatch
    bool blocked = false;       // scratch of dispatch
    Backoff backoff;

    std::int64_t live() const { return total - closing; }
    std::int64_t queued() const { return static_cast<std::int64_t>(waiters.size()); }
    // Waiters without a connection being made or checked for them.
    std::int64_t uncovered() const { return std::max<std::int64_t>(0, queued() - opening - validating); }
  };
  struct NameHash : std::hash<std::string_view> {
    using is_transparent = void;
  };

  // core.cc: events and time.
  void advance(TimePoint now);
  std::uint32_t enter_database(TimePoint now, std::string_view name);
  void leave_database(TimePoint now, std::uint32_t index);
  void enqueue(std::uint32_t waiter);
  void dequeue(TimePoint now, std::uint32_t waiter);
  void fail(TimePoint now, std::uint32_t waiter, AcquireError error);
  void fail_in_vain(TimePoint now, std::uint32_t database);
  bool in_vain(TimePoint now, const Database& database) const;
  AcquireError connect_error(TimePoint now, const Database& database) const;
  static AcquireError closed_error(const Database& database);
  AcquireError deadline_error(TimePoint now, const Database& database) const;
  bool too_many_waiters(TimePoint now, std::uint32_t asking);
  TimePoint lifetime_end(const Connection& connection) const;
  void close_expired(TimePoint now);

  // placement.cc: which connection goes where.
  std::int64_t limit_of(const Database& database) const;
  std::int64_t others_limit() const;
  std::int64_t live() const;
  std::int64_t others_live() const;
  bool over_limit(const Database& database) const;
  bool unwanted(const Connection& connection) const;
  bool others_full(const Database& wanting) const;
  bool all_full() const;
  bool token_free(const Database& wanting) const;
  bool held_back(TimePoint now, const Database& database) const;
  bool could_connect(TimePoint now, std::uint32_t database) const;
  bool should_yield(TimePoint now, const Database& database) const;
  std::uint32_t evictable(const Database& wanting) const;
  void place(TimePoint now, std::uint32_t connection);
  void make_idle(TimePoint now, std::uint32_t connection);
  void leave_idle(std::uint32_t connection);
  void hand(TimePoint now, std::uint32_t waiter, std::uint32_t connection);
  void serve_from_idle(TimePoint now, std::uint32_t database);
  void dispatch(TimePoint now);
  bool make_room(TimePoint now, std::uint32_t database);
  void open(TimePoint now, std::uint32_t database);
  void close(std::uint32_t connection);
  void forget(std::uint32_t connection);

  // fast_path.cc: taking and giving back when that is all there is to do.
  bool other_business(TimePoint now) const;
  std::uint32_t find_database(std::string_view name) const;

  // control.cc: what the owner of the pool orders.
  void enforce_idle_limit();
  void close_unwanted();

  std::string system_database_;
  settings::Settings settings_;
  std::mt19937_64 random_;
  TimePoint now_{};
  bool draining_ = false;
  bool suspended_ = false;
  std::uint32_t era_ = 0;
  Slots<Connection> connections_;
  Slots<Waiter> waiters_;
  Slots<Database> databases_;
  std::unordered_map<std::string, std::uint32_t, NameHash, std::equal_to<>> by_name_;
  mutable std::uint32_t last_found_ = kNone;  // mostly the next one asked for, too
  std::size_t sweep_at_ = 64;
  std::vector<std::uint32_t> waiting_;                 // databases with waiters
  IndexList<Connection, &Connection::all_idle> idle_;  // least recently used first
  Deadlines deadlines_;
  TimePoint lifetime_check_ = TimePoint::max();  // not after the first end of an idle connection's lifetime
  Backoff server_;
  std::int64_t others_ = 0;  // connections of all databases but the system's
  std::int64_t others_closing_ = 0;
  std::int64_t promised_ = 0;
  std::int64_t others_promised_ = 0;
  std::uint64_t turns_ = 0;
  Statistics statistics_;  // `in_use` includes connections being validated; sizes are filled in on reading
  std::vector<Action> actions_;
};

}  // namespace storagepool::engine
