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
// Invariants (docs/architecture.md), each checked by the simulator after every event:
//  E1 opening + idle + validating + in use + closing never exceeds maxOpenConns; after a shrink it only
//     falls. The core itself ends the program rather than break it (`open`).
//  E2 nobody waits while an idle connection of its database, or a token it may have, exists (but for the
//     back-off of E6), nor, longer than it is patient, while an idle connection of another database exists
//     that may be closed for it and fewer than two sockets are being opened or closed.
//  E3 first come first served within a database; an expired waiter receives nothing. Who asks while a
//     connection is on its way to a waiter may have it (`passes`), as long as no waiter has waited for
//     kPassed.
//  E4 a smaller limit closes idle connections at once and busy ones on release.
//  E5 at capacity the least recently used idle connection of another database makes room, where one that was
//     asked for again counts as younger (eviction.h).
//  E6 after a failed connect the next waits for a back-off and is alone until one succeeds; from then on
//     as many may be under way as succeeded since, and two more (slow start).
//
// Trial (E11): one socket at a time may be made with options that are not in force, to learn whether they
// are admitted. It counts in E1, takes the first token that is or comes free, and is nobody's connection.
//
// Limits. The ordinary databases, which are all but the system database: maxConnsPerDatabase each,
// maxOpenConns - systemConns together. The system database: maxOpenConns. Free tokens go to the database with
// the oldest waiter.
//
// Moving a token between databases costs the server a backend, so it is done with hesitation:
//  - A connection that comes free stays with its database while that has waiters. It is given up for an older
//    waiter, whose database has none, only if that has waited for `patience` and the connection has lived as
//    long: under load databases take turns of that length, as processes do in a round robin.
//  - A connection is closed for a waiter of another database (E5) after `hesitation` of being idle, or when
//    that waiter loses patience; a waiter whose database has a connection already first waits for that one.
//  - As many tokens move at a time as the server is found to take (connect_window.h).
// Whatever ends a hesitation is an event or `next_timer`.
//
// maxWaiters is shared fairly (E12): where one more would be too many, a waiter of a database that has more
// than its equal part of the places is refused, who comes if it is one of these, else the last that came for
// the database with the most.
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
#include <limits>
#include <optional>
#include <random>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <variant>
#include <vector>

#include "pool/common/settings/settings.h"
#include "pool/engine/core/backoff.h"
#include "pool/engine/core/connect_window.h"
#include "pool/engine/core/deadlines.h"
#include "pool/engine/core/demand.h"
#include "pool/engine/core/eviction.h"
#include "pool/engine/core/slots.h"
#include "pool/engine/core/types.h"

