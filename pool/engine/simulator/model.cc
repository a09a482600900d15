// Keeps the model up to date with events and actions.
#include "pool/engine/simulator/model.h"

#include <algorithm>

namespace storagepool::engine::simulator {
namespace {

// A database that nobody uses may be forgotten with its failures after this.
constexpr std::chrono::seconds kRemembered{5};

std::string label(ConnectionId id) {
  return std::to_string(static_cast<std::uint32_t>(id)) + "/" + std::to_string(id >> 32);
}

constexpr std::array<Seen, 5> kSeenReasons = {Seen::kExpired, Seen::kTooManyWaiters, Seen::kRefusedByDrain,
                                              Seen::kToldOfFailure, Seen::kRefusedByClosedDatabase};

}  // namespace

Model::Model(const Core& core, const settings::Settings& settings, int databases, Coverage& coverage)
    : core_(core), settings_(settings), coverage_(coverage), databases_(databases) {
  databases_[0].name = "system";
  for (int i = 1; i < databases; ++i) databases_[i].name = "d" + std::to_string(i);
}

void Model::begin(TimePoint now) {
  now_ = now;
  newcomer_ = 0;
  opened_in_event_ = false;
  gave_way_ = false;
  lasting_failure_ = nullptr;
  coverage_.saw(Seen::kEvents);
}

void Model::acquired(WaiterId waiter, int index, TimePoint deadline) {
  Database& database = databases_[index];
  Outage& outage = database.outage;
  const bool unused = database.counts.sockets() == 0 && database.queued == 0;
  if (outage.failing && unused && now_ >= outage.last_failure + kRemembered) outage.fading = true;
  waiters_.push_back(
      {waiter, index, now_, std::min({deadline, now_ + settings_.acquire_timeout, drain_deadline_})});
  ++database.queued;
  newcomer_ = waiter;
  touched_ = index;
}

void Model::opened(ConnectionId id) {
  Connection& connection = find(id);
  connection.opened_at = now_;
  answered_connect();
  for (Outage* outage : {&server_, &databases_[connection.database].outage}) {
    if (outage->failing) outage->ended = now_;
    outage->failing = false;
  }
  came_back(id, true);
}

void Model::open_failed(ConnectionId id, const OpenFailure& failure) {
  const Connection& connection = find(id);
  // A connect with retired credentials tells nothing of those there are now.
  const bool lasting = failure.lasting && connection.era == era_;
  ++connect_failures_;
  if (failure.database_only) {
    answered_connect();
    if (server_.failing) server_.ended = now_;
    server_.failing = false;
    failed(databases_[connection.database].outage, connection, lasting);
  } else {
    failed(server_, connection, lasting);
  }
  forget(id);
}

// After an outage two connects at a time, and one more with each that the server answers.
void Model::answered_connect() {
  if (server_.failing) {
    at_a_time_ = 2;
  } else if (at_a_time_ != kUnbounded && ++at_a_time_ > settings_.max_open_conns) {
    at_a_time_ = kUnbounded;
  }
}

void Model::failed(Outage& outage, const Connection& connection, bool lasting) {
  outage.lasting = lasting;
  // A connect that began before the last failure counted is of the same outage.
  if (outage.failing && connection.began <= outage.last_failure) return;
  if (!outage.failing) outage.began = connection.began;
  if (!outage.failing || outage.fading) outage.remembered_from = connection.began;
  outage.failing = true;
  outage.fading = false;
  outage.last_failure = now_;
  if (lasting) lasting_failure_ = &outage;
}

void Model::came_back(ConnectionId id, bool healthy) {
  Connection& connection = find(id);
  connection.fresh = healthy;
  connection.idle_turn = ++turns_;
  connection.idle_since = now_;
  set_state(connection, State::kPlacing);
}

void Model::closed(ConnectionId id) {
  forget(id);
}

void Model::drained(TimePoint deadline) {
  draining_ = true;
  drain_deadline_ = std::min(drain_deadline_, deadline);
  for (Waiter& waiter : waiters_) waiter.deadline = std::min(waiter.deadline, deadline);
}

// What only a person can mend may have been mended: it is tried without a back-off.
void Model::retired() {
  ++era_;
  if (server_.failing && server_.lasting) answered_connect();
  const auto forget = [&](Outage& outage) {
    if (!outage.failing || !outage.lasting) return;
    outage.failing = false;
    outage.ended = now_;
  };
  forget(server_);
  for (Database& database : databases_) forget(database.outage);
}

void Model::database_reopened(int database) {
  if (databases_[database].closers > 0) --databases_[database].closers;
}

void Model::settle(const std::vector<Action>& actions) {
  for (const Action& action : actions) {
    std::visit([this](const auto& done) { apply(done); }, action);
  }
  if (total_.of(State::kPlacing) > 0) {
    for (Connection& connection : connections_) {
      if (connection.state != State::kPlacing) continue;
      require(connection.fresh, "E7: a connection that is not healthy is closed");
      set_state(connection, State::kIdle);
    }
  }
  check();
  sockets_before_ = total_.sockets();
}

void Model::apply(const Open& open) {
  int database = 0;
  while (database < static_cast<int>(databases_.size()) && name(database) != open.database) ++database;
  require(database < static_cast<int>(databases_.size()),
          "a connect names a database that somebody asked for");
  note("open " + label(open.connection) + " " + open.database);
  coverage_.saw(Seen::kOpens);
  may_open(database);
  for (const Connection& other : connections_) {
    require(other.id != open.connection, "the id of a new connection is its own");
  }
  Connection connection;
  connection.id = open.connection;
  connection.database = database;
  connection.began = now_;
  connection.era = era_;
  connections_.push_back(connection);
  ++total_.by_state[static_cast<std::size_t>(State::kOpening)];
  ++databases_[database].counts.by_state[static_cast<std::size_t>(State::kOpening)];
  require(total_.sockets() <= settings_.max_open_conns, "E1: no connect without a token");
  require(of(database).sockets() <= limit_of(database), "E1: no connect over maxConnsPerDatabase");
  require(database == 0 || total_.sockets() - of(0).sockets() <= ordinary_limit(),
          "E1: systemConns are kept for the system database");
  high_water_ = std::max(high_water_, total_.sockets());
  opened_in_event_ = true;
}

void Model::apply(const Close& close) {
  Connection& connection = find(close.connection);
  note("close " + label(close.connection) + " " + name(connection.database));
  require(connection.state == State::kIdle || connection.state == State::kPlacing,
          "only a connection that nobody holds is closed");
  if (connection.state == State::kIdle || connection.fresh) {
    const auto reason = reason_to_close(connection);
    if (!reason)
      throw Violation("E5: a healthy connection is closed only for a reason, the least recently used first");
    coverage_.saw(*reason);
  }
  set_state(connection, State::kClosing);
}

void Model::apply(const Validate& validate) {
  Connection& connection = find(validate.connection);
  note("validate " + label(validate.connection) + " " + name(connection.database));
  coverage_.saw(Seen::kValidations);
  require(connection.state == State::kIdle && to_be_checked(connection),
          "validateAfterIdle: only what was idle for long, or is in doubt, is checked");
  if (now_ - connection.idle_since < settings_.validate_after_idle) coverage_.saw(Seen::kDoubts);
  require(is_most_recently_used(connection), "the most recently used idle connection is used first");
  require(!unwanted(connection), "what may not be handed out is not checked");
  connection.again = true;
  set_state(connection, State::kValidating);
}

void Model::apply(const Hand& hand) {
  Connection& connection = find(hand.connection);
  note("hand " + label(hand.connection) + " " + name(connection.database) + " to waiter " +
       label(hand.waiter));
  coverage_.saw(Seen::kHanded);
  const auto waiter = find_waiter(hand.waiter);
  require(waiter != waiters_.end(), "E3: only a waiter that waits is served");
  require(waiter->deadline > now_, "E3: an expired waiter is not served");
  require(connection.database == waiter->database, "a connection serves its own database");
  require(std::none_of(waiters_.cbegin(), waiter,
                       [&](const Waiter& other) { return other.database == connection.database; }),
          "E3: first come, first served");
  may_hand(connection);
  connection.again = connection.again || connection.state == State::kIdle;
  set_state(connection, State::kInUse);
  remove_waiter(waiter);
}

void Model::apply(const Fail& fail) {
  note("fail waiter " + label(fail.waiter) + ": " + fail.error.detail);
  coverage_.saw(kSeenReasons.at(static_cast<std::size_t>(fail.error.reason)));
  const auto waiter = find_waiter(fail.waiter);
  require(waiter != waiters_.end(), "E3: only a waiter that waits is failed");
  if (waiter->deadline <= now_ && fail.waiter != newcomer_) {
    const Counts& counts = of(waiter->database);
    coverage_.saw(counts.of(State::kOpening) > 0      ? Seen::kExpiredOpening
                  : counts.of(State::kValidating) > 0 ? Seen::kExpiredValidating
                                                      : Seen::kExpiredWaiting);
  }
  const auto told_of = [&](const Outage& outage) {
    return (outage.failing || outage.ended == now_) && (outage.lasting || waiter->deadline <= now_);
  };
  switch (fail.error.reason) {
    case AcquireError::Reason::kDeadlineExceeded:
      require(waiter->deadline <= now_, "nobody expires before the deadline");
      break;
    case AcquireError::Reason::kTooManyWaiters:
      require(newcomer_ != 0 && uncovered_in_all() - held_tokens() > settings_.max_waiters,
              "maxWaiters refuses only when somebody comes, and only at the bound");
      require(std::none_of(waiter + 1, waiters_.cend(),
                           [&](const Waiter& other) { return other.database == waiter->database; }),
              "maxWaiters refuses who came last");
      require(uncovered(waiter->database) * uncovered_databases() > settings_.max_waiters,
              "E12: a database keeps its equal part of the places");
      if (fail.waiter != newcomer_) {
        coverage_.saw(Seen::kGaveWay);
        gave_way_ = true;
      }
      break;
    case AcquireError::Reason::kDraining:
      require(draining_, "nobody is told of a drain that is none");
      break;
    case AcquireError::Reason::kConnectFailed:
      require(told_of(server_) || told_of(databases_[waiter->database].outage),
              "nobody is told of a failure that is none, or before the deadline of one that may pass");
      break;
    case AcquireError::Reason::kDatabaseClosed:
      require(databases_[waiter->database].closers > 0, "nobody is told of a closed database that is open");
      break;
  }
  require(fail.error.retry_after >= std::chrono::seconds(1), "Retry-After is at least a second");
  remove_waiter(waiter);
}

Connection& Model::find(ConnectionId id) {
  const auto found =
      std::find_if(connections_.begin(), connections_.end(), [&](const Connection& c) { return c.id == id; });
  require(found != connections_.end(), "actions concern connections that exist");
  touched_ = found->database;
  return *found;
}

const Connection& Model::connection(ConnectionId id) const {
  return *std::find_if(connections_.begin(), connections_.end(),
                       [&](const Connection& c) { return c.id == id; });
}

std::vector<Waiter>::const_iterator Model::find_waiter(WaiterId id) const {
  return std::find_if(waiters_.begin(), waiters_.end(),
                      [&](const Waiter& waiter) { return waiter.id == id; });
}

void Model::remove_waiter(std::vector<Waiter>::const_iterator waiter) {
  --databases_[waiter->database].queued;
  waiters_.erase(waiter);
}

void Model::set_state(Connection& connection, State state) {
  Counts& counts = databases_[connection.database].counts;
  --total_.by_state[static_cast<std::size_t>(connection.state)];
  --counts.by_state[static_cast<std::size_t>(connection.state)];
  connection.state = state;
  ++total_.by_state[static_cast<std::size_t>(state)];
  ++counts.by_state[static_cast<std::size_t>(state)];
}

void Model::forget(ConnectionId id) {
  const Connection& connection = find(id);
  --total_.by_state[static_cast<std::size_t>(connection.state)];
  --databases_[connection.database].counts.by_state[static_cast<std::size_t>(connection.state)];
  connections_.erase(connections_.begin() + (&connection - connections_.data()));
}

}  // namespace storagepool::engine::simulator
