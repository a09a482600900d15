// What must be true of a Core, said independently of how the core brings it about. The model is told of every
// event before the core is, and of the actions that the core answers with; it keeps who waits and what every
// connection does, and throws a Violation that names the broken invariant of core.h. Its cost grows with the
// connections and waiters there are, not with the databases.
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <deque>
#include <limits>
#include <optional>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "pool/engine/core/core.h"
#include "pool/engine/simulator/coverage.h"

namespace storagepool::engine::simulator {

struct Violation : std::runtime_error {
  using std::runtime_error::runtime_error;
};

// kPlacing: came back in the current event, and is about to be handed out, kept or closed.
enum class State : std::uint8_t { kOpening, kIdle, kValidating, kInUse, kClosing, kPlacing };

struct Connection {
  ConnectionId id = 0;
  int database = 0;
  State state = State::kOpening;
  TimePoint began;
  TimePoint opened_at;
  TimePoint idle_since;
  std::uint64_t idle_turn = 0;  // grows with every return
  bool again = false;           // was idle once and asked for again
  int era = 0;                  // how many times the pool had been retired when the connect began
  bool fresh = false;           // while kPlacing: healthy as far as known
  bool dead = false;            // the socket died, and the core has not been told
};

struct Waiter {
  WaiterId id = 0;
  int database = 0;
  TimePoint arrived;
  TimePoint deadline;
};

struct Counts {
  std::array<int, 6> by_state{};
  int of(State state) const { return by_state[static_cast<std::size_t>(state)]; }
  int sockets() const {
    int sum = 0;
    for (const int count : by_state) sum += count;
    return sum;
  }
  int live() const { return sockets() - of(State::kClosing); }
};

// A run of failed connects, of the server or of one database.
struct Outage {
  bool failing = false;
  bool lasting = false;       // only a person can mend it
  bool fading = false;        // of a database unused for long: the core may have forgotten it
  TimePoint began;            // the first connect that failed
  TimePoint remembered_from;  // the same as far as the core is sure to remember
  TimePoint last_failure;
  TimePoint ended;  // meaningful when not failing

  // When the next connect may begin at the earliest and, if somebody waits, at the latest.
  TimePoint earliest_retry() const { return last_failure + Backoff::delay(last_failure - remembered_from); }
  TimePoint latest_retry() const { return last_failure + 3 * Backoff::delay(last_failure - began) / 2; }
};

class Model {
 public:
  // Database 0 is the system database.
  Model(const Core& core, const settings::Settings& settings, int databases, Coverage& coverage);

  // Events. The core is told after the model, except that it makes a waiter's id.
  void begin(TimePoint now);
  void acquired(WaiterId waiter, int database, TimePoint deadline);
  void opened(ConnectionId id);
  void open_failed(ConnectionId id, const OpenFailure& failure);
  void came_back(ConnectionId id, bool healthy);  // released, validated, or idle and lost
  void closed(ConnectionId id);
  void reconfigured(const settings::Settings& settings) { settings_ = settings; }
  void drained(TimePoint deadline);
  void suspended(bool suspended) { suspended_ = suspended; }
  void retired();
  void database_closed(int database) { ++databases_[database].closers; }
  void database_reopened(int database);
  void died(ConnectionId id) { find(id).dead = true; }
  void doubted() { doubted_ = now_; }
  // Ends every event: takes in the core's actions, then checks every invariant.
  void settle(const std::vector<Action>& actions);

  const std::vector<Connection>& connections() const { return connections_; }
  const std::vector<Waiter>& waiters() const { return waiters_; }  // in order of arrival
  const Connection& connection(ConnectionId id) const;
  const Counts& total() const { return total_; }
  const Counts& of(int database) const { return databases_[database].counts; }
  const std::string& name(int database) const { return databases_[database].name; }
  int closers(int database) const { return databases_[database].closers; }
  TimePoint drain_deadline() const { return drain_deadline_; }
  bool draining() const { return draining_; }
  // Called with one line for every action.
  void trace(std::deque<std::string>* lines) { lines_ = lines; }

