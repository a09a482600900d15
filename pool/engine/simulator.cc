#include "pool/engine/simulator.h"

#include <algorithm>
#include <utility>

namespace storagepool::engine {
namespace {

using std::chrono::milliseconds;

const std::vector<std::string> kDatabases = {"system", "a", "b"};
constexpr std::size_t kEventsKept = 40;

}  // namespace

Simulator::Simulator(std::uint64_t seed)
    : random_(seed),
      settings_(random_settings()),
      core_(kDatabases[0], settings_, std::mt19937_64(seed + 1)),
      databases_(kDatabases.size()) {}

bool Simulator::chance(double probability) {
  return std::bernoulli_distribution(probability)(random_);
}
int Simulator::below(int bound) {
  return std::uniform_int_distribution<int>(0, bound - 1)(random_);
}
milliseconds Simulator::up_to(int bound) {
  return milliseconds(below(bound + 1));
}

settings::Settings Simulator::random_settings() {
  settings::Settings s;
  s.max_open_conns = 1 + below(6);
  s.max_idle_conns = below(static_cast<int>(s.max_open_conns) + 1);
  s.max_conns_per_database = 1 + below(static_cast<int>(s.max_open_conns));
  s.system_conns = 1 + below(static_cast<int>(s.max_open_conns));
  s.max_waiters = chance(0.3) ? below(4) : 20;
  s.conn_max_lifetime = chance(0.3) ? milliseconds(0) : milliseconds(200) + up_to(2000);
  s.conn_max_idle_time = chance(0.3) ? milliseconds(0) : milliseconds(100) + up_to(1000);
  s.acquire_timeout = milliseconds(50) + up_to(3000);
  s.validate_after_idle = chance(0.3) ? milliseconds(0) : up_to(500);
  return s;
}

std::optional<ConnectionId> Simulator::any(State state) {
  const int size = count(state);
  if (size == 0) return std::nullopt;
  int wanted = below(size);
  for (const auto& [id, connection] : connections_) {
    if (connection.state == state && wanted-- == 0) return id;
  }
  return std::nullopt;
}

void Simulator::note(std::string event) {
  if (events_.size() == kEventsKept) events_.erase(events_.begin());
  events_.push_back(
      std::to_string(std::chrono::duration_cast<milliseconds>(now_.time_since_epoch()).count()) +
      " ms: " + std::move(event));
}

void Simulator::run(int steps) {
  for (int i = 0; i < steps; ++i) step();
  wind_down();
}

void Simulator::step() {
  // Time passes between most events; the timer fires late or not at all.
  if (chance(0.6)) now_ += up_to(chance(0.1) ? 2000 : 30);
  if (chance(0.02)) server_up_ = !server_up_;
  const int choice = below(100);
  if (choice < 35) {
    acquire();
  } else if (choice < 40) {
    cancel();
  } else if (choice < 60) {
    if (const auto id = any(State::kInUse)) release(*id, chance(0.9));
  } else if (choice < 72) {
    if (const auto id = any(State::kOpening)) answer_open(*id, server_up_ && chance(0.95));
  } else if (choice < 80) {
    if (const auto id = any(State::kClosing)) {
      note("closed");
      connections_.erase(*id);
      core_.closed(now_, *id);
      apply();
    }
  } else if (choice < 85) {
    if (const auto id = any(State::kValidating)) {
      const bool alive = chance(0.7);
      note(alive ? "validated" : "validation failed");
      auto& connection = connections_.at(*id);
      connection.state = State::kPlacing;
      connection.fresh = alive;
      core_.validated(now_, *id, alive);
      apply();
    }
  } else if (choice < 88) {
    if (const auto id = any(State::kIdle)) {
      note("lost");
      core_.lost(now_, *id);
      apply();
      require(connections_.at(*id).state == State::kClosing, "a lost connection is closed");
    }
  } else if (choice < 96) {
    const auto next = core_.next_timer();
    if (next && chance(0.5)) now_ = std::max(now_, *next);
    note("tick");
    core_.tick(now_);
    apply();
  } else if (choice < 99) {
    reconfigure();
  } else if (chance(0.1)) {
    drain();
  }
}

void Simulator::acquire() {
  const int database = chance(0.3) ? 0 : below(static_cast<int>(kDatabases.size()));
  const TimePoint deadline = chance(0.05) ? now_ - up_to(10) : now_ + up_to(4000);
  note("acquire " + kDatabases[database]);
  const WaiterId id = core_.acquire(now_, kDatabases[database], deadline);
  waiters_.push_back(
      {id, database, now_, std::min({deadline, now_ + settings_.acquire_timeout, drain_deadline_})});
  apply();
}

void Simulator::cancel() {
  if (waiters_.empty()) return;
  const int index = below(static_cast<int>(waiters_.size()));
  const WaiterId id = waiters_[index].id;
  note("cancel " + kDatabases[waiters_[index].database]);
  // One that expires at this moment may fail first: both answers are right.
  const bool expired = waiters_[index].deadline <= now_;
  if (!expired) waiters_.erase(waiters_.begin() + index);
  core_.cancel(now_, id);
  apply();
}

void Simulator::answer_open(ConnectionId id, bool success) {
  core_.tick(now_);  // who expires at this moment is told of the outage that this answer may end
  apply();
  auto& connection = connections_.at(id);
  if (success) {
    note("opened " + kDatabases[connection.database]);
    server_.failing = false;
    databases_[connection.database].failing = false;
    connection.state = State::kPlacing;
    connection.opened_at = now_;
    connection.fresh = true;
    core_.opened(now_, id);
  } else {
    ++coverage_.open_failures;
    OpenFailure failure;
    failure.database_only = server_up_ && chance(0.5);
    failure.lasting = chance(0.4);
    failure.detail = "simulated";
    note(std::string("open failed ") + kDatabases[connection.database] +
         (failure.database_only ? " (database)" : "") + (failure.lasting ? " (lasting)" : ""));
    if (failure.database_only) server_.failing = false;
    auto& outage = failure.database_only ? databases_[connection.database] : server_;
    // A connect that began before the last failure counted tells nothing new.
    if (!outage.failing || connection.opened_at > outage.last_failure) outage = {true, now_, false};
    connections_.erase(id);
    core_.open_failed(now_, id, failure);
  }
  apply();
}

void Simulator::release(ConnectionId id, bool reusable) {
  note(std::string(reusable ? "release " : "release broken ") + kDatabases[connections_.at(id).database]);
  connections_.at(id).state = State::kPlacing;
  connections_.at(id).fresh = reusable;
  core_.release(now_, id, reusable);
  apply();
}

void Simulator::reconfigure() {
  ++coverage_.resizes;
  settings_ = random_settings();
  note("reconfigure: " + std::to_string(settings_.max_open_conns) + " open, " +
       std::to_string(settings_.max_idle_conns) + " idle, " +
       std::to_string(settings_.max_conns_per_database) + " per database, " +
       std::to_string(settings_.system_conns) + " system");
  core_.reconfigure(now_, settings_);
  apply();
  require(core_.settings() == settings_, "settings are in force");
}

void Simulator::drain() {
  note("drain");
  draining_ = true;
  drain_deadline_ = now_ + up_to(1000);
  for (auto& waiter : waiters_) waiter.deadline = std::min(waiter.deadline, drain_deadline_);
  core_.drain(now_, drain_deadline_);
  core_.tick(now_);
  apply();
}

// Everything asked of the world is answered and every lease comes back: then everybody gets an answer and,
// once drained, no socket is left. A lost wake-up shows as a waiter that is still there.
void Simulator::wind_down() {
  server_up_ = true;
  for (int round = 0; round < 1000; ++round) {
    while (const auto id = any(State::kClosing)) {
      connections_.erase(*id);
      core_.closed(now_, *id);
      apply();
    }
    while (const auto id = any(State::kValidating)) {
      connections_.at(*id).state = State::kPlacing;
      connections_.at(*id).fresh = true;
      core_.validated(now_, *id, true);
      apply();
    }
    while (const auto id = any(State::kOpening)) answer_open(*id, true);
    while (const auto id = any(State::kInUse)) release(*id, true);
    if (count(State::kClosing) + count(State::kOpening) + count(State::kInUse) + count(State::kValidating) >
        0)
      continue;
    if (waiters_.empty() && draining_) break;
    if (waiters_.empty()) {
      drain();
      continue;
    }
    const auto next = core_.next_timer();
    require(next.has_value(), "E2: somebody waits and nothing will happen");
    now_ = std::max(now_, *next);
    note("tick");
    core_.tick(now_);
    apply();
  }
  require(waiters_.empty(), "E2: everybody is answered");
  require(connections_.empty() && core_.drained(), "a drained engine holds no socket");
}

}  // namespace storagepool::engine
