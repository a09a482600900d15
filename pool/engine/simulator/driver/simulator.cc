#include "pool/engine/simulator/driver/simulator.h"

#include <algorithm>
#include <exception>

#include "pool/common/runtime/check.h"

namespace storagepool::engine::driver_simulator {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr int kMostSteps = 200000;
constexpr seconds kBackOffs{2};  // longer than any

}  // namespace

std::optional<std::string> run_schedule(std::uint64_t seed, Coverage& coverage) {
  const auto run = [seed](bool traced, Coverage& seen) {
    std::string text;
    const auto violations = check::violations();
    Simulator simulator(seed, traced);
    simulator.run();
    for (std::size_t i = 0; i < seen.size(); ++i) seen[i] += simulator.coverage()[i];
    auto what = simulator.report().violation();
    if (!what && check::violations() != violations) what = "a check of the engine's own failed";
    if (!what) return text;
    text = "seed " + std::to_string(seed) + ", step " + std::to_string(simulator.step()) + ": " + *what;
    for (const auto& line : simulator.report().lines()) text += "\n  " + line;
    return text;
  };
  const std::string first = run(false, coverage);
  if (first.empty()) return std::nullopt;
  Coverage same{};
  const std::string again = run(true, same);
  if (again.starts_with(first)) return again;
  return first + "\n  and a second run of the same seed went otherwise: " + again;
}

Simulator::Simulator(std::uint64_t seed, bool traced)
    : report_(traced), random_(seed), server_(seed + 1, report_), loop_(seed) {
  settings_ = random_settings();
  server_.limit(static_cast<int>(settings_.max_open_conns));
  const auto options = [this]() -> tl::expected<postgres::ConnectOptions, postgres::Error> {
    if (server_.chance(server_.weather.throws)) {
      ++server_.failed;
      return tl::unexpected(postgres::Error{.error_class = postgres::ErrorClass::kCredentialsMissing});
    }
    return postgres::ConnectOptions{};
  };
  Listener listener;
  listener.on_connected = [this] { ++told_connected_; };
  listener.on_connect_failed = [this](std::string_view, const postgres::Error&) {
    ++told_failed_;
    see(Seen::kConnectFailed);
  };
  listener.on_connection_lost = [this] {
    ++told_lost_;
    see(Seen::kLostSession);
  };
  engine_.emplace(loop_.get_executor(), options, kDatabases[0], settings_, std::move(listener));
}

bool Simulator::chance(double probability) {
  return std::uniform_real_distribution<>()(random_) < probability;
}
std::size_t Simulator::below(std::size_t bound) {
  return random_() % bound;
}

settings::Settings Simulator::random_settings() {
  const auto one_of = [&](std::initializer_list<milliseconds> values) {
    return *(values.begin() + below(values.size()));
  };
  settings::Settings settings;
  settings.max_open_conns = 1 + static_cast<std::int64_t>(below(6));
  settings.max_idle_conns = static_cast<std::int64_t>(below(7));
  settings.max_conns_per_database = 1 + static_cast<std::int64_t>(below(4));
  settings.system_conns = static_cast<std::int64_t>(below(3));
  settings.max_waiters = chance(0.2) ? 3 : 10000;
  settings.conn_max_lifetime = one_of({seconds(0), seconds(2), seconds(60)});
  settings.conn_max_idle_time = one_of({seconds(0), seconds(1), seconds(60)});
  settings.surplus_idle_time = one_of({seconds(0), milliseconds(20), seconds(5)});
  settings.acquire_timeout = one_of({milliseconds(200), seconds(5), seconds(30), seconds(30)});
  settings.connect_timeout = one_of({milliseconds(300), seconds(2), seconds(5)});
  settings.validate_after_idle = one_of({seconds(0), milliseconds(20), seconds(30), seconds(30)});
  settings.statement_timeout = milliseconds(1000 + below(1000));
  return settings;
}

void Simulator::weather() {
  Server::Weather weather;
  if (!calm_) {
    const bool bad = chance(0.3);
    weather.refuses = chance(0.5) ? 0 : bad ? 0.5 : 0.05;
    weather.slow = chance(0.5) ? 0 : 0.2;
    weather.hangs = chance(0.5) ? 0 : bad ? 0.2 : 0.02;
    weather.throws = chance(0.7) ? 0 : 0.05;
    weather.fails = chance(0.5) ? 0 : 0.1;
  }
  server_.weather = weather;
}