namespace storagepool::engine {

using ConnectionId = std::uint64_t;

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
  // Of the following, news that contradict what the core knows (a release by nobody's holder, a connect that
  // ends twice) are a fault of the caller's: counted and reported (check.h), and nothing is done for them.
  void release(TimePoint now, ConnectionId connection, bool reusable);
  // As `release` of a reusable connection that just becomes idle, without an action; false when more than
  // that is to be done.
  bool release_idle(TimePoint now, ConnectionId connection);
  // Whether a reusable connection that is in use may stay so for a moment though its holder is through with
  // it and others wait: who asks for one meanwhile, as its holder may do, takes it on if it `passes` to
  // them, which spares two of them a turn of their loop; then it is released. (Barging, as locks allow it
  // for the same reason: Lea, The java.util.concurrent Synchronizer Framework, 2005; the bound keeps it
  // fair.)
  bool keeps(TimePoint now, ConnectionId connection) const;
  bool passes(TimePoint now, ConnectionId connection, std::string_view database, TimePoint deadline) const;
  static constexpr std::chrono::microseconds kPassed{1000};
  void opened(TimePoint now, ConnectionId connection);
  void open_failed(TimePoint now, ConnectionId connection, OpenFailure failure);
  void validated(TimePoint now, ConnectionId connection, bool alive);
  void closed(TimePoint now,
              ConnectionId connection);               // the server has let go, or was waited for long enough
  void lost(TimePoint now, ConnectionId connection);  // died while idle, and may have been closed since
  // A session was found dead: what happened to it may have happened to all, so that each that was last heard
  // of before is checked before it is handed out again. `lost` and a failed check say so as well.
  void doubt(TimePoint now);
  void tick(TimePoint now);
  void reconfigure(TimePoint now, const settings::Settings& settings);
  // Refuses new waiters; those there are served until `deadline`. A trial that waits is over.
  void drain(TimePoint now, TimePoint deadline);
  // Until `resume` nothing is opened or handed out: idle connections close at once, others as soon as nobody
  // holds them, waiters wait for their deadline. Does not hold up a drain: its deadline ends every wait.
  void suspend(TimePoint now);
  void resume(TimePoint now);
  // No connection that was made or begun before is handed out again: idle ones close at once, others as soon
  // as nobody holds them. The next connect does not wait for the back-off of a fault that a person had to
  // mend.
  void retire(TimePoint now);
  // Wants a token for a trial, whatever keeps the connections of this server back: `trial_has_token` says
  // when it is there. One trial at a time; while draining there is none. Each ends with `end_trial`, also
  // one that no longer wants its token.
  void want_trial(TimePoint now);
  void end_trial(TimePoint now);  // the server has let go of its socket, or it never had one
  bool trial_has_token() const { return trial_ == Trial::kHasToken; }
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
  bool any_idle() const { return idle_size() > 0; }
  std::size_t sockets() const { return connections_.size() + (trial_has_token() ? 1 : 0); }
  // Sockets of before the last `retire`, and that of a trial. Takes time in proportion to their number.
  std::int64_t retired() const;
  TimePoint now() const { return now_; }  // of the last event
  const settings::Settings& settings() const { return settings_; }
  Statistics statistics() const;
  // Of every database with a socket or a waiter, in no order.
  std::vector<DatabaseStatistics> database_statistics() const;
  bool drained() const { return draining_ && sockets() == 0 && demand_.size() == 0; }

 private:
  static constexpr std::int64_t kUnbounded = std::numeric_limits<std::int64_t>::max();
  enum class State : std::uint8_t { kOpening, kIdle, kValidating, kInUse, kClosing };
  enum class Trial : std::uint8_t { kNotWanted, kWaits, kHasToken };
  struct Connection {
    State state = State::kOpening;
    std::uint16_t lifetime_permille = 1000;  // of connMaxLifetime
    std::uint32_t database = kNone;
    std::uint32_t era = 0;  // how many times the pool had been retired when the connect began
    TimePoint began;        // its connect
    TimePoint opened_at;
    Link database_idle = {};
  };
  struct Database {
    std::string_view name;  // the key in by_name_
    bool system = false;
    std::int32_t closers = 0;  // calls of close_database without their reopen_database
    IndexList<Connection, &Connection::database_idle> idle;  // most recently used last
    Backoff backoff;
  };
  struct Population {  // sockets by what they are; the idle ones are in eviction_
    std::int64_t opening = 0;
    std::int64_t in_use = 0;  // or being validated
    std::int64_t closing = 0;
  };
  struct NameHash : std::hash<std::string_view> {
    using is_transparent = void;
  };

  // core.cc: events and time.
  void advance(TimePoint now);
  void settle(TimePoint now, std::uint32_t database);
  std::uint32_t find(ConnectionId id, State state) const;
  std::uint32_t expect(ConnectionId id, State state, std::string_view otherwise) const;
  std::uint32_t enter_database(TimePoint now, std::string_view name);
  std::uint32_t add_database(TimePoint now, std::string_view name);
  void leave_database(TimePoint now, std::uint32_t index);
  void allow(TimePoint now, std::uint32_t database);
  void answered(TimePoint now, std::uint32_t waiter);
  void fail(TimePoint now, std::uint32_t waiter, AcquireError error);
  void fail_in_vain(TimePoint now, std::uint32_t database);
  bool in_vain(TimePoint now, std::uint32_t database) const;
  AcquireError connect_error(TimePoint now, const Database& database) const;
  static AcquireError closed_error(const Database& database);
  AcquireError deadline_error(TimePoint now, std::uint32_t database) const;
  void answered_connect();
  void refuse_one(TimePoint now, std::uint32_t waiter);

