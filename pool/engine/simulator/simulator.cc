#include "pool/engine/simulator/simulator.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "pool/common/runtime/check.h"

namespace storagepool::engine::simulator {
namespace {

using std::chrono::milliseconds;
using std::chrono::nanoseconds;
using std::chrono::seconds;

constexpr std::size_t kLinesKept = 120;
constexpr int kTensEvery = 50;
constexpr int kThousandsEvery = 1000;

}  // namespace

std::optional<std::string> run_schedule(std::uint64_t seed, Coverage& coverage) {
  Simulator simulator(seed, false);
  try {
    simulator.run();
    coverage.add(simulator.coverage());
    return std::nullopt;
  } catch (const Violation& violation) {
    const std::string what = "seed " + std::to_string(seed) + ", step " + std::to_string(simulator.step()) +
                             ": " + violation.what();
    Simulator again(seed, true);
    try {
      again.run();
    } catch (const Violation& same) {
      if (again.step() == simulator.step() && std::string(same.what()) == violation.what()) {
        std::string text = what;
        for (const auto& line : again.trace()) text += "\n  " + line;
        return text;
      }
    }
    return what + "\n  and a second run of the same seed went otherwise: the core is not deterministic";
  }
}

Simulator::Simulator(std::uint64_t seed, bool traced)
    : random_(seed),
      shape_(random_shape(seed)),
      settings_(random_settings()),
      core_("system", settings_, std::mt19937_64(seed + 1)),
      model_(core_, settings_, shape_.databases, coverage_),
      failure_rate_(chance(0.5) ? 0.02 : 0.3),
      impatience_(chance(0.5) ? 0.1 : 0.6),
      clients_(chance(0.5) ? 1 + below(shape_.max_open) : std::numeric_limits<int>::max()),
      server_slots_(std::numeric_limits<int>::max()),
      salt_(random_()),
      traced_(traced),
      violations_before_(check::violations()) {
  constexpr std::array<int, 5> kFactors = {0, 1, 1, 1, 4};
  for (const Kind& kind : kinds()) {
    weights_.push_back(kind.weight * 5 * kFactors[static_cast<std::size_t>(below(kFactors.size()))] +
                       kind.weight);
    weight_ += weights_.back();
  }
  if (traced_) model_.trace(&trace_);
}

const std::vector<Simulator::Kind>& Simulator::kinds() {
  static const std::vector<Kind> kKinds = {
      {220, &Simulator::acquire},
      {6, &Simulator::burst},
      {20, &Simulator::abandon},
      {300, &Simulator::release},
      {300, &Simulator::answer_connect},
      {200, &Simulator::let_go},
      {100, &Simulator::answer_validation},
      {20, &Simulator::die},
      {4, &Simulator::restart},
      {8, &Simulator::neighbours_change},
      {40, &Simulator::tick},
      {20, &Simulator::stale_news},
      {6, &Simulator::reconfigure},
      {1, &Simulator::reconfigure_storm},
      {5, &Simulator::suspend_or_resume},
      {4, &Simulator::retire},
      {3, &Simulator::close_database},
      {15, &Simulator::reopen_database},
      {1, &Simulator::drain},
  };
  return kKinds;
}

bool Simulator::chance(double probability) {
  return static_cast<double>(random_() >> 11) * 0x1p-53 < probability;
}
int Simulator::below(int bound) {
  return static_cast<int>(random_() % static_cast<std::uint64_t>(bound));
}
nanoseconds Simulator::up_to(nanoseconds bound) {
  return nanoseconds(static_cast<std::int64_t>(random_() % static_cast<std::uint64_t>(bound.count() + 1)));
}

Simulator::Shape Simulator::random_shape(std::uint64_t seed) {
  if (seed % kThousandsEvery == kThousandsEvery / 2) {
    coverage_.saw(Seen::kThousandsOfDatabases);
    return {2000 + below(3000), 4000, 60};
  }
  if (seed % kTensEvery == kTensEvery / 2) {
    coverage_.saw(Seen::kTensOfDatabases);
    return {10 + below(40), 400, 20};
  }
  return {3, 220, 5};
}

settings::Settings Simulator::random_settings() {
  settings::Settings s;
  s.max_open_conns = 1 + below(shape_.max_open);
  s.max_idle_conns = below(static_cast<int>(s.max_open_conns) + 1);
  s.max_conns_per_database = 1 + below(static_cast<int>(std::min<std::int64_t>(6, s.max_open_conns)));
  s.system_conns = 1 + below(static_cast<int>(std::min<std::int64_t>(6, s.max_open_conns)));
  s.max_waiters = chance(0.3) ? below(4) : 10 * shape_.max_open;
  s.conn_max_lifetime = milliseconds(chance(0.3) ? 0 : 200 + below(2000));
  s.conn_max_idle_time = milliseconds(chance(0.3) ? 0 : 100 + below(1000));
  s.surplus_idle_time = milliseconds(chance(0.3) ? 0 : below(400));
  s.acquire_timeout = milliseconds(chance(0.6) ? 20 + below(150) : 50 + below(3000));
  s.connect_timeout = milliseconds(100 + below(2000));
  s.validate_after_idle = milliseconds(chance(0.3) ? 0 : below(500));
  return s;
}

// Databases are as popular as words are frequent; of three, the system database is the most popular.
int Simulator::any_database() {
  if (shape_.databases <= 3) return chance(0.2) ? 0 : below(shape_.databases);
  const double popularity = static_cast<double>(random_() >> 11) * 0x1p-53;
  return static_cast<int>(std::pow(shape_.databases, popularity)) - 1;
}

std::optional<ConnectionId> Simulator::any(State state) {
  const int size = model_.total().of(state);
  if (size == 0) return std::nullopt;
  int wanted = below(size);
  for (const Connection& connection : model_.connections()) {
    if (connection.state == state && wanted-- == 0) return connection.id;
  }
  return std::nullopt;
}

// One connect in sixteen is answered by nobody: the driver reports it at connectTimeout.
bool Simulator::never_answered(ConnectionId id) const {
  return ((id ^ salt_) * 0x9e3779b97f4a7c15) >> 60 == 0;
}

std::optional<TimePoint> Simulator::some_deadline() {
  switch (below(8)) {
    case 0:
    case 1:
      return core_.next_timer();
    case 2:
      if (model_.waiters().empty()) return std::nullopt;
      return model_.waiters()[static_cast<std::size_t>(below(static_cast<int>(model_.waiters().size())))]
          .deadline;
    case 3:
      if (model_.draining()) return model_.drain_deadline();
      [[fallthrough]];
    default:
      break;
  }
  if (model_.connections().empty()) return std::nullopt;
  const auto& connection =
      model_.connections()[static_cast<std::size_t>(below(static_cast<int>(model_.connections().size())))];
  if (connection.state == State::kOpening) return connection.began + settings_.connect_timeout;
  if (connection.state != State::kIdle || chance(0.3))
    return connection.opened_at + settings_.conn_max_lifetime;
  const std::array ends{settings_.conn_max_idle_time, settings_.validate_after_idle,
                        settings_.surplus_idle_time};
  return connection.idle_since + ends[static_cast<std::size_t>(below(ends.size()))];
}

// Time stands still, passes a little or much, or comes to a deadline, give or take a nanosecond.
void Simulator::pass_time() {
  if (chance(0.4)) return;
  if (!chance(0.12)) {
    now_ += up_to(chance(0.02) ? nanoseconds(seconds(2)) : nanoseconds(milliseconds(30)));
    return;
  }
  const auto deadline = some_deadline();
  if (!deadline) return;
  const int offset = below(3) - 1;
  const TimePoint then = *deadline + nanoseconds(offset);
  if (then < now_ || (then > now_ + milliseconds(300) && chance(0.8))) return;
  now_ = then;
  coverage_.saw(offset < 0 ? Seen::kJustBefore : offset == 0 ? Seen::kJustAt : Seen::kJustAfter);
}

void Simulator::begin(const char* what, int database) {
  model_.begin(now_);
  if (!traced_) return;
  const auto since_start = std::chrono::duration_cast<nanoseconds>(now_ - TimePoint(std::chrono::hours(1)));
  std::string line =
      "step " + std::to_string(step_) + ", " + std::to_string(since_start.count()) + " ns: " + what;
  if (database >= 0) line += " " + model_.name(database);
  trace_.push_back(std::move(line));
  while (trace_.size() > kLinesKept) trace_.pop_front();
}

void Simulator::settle() {
  core_.take_actions(actions_);
  model_.settle(actions_);
  if (check::violations() != violations_before_ + contradictions_)
    throw Violation("the core's own checks find a contradiction where there is one, and nowhere else");
}

void Simulator::run() {
  for (step_ = 1; step_ <= shape_.steps && !core_.drained(); ++step_) take_step();
  wind_down();
}

void Simulator::take_step() {
  pass_time();
  // Where there is nothing to do it to, something else is done.
  const auto before = coverage_.of(Seen::kEvents);
  for (int tries = 0; tries < 4 && coverage_.of(Seen::kEvents) == before; ++tries) {
    int choice = below(weight_);
    std::size_t kind = 0;
    while (choice >= weights_[kind]) choice -= weights_[kind++];
    (this->*kinds()[kind].run)();
  }
}

// Everything asked of the world is answered and every lease comes back: then everybody gets an answer and,
// once drained, no socket is left. A lost wake-up shows as a waiter that is still there.
void Simulator::wind_down() {
  up_at_ = now_;
  rejected_ = false;
  server_slots_ = std::numeric_limits<int>::max();
  if (suspended_ && chance(0.8)) set_suspended(false);
  if (chance(0.8)) {
    while (!closed_.empty()) reopen(closed_.size() - 1);
  }
  while (!model_.waiters().empty() || !model_.draining() || !model_.connections().empty()) {
    ++step_;
    if (wind_up_world()) continue;
    if (model_.waiters().empty()) {
      drain();
      continue;
    }
    const auto next = core_.next_timer();
    if (!next) throw Violation("E2: somebody waits and nothing will happen");
    now_ = std::max(now_, *next);
    begin("tick");
    core_.tick(now_);
    settle();
  }
  if (!core_.drained()) throw Violation("a drained engine holds no socket");
}

// Ends one thing that is under way; false when there is none.
bool Simulator::wind_up_world() {
  if (const auto closing = any(State::kClosing)) {
    let_go_of(*closing);
  } else if (const auto validating = any(State::kValidating)) {
    answer_validation_of(*validating);
  } else if (const auto opening = any(State::kOpening)) {
    connected(*opening, true);
  } else if (const auto busy = any(State::kInUse)) {
    release_one(*busy, true);
  } else {
    return false;
  }
  return true;
}

}  // namespace storagepool::engine::simulator