const std::vector<Simulator::Event>& Simulator::events() {
  static const std::vector<Event> kEvents = {
      {300, &Simulator::acquire},       {10, &Simulator::burst},         {12, &Simulator::reconfigure},
      {5, &Simulator::retire},          {4, &Simulator::suspend},        {12, &Simulator::resume},
      {10, &Simulator::try_connect},    {8, &Simulator::close_database}, {12, &Simulator::reopen_database},
      {10, &Simulator::change_weather}, {3, &Simulator::restart_server}, {20, &Simulator::lose_session},
      {10, &Simulator::wake_session},   {1, &Simulator::drain},          {10, &Simulator::cut_sessions},
  };
  return kEvents;
}

void Simulator::run() {
  weather();
  const int steps = 200 + static_cast<int>(below(800));
  try {
    while (step_ < steps && !report_.violation()) take_step();
    if (!report_.violation() && chance(0.6)) settle_down();
    if (!report_.violation()) end_engine();
  } catch (const std::exception& error) {
    violated(std::string("an exception leaves a handler: ") + error.what());
  }
  if (!report_.violation()) return;
  guards_.clear();
  engine_.reset();
}

void Simulator::take_step() {
  ++step_;
  if (loop_.ready()) {
    if (chance(0.8)) return loop_.run_one();
    if (chance(0.05)) return loop_.advance_to(loop_.now() + up_to(milliseconds(20)));  // a busy loop
  } else {
    judge_at_rest();
    if (chance(0.7)) return pass_time();
  }
  static const int total = [] {
    int sum = 0;
    for (const Event& event : events()) sum += event.weight;
    return sum;
  }();
  int drawn = static_cast<int>(below(static_cast<std::size_t>(total)));
  for (const Event& event : events()) {
    drawn -= event.weight;
    if (drawn < 0) return (this->*event.run)();
  }
}

void Simulator::pass_time() {
  const TimePoint next = std::min(loop_.next_wait(), loop_.now() + seconds(10));
  if (chance(0.6)) return loop_.advance_to(next);
  if (chance(0.4)) return loop_.advance_to(std::min(next, loop_.now() + up_to(milliseconds(5))));
  loop_.advance_to(next + up_to(chance(0.9) ? milliseconds(10) : milliseconds(3000)));  // late
}

// Faults and orders end; whoever waits must be served, then and afterwards.
void Simulator::settle_down() {
  calm_ = true;
  weather();
  if (!run_until_ended(kBackOffs)) return;
  if (!draining_) {
    for (std::size_t database = 0; database < kDatabases.size(); ++database) {
      Client& probe = acquire_until(database, loop_.now() + seconds(60));
      probe.expected = settings_.acquire_timeout >= seconds(5) && settings_.max_waiters > 10;
    }
    if (!run_until_ended()) return;
    if (chance(0.5)) {
      drain();
      run_until_ended();
    }
  }
}

// False with a violation.
bool Simulator::run_until_ended(std::chrono::nanoseconds at_least) {
  const TimePoint earliest = loop_.now() + at_least;
  while (!report_.violation()) {
    while (!guards_.empty()) reopen_database();
    resume();
    if (++step_ > kMostSteps) {
      violated("E2: it does not end");
      break;
    }
    if (loop_.ready()) {
      loop_.run_one();
      continue;
    }
    judge_at_rest();
    if (clients_.empty() && orders_.empty() && !server_.busy() && loop_.now() >= earliest) break;
    loop_.advance_to(loop_.next_wait() == TimePoint::max() ? loop_.now() + seconds(1) : loop_.next_wait());
  }
  return !report_.violation();
}

// The end of the engine with whatever is under way: everybody gets an answer, and every session ends.
void Simulator::end_engine() {
  if (server_.busy() || !clients_.empty()) see(Seen::kDestroyedBusy);
  report_.note("the engine ends");
  engine_.reset();
  server_.suspended = false;
  if (chance(0.3)) return end_loop();
  calm_ = true;
  weather();
  if (chance(0.5)) guards_.clear();
  while (!report_.violation()) {
    if (++step_ > kMostSteps) return violated("E2: it does not end after the engine's end");
    if (loop_.ready()) {
      loop_.run_one();
      continue;
    }
    judge_after_end();
    if (loop_.next_wait() == TimePoint::max()) break;
    loop_.advance_to(loop_.next_wait());
  }
  guards_.clear();
  if (report_.violation()) return;
  if (std::ranges::any_of(clients_, [](const Client& client) { return !client.ended; })) {
    violated("somebody holds a connection for ever");
  }
  if (under_way(Order::Kind::kTrial)) violated("a trial has no end");
  if (!server_.sessions().empty()) violated("sessions are left after the engine's end");
}

// As of a program that ends: what is under way is destroyed where it waits.
void Simulator::end_loop() {
  if (loop_.ready()) see(Seen::kLoopEndedBusy);
  guards_.clear();
}

}  // namespace storagepool::engine::driver_simulator
