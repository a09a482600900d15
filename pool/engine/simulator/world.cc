// The server, the network, the clock and the owner of the pool.
#include <algorithm>
#include <limits>

#include "pool/engine/simulator/simulator.h"

namespace storagepool::engine::simulator {

using std::chrono::milliseconds;
using std::chrono::nanoseconds;
using std::chrono::seconds;

void Simulator::answer_connect() {
  if (const auto id = any(State::kOpening)) {
    if (never_answered(*id)) {
      if (now_ < model_.connection(*id).began + settings_.connect_timeout) return;
      coverage_.saw(Seen::kConnectTimeouts);
    }
    connected(*id, false);
  }
}

// What the server has to say against a connection, if anything.
std::optional<OpenFailure> Simulator::why_refused(const Connection& connection) {
  const Counts& all = model_.total();
  if (connection.dead) return OpenFailure{.detail = "the server went away"};
  if (never_answered(connection.id)) return OpenFailure{.detail = "no answer within connectTimeout"};
  if (now_ < up_at_) return OpenFailure{.detail = "the server is down"};
  if (all.sockets() - all.of(State::kOpening) >= server_slots_) {
    coverage_.saw(Seen::kServerFull);
    return OpenFailure{.detail = "too many clients (53300)"};
  }
  if (rejected_) return OpenFailure{.lasting = true, .detail = "the credentials are rejected"};
  if (!chance(failure_rate_)) return std::nullopt;
  OpenFailure failure{.database_only = chance(0.5), .lasting = chance(0.4), .detail = "simulated"};
  return failure;
}

void Simulator::connected(ConnectionId id, bool surely) {
  const Connection connection = model_.connection(id);
  if (now_ - connection.began > seconds(1)) coverage_.saw(Seen::kSlowConnects);
  const auto failure = surely ? std::nullopt : why_refused(connection);
  if (!failure) {
    begin("opened", connection.database);
    model_.opened(id);
    core_.opened(now_, id);
  } else {
    if (failure->lasting) coverage_.saw(Seen::kLastingFailures);
    if (failure->database_only) coverage_.saw(Seen::kDatabaseFailures);
    if (connection.dead) coverage_.saw(Seen::kDiedOpening);
    begin(failure->database_only
              ? failure->lasting ? "open failed, database, lasting:" : "open failed, database:"
          : failure->lasting ? "open failed, server, lasting:"
                             : "open failed, server:",
          connection.database);
    model_.open_failed(id, *failure);
    core_.open_failed(now_, id, *failure);
  }
  settle();
}

void Simulator::let_go() {
  if (const auto id = any(State::kClosing)) let_go_of(*id);
}

void Simulator::let_go_of(ConnectionId id) {
  begin("closed", model_.connection(id).database);
  model_.closed(id);
  core_.closed(now_, id);
  settle();
}

void Simulator::answer_validation() {
  if (const auto id = any(State::kValidating)) answer_validation_of(*id);
}

void Simulator::answer_validation_of(ConnectionId id) {
  const Connection& connection = model_.connection(id);
  const bool alive = !connection.dead && chance(0.9);
  if (!alive) coverage_.saw(Seen::kFailedValidations);
  begin(alive ? "validated" : "validated, dead", connection.database);
  model_.came_back(id, alive);
  if (!alive) model_.doubted();
  core_.validated(now_, id, alive);
  settle();
}

// One socket dies; of an idle connection the news may come at once or later.
void Simulator::die() {
  if (model_.connections().empty()) return;
  const Connection& connection =
      model_.connections()[static_cast<std::size_t>(below(static_cast<int>(model_.connections().size())))];
  if (connection.state == State::kClosing) return;
  const ConnectionId id = connection.id;
  model_.died(id);
  if (connection.state == State::kIdle && chance(0.5)) lose(id);
}

void Simulator::lose(ConnectionId id) {
  coverage_.saw(Seen::kDiedIdle);
  begin("lost", model_.connection(id).database);
  model_.came_back(id, false);
  model_.doubted();
  core_.lost(now_, id);
  settle();
}

// All sockets die at once and the server is away for a while; the news of idle connections come in any order,
// some of them late. What the server thinks of the credentials may have changed.
void Simulator::restart() {
  coverage_.saw(Seen::kRestarts);
  up_at_ = now_ + up_to(milliseconds(chance(0.2) ? 5000 : 300));
  rejected_ = chance(0.1);
  std::vector<ConnectionId> idle;
  for (const Connection& connection : model_.connections()) {
    model_.died(connection.id);
    if (connection.state == State::kIdle) idle.push_back(connection.id);
  }
  std::shuffle(idle.begin(), idle.end(), random_);
  const double heard = chance(0.5) ? 1 : 0.5;
  for (const ConnectionId id : idle) {
    if (core_.idle(id) && chance(heard)) lose(id);
  }
}

// Other clients of the server take its slots, or leave.
void Simulator::neighbours_change() {
  server_slots_ = chance(0.5) ? std::numeric_limits<int>::max() : below(shape_.max_open + 1);
}

void Simulator::tick() {
  const auto next = core_.next_timer();
  if (next && chance(0.5)) {
    now_ = std::max(now_, *next);
    if (chance(0.5)) {
      now_ += up_to(milliseconds(500));
      coverage_.saw(Seen::kLateTicks);
    }
  }
  begin("tick");
  core_.tick(now_);
  settle();
}

// News that contradict what the core knows, as of a driver at fault, are counted and change nothing; that of
// a loss may come too late without anybody's fault.
void Simulator::stale_news() {
  begin("tick");
  core_.tick(now_);
  settle();
  if (model_.connections().empty()) return;
  coverage_.saw(Seen::kStaleNews);
  const Connection connection =
      model_.connections()[static_cast<std::size_t>(below(static_cast<int>(model_.connections().size())))];
  const ConnectionId other = connection.id + (std::uint64_t{1} << 32);  // the next to have its place
  begin("stale news of", connection.database);
  if (connection.state != State::kInUse) contradict([&] { core_.release(now_, connection.id, true); });
  if (connection.state != State::kOpening) {
    contradict([&] { core_.opened(now_, connection.id); });
    contradict([&] { core_.open_failed(now_, connection.id, {.lasting = true, .detail = "stale"}); });
  }
  if (connection.state != State::kValidating) contradict([&] { core_.validated(now_, connection.id, true); });
  if (connection.state != State::kClosing) contradict([&] { core_.closed(now_, connection.id); });
  contradict([&] { core_.release(now_, other, true); });
  contradict([&] { core_.closed(now_, other); });
  model_.doubted();
  core_.lost(now_, other);
  settle();
}

void Simulator::reconfigure() {
  coverage_.saw(Seen::kReconfigures);
  settings_ = random_settings();
  begin("reconfigure");
  if (traced_) {
    trace_.back() += ": " + std::to_string(settings_.max_open_conns) + " open, " +
                     std::to_string(settings_.max_idle_conns) + " idle, " +
                     std::to_string(settings_.max_conns_per_database) + " per database, " +
                     std::to_string(settings_.system_conns) + " system, " +
                     std::to_string(settings_.max_waiters) + " waiters";
  }
  model_.reconfigured(settings_);
  core_.reconfigure(now_, settings_);
  settle();
}

void Simulator::reconfigure_storm() {
  coverage_.saw(Seen::kReconfigureStorms);
  for (int left = 5 + below(20); left > 0; --left) {
    reconfigure();
    if (chance(0.2)) take_step();
  }
}

void Simulator::suspend_or_resume() {
  if (suspended_ || chance(0.4)) set_suspended(!suspended_);
}

void Simulator::set_suspended(bool suspended) {
  coverage_.saw(suspended ? Seen::kSuspends : Seen::kResumes);
  suspended_ = suspended;
  begin(suspended ? "suspend" : "resume");
  model_.suspended(suspended);
  if (suspended) {
    core_.suspend(now_);
  } else {
    core_.resume(now_);
  }
  settle();
}

void Simulator::retire() {
  coverage_.saw(Seen::kRetires);
  rejected_ = rejected_ && chance(0.5);
  begin("retire");
  model_.retired();
  core_.retire(now_);
  settle();
}

void Simulator::close_database() {
  coverage_.saw(Seen::kDatabaseCloses);
  const int database = any_database();
  closed_.push_back(database);
  begin("close_database", database);
  model_.database_closed(database);
  core_.close_database(now_, model_.name(database));
  settle();
}

void Simulator::reopen_database() {
  if (!closed_.empty()) {
    reopen(static_cast<std::size_t>(below(static_cast<int>(closed_.size()))));
    return;
  }
  const int open = any_database();  // one too many changes nothing
  begin("reopen_database, open", open);
  contradict([&] { core_.reopen_database(now_, model_.name(open)); });
  settle();
}

void Simulator::reopen(std::size_t index) {
  coverage_.saw(Seen::kDatabaseReopens);
  const int database = closed_[index];
  closed_.erase(closed_.begin() + static_cast<std::ptrdiff_t>(index));
  begin("reopen_database", database);
  model_.database_reopened(database);
  core_.reopen_database(now_, model_.name(database));
  settle();
}

void Simulator::drain() {
  coverage_.saw(Seen::kDrains);
  const TimePoint deadline = now_ + up_to(seconds(1));
  begin("drain");
  model_.drained(deadline);
  core_.drain(now_, deadline);
  if (deadline <= now_) core_.tick(now_);
  settle();
}

}  // namespace storagepool::engine::simulator