 private:
  static constexpr std::int64_t kUnbounded = std::numeric_limits<std::int64_t>::max();
  struct Database {
    std::string name;
    Counts counts;
    int queued = 0;
    int closers = 0;
    Outage outage;
    std::uint64_t listed = 0;  // when it was last entered into waiting_
  };

  // model.cc: events and actions.
  Connection& find(ConnectionId id);
  void set_state(Connection& connection, State state);
  void forget(ConnectionId id);
  void remove_waiter(std::vector<Waiter>::const_iterator waiter);
  std::vector<Waiter>::const_iterator find_waiter(WaiterId id) const;
  void answered_connect();
  void failed(Outage& outage, const Connection& connection, bool lasting);
  void apply(const Open& open);
  void apply(const Close& close);
  void apply(const Validate& validate);
  void apply(const Hand& hand);
  void apply(const Fail& fail);
  void note(const std::string& line) const {
    if (lines_ != nullptr) lines_->push_back("      -> " + line);
  }

  // rules.cc: what may be done to one connection or waiter.
  void require(bool condition, const char* what) const {
    if (!condition) throw Violation(what);
  }
  void may_open(int database) const;
  void may_hand(const Connection& connection) const;
  std::optional<Seen> reason_to_close(const Connection& connection) const;
  bool evictable_for_somebody(const Connection& connection) const;
  bool due_to_older_waiter(const Connection& connection) const;
  bool makes_way(const Connection& connection, bool of_system_too) const;
  bool unwanted(const Connection& connection) const;
  bool to_be_checked(const Connection& connection) const;
  bool over_limit(int database) const;
  bool kept(const Connection& connection) const;  // idle, or about to be
  bool is_most_recently_used(const Connection& connection) const;
  bool may_try(const Outage& outage, int opening) const;

  // invariants.cc: what must be true between events.
  void check();
  void check_limits() const;
  void check_nobody_waits_in_vain();
  void check_timer();
  void check_reports() const;
  const std::vector<int>& waiting();  // databases with waiters, that of the oldest first
  bool room(int database) const;      // a token that it may have is free
  bool held_back(int database) const;
  int uncovered(int database) const;  // waiters without a connection being made or checked for them
  std::int64_t uncovered_in_all();
  std::int64_t uncovered_databases();
  std::int64_t held_tokens() const;  // free, but held back by slow start alone
  int live_ordinary() const { return total_.live() - of(0).live(); }
  std::chrono::nanoseconds patience() const;
  std::chrono::nanoseconds hesitation() const;
  std::int64_t limit_of(int database) const;
  std::int64_t ordinary_limit() const;

  const Core& core_;
  settings::Settings settings_;
  Coverage& coverage_;
  TimePoint now_;
  std::vector<Database> databases_;
  std::vector<Connection> connections_;
  std::vector<Waiter> waiters_;
  Counts total_;
  Outage server_;
  std::int64_t at_a_time_ = kUnbounded;  // connects, after an outage
  TimePoint doubted_ = TimePoint::min();
  bool suspended_ = false;
  bool draining_ = false;
  TimePoint drain_deadline_ = TimePoint::max();
  int era_ = 0;
  std::uint64_t turns_ = 0;
  int sockets_before_ = 0;
  int high_water_ = 0;
  std::int64_t connect_failures_ = 0;
  int touched_ = 0;        // the database of the event
  WaiterId newcomer_ = 0;  // of this event
  bool opened_in_event_ = false;
  bool gave_way_ = false;                    // somebody did for the newcomer
  const Outage* lasting_failure_ = nullptr;  // of what one came in this event, after a wait
  std::vector<int> waiting_;
  std::uint64_t listings_ = 0;
  std::deque<std::string>* lines_ = nullptr;
};

}  // namespace storagepool::engine::simulator
