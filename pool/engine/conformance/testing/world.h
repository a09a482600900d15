// A core among clients and a server in virtual time, for behaviours that show only over a while: what is
// under way ends when its time has come, timers fire when the core asks for them, and nothing waits for a
// real clock.
//
//   World world({.max_open_conns = 10}, {.connect = {.takes = 250ms}});
//   world.acquire(1s, [&](ConnectionId id) { world.after(1s, [&, id] { world.release(id); }); });
//   world.run_for(10s);
#pragma once

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <random>
#include <stdexcept>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "pool/engine/core/core.h"

namespace storagepool::engine::testing {

// How one kind of work of the server ends: after a time, or never, well or badly.
struct Gate {
  std::optional<std::chrono::milliseconds> takes = std::chrono::milliseconds(0);
  bool succeeds = true;
};
struct Gates {
  Gate connect = {};
  Gate check = {};  // of a connection that was idle for long
  Gate close = {};  // always ends well
};

class World {
 public:
  using Served = std::function<void(ConnectionId)>;
  using Failed = std::function<void(const AcquireError&)>;

  explicit World(const settings::Settings& settings, const Gates& gates = {})
      : gates_(gates), core_("system", settings, std::mt19937_64(1)) {}

  TimePoint now() const { return now_; }
  void after(std::chrono::milliseconds time, std::function<void()> event) {
    events_.emplace(std::pair(now_ + time, ++sequence_), std::move(event));
  }
  // One of the two is called, in an event of its own.
  void acquire(std::chrono::milliseconds time, Served served, Failed failed = {},
               const std::string& database = "system") {
    const auto id = core_.acquire(now_, database, now_ + time);
    waiters_.emplace(id, Waiter{std::move(served), std::move(failed)});
    collect();
  }
  void release(ConnectionId connection, bool reusable = true) {
    core_.release(now_, connection, reusable);
    collect();
  }
  void open_the_gates(const Gates& gates) { gates_ = gates; }

  void run_for(std::chrono::milliseconds time) {
    const TimePoint end = now_ + time;
    int without_progress = 0;
    for (;;) {
      const auto timer = core_.next_timer();
      const TimePoint event = events_.empty() ? TimePoint::max() : events_.begin()->first.first;
      const TimePoint next = std::min(event, timer.value_or(TimePoint::max()));
      if (next > end) break;
      if (next > now_) without_progress = 0;
      now_ = std::max(now_, next);
      if (event <= now_) {
        const auto due = events_.extract(events_.begin());
        due.mapped()();
      } else {
        if (++without_progress > 100) throw std::logic_error("the core's timer stands still");
        core_.tick(now_);
        collect();
      }
    }
    now_ = end;
  }

  Statistics statistics() const { return core_.statistics(); }
  std::int64_t sockets() const {
    const auto statistics = core_.statistics();
    return statistics.open + statistics.opening + statistics.closing;
  }
  std::int64_t opens() const { return opens_; }  // connects begun so far

 private:
  struct Waiter {
    Served served;
    Failed failed;
  };

  void collect() {
    std::vector<Action> actions;
    core_.take_actions(actions);
    if (sockets() > core_.settings().max_open_conns) throw std::logic_error("more sockets than allowed");
    for (const auto& action : actions) {
      if (const auto* open = std::get_if<Open>(&action)) begin_open(open->connection);
      if (const auto* close = std::get_if<Close>(&action))
        begin(gates_.close, [this, id = close->connection] { core_.closed(now_, id); });
      if (const auto* validate = std::get_if<Validate>(&action)) {
        begin(gates_.check, [this, id = validate->connection, alive = gates_.check.succeeds] {
          core_.validated(now_, id, alive);
        });
      }
      if (const auto* hand = std::get_if<Hand>(&action)) give(*hand);
      if (const auto* fail = std::get_if<Fail>(&action)) tell(*fail);
    }
  }
  void begin_open(ConnectionId id) {
    ++opens_;
    begin(gates_.connect, [this, id, succeeds = gates_.connect.succeeds] {
      if (succeeds) {
        core_.opened(now_, id);
      } else {
        core_.open_failed(now_, id, {.detail = "refused"});
      }
    });
  }
  void begin(const Gate& gate, std::function<void()> end) {
    if (!gate.takes) return;
    after(*gate.takes, [this, end = std::move(end)] {
      end();
      collect();
    });
  }
  void give(const Hand& hand) {
    const auto waiter = waiters_.extract(hand.waiter);
    if (waiter.empty()) throw std::logic_error("a connection for nobody");
    after(std::chrono::milliseconds(0),
          [served = std::move(waiter.mapped().served), id = hand.connection] { served(id); });
  }
  void tell(const Fail& fail) {
    const auto waiter = waiters_.extract(fail.waiter);
    if (waiter.empty()) throw std::logic_error("an error for nobody");
    if (!waiter.mapped().failed) return;
    after(std::chrono::milliseconds(0),
          [failed = std::move(waiter.mapped().failed), error = fail.error] { failed(error); });
  }

  Gates gates_;
  TimePoint now_{std::chrono::hours(1)};
  Core core_;
  std::map<WaiterId, Waiter> waiters_;
  std::map<std::pair<TimePoint, std::uint64_t>, std::function<void()>> events_;
  std::uint64_t sequence_ = 0;
  std::int64_t opens_ = 0;
};

}  // namespace storagepool::engine::testing