  // expiry.cc: what time alone ends.
  TimePoint lifetime_end(const Connection& connection) const;
  TimePoint idle_time_end(std::uint32_t connection) const;
  void close_expired(TimePoint now);
  void close_unused(TimePoint now);

  // placement.cc: what becomes of a connection.
  static Demand::Limits limits(const settings::Settings& settings);
  std::int64_t ordinary_limit() const;
  std::int64_t live() const;
  std::int64_t ordinary_live() const;
  bool over_limit(std::uint32_t database) const;
  bool unwanted(const Connection& connection) const;
  bool to_be_checked(TimePoint now, std::uint32_t connection) const;
  bool lingers(TimePoint now) const;
  void place(TimePoint now, std::uint32_t connection);
  void make_idle(TimePoint now, std::uint32_t connection);
  void leave_idle(std::uint32_t connection);
  void take_idle(std::uint32_t connection);
  std::int64_t kept_idle() const { return draining_ ? 0 : settings_.max_idle_conns; }
  std::int64_t idle_size() const { return static_cast<std::int64_t>(eviction_.size()); }
  template <typename Condition>
  void close_idle_if(const Condition& condition);
  void hand(TimePoint now, std::uint32_t waiter, std::uint32_t connection);
  void serve_from_idle(TimePoint now, std::uint32_t database);
  void open(TimePoint now, std::uint32_t database);
  void close(std::uint32_t connection);
  void forget(std::uint32_t connection);

  // fast_path.cc: taking and giving back when that is all there is to do.
  bool something_due(TimePoint now) const;
  std::uint32_t find_database(std::string_view name) const;

  // dispatch.cc: who gets a token.
  void dispatch(TimePoint now);
  void serve_trial();
  bool trial_lacks_token() const;
  void spend_free_tokens(TimePoint now);
  void make_room(TimePoint now);
  bool held_back(TimePoint now) const;
  std::int64_t held_tokens() const;
  bool moving_enough() const;
  Eviction::Shortage shortage(TimePoint now) const;
  TimePoint due(std::uint32_t database) const;
  bool should_yield(TimePoint now, const Connection& connection) const;
  bool waits_for_release(TimePoint now, std::uint32_t database) const;

  // control.cc: what the owner of the pool orders and asks.
  void close_unwanted();

  std::string system_database_;
  settings::Settings settings_;
  std::mt19937_64 random_;
  TimePoint now_{};
  bool draining_ = false;
  bool suspended_ = false;
  Trial trial_ = Trial::kNotWanted;
  std::uint32_t era_ = 0;
  Slots<Connection> connections_;
  Slots<Database> databases_;
  std::unordered_map<std::string, std::uint32_t, NameHash, std::equal_to<>> by_name_;
  mutable std::uint32_t last_found_ = kNone;  // mostly the next one asked for, too
  std::size_t sweep_at_ = 64;
  Demand demand_;
  Eviction eviction_;
  Deadlines deadlines_;
  Deadlines retries_;                             // ends of the back-offs of databases
  TimePoint look_again_ = TimePoint::max();       // when a hesitation of the last dispatch ends
  TimePoint idle_time_check_ = TimePoint::max();  // not after the first end of connMaxIdleTime
  TimePoint lifetime_check_ = TimePoint::max();   // not after the first end of an idle connection's lifetime
  Backoff server_;
  ConnectWindow window_;
  std::int64_t at_a_time_ = kUnbounded;   // connects, while the pool recovers from an outage
  TimePoint doubted_ = TimePoint::min();  // what was last heard of at that time or before is in doubt
  std::int64_t ordinary_sockets_ = 0;     // of the ordinary databases
  std::int64_t ordinary_closing_ = 0;     // of these
  Population population_;
  Statistics statistics_;  // what happened so far, decides nothing; sizes are filled in on reading
  std::vector<Action> actions_;
};

// Goes over the idle connections and closes those that fit.
template <typename Condition>
void Core::close_idle_if(const Condition& condition) {
  eviction_.each([&](std::uint32_t index) {
    if (!condition(index)) return;
    leave_idle(index);
    close(index);
  });
}

}  // namespace storagepool::engine
