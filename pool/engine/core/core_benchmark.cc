// What a decision of the pool costs, beside the bare loop that sets its limit: taking a connection and giving
// it back with a mutex around a vector, which bounds nothing, queues nobody and counts nothing.
#include <benchmark/benchmark.h>

#include <malloc.h>

#include <deque>
#include <mutex>
#include <string>
#include <vector>

#include "pool/engine/core/core.h"

namespace storagepool::engine {
namespace {

using std::chrono::nanoseconds;

settings::Settings settings_for(std::int64_t connections) {
  return settings::resolve({{"maxOpenConns", connections}, {"maxIdleConns", connections}}).value();
}

// Serves every Open at once and remembers which connections are held.
class Bench {
 public:
  explicit Bench(std::int64_t connections) : core_("audit", settings_for(connections), std::mt19937_64(1)) {}

  void acquire() {
    core_.acquire(now_ += nanoseconds(1), "audit", now_ + std::chrono::hours(1));
    carry_out();
  }
  void release() {
    const ConnectionId connection = held_.front();
    held_.pop_front();
    core_.release(now_ += nanoseconds(1), connection, true);
    carry_out();
  }

 private:
  void carry_out() {
    for (core_.take_actions(actions_); !actions_.empty(); core_.take_actions(actions_)) {
      for (const Action& action : actions_) {
        if (const auto* open = std::get_if<Open>(&action)) core_.opened(now_, open->connection);
        if (const auto* hand = std::get_if<Hand>(&action)) held_.push_back(hand->connection);
      }
    }
  }

  Core core_;
  TimePoint now_{};
  std::vector<Action> actions_;
  std::deque<ConnectionId> held_;  // longest held first
};

void BM_BareLoop(benchmark::State& state) {
  std::mutex mutex;
  std::vector<int> idle(16);
  for (auto _ : state) {
    int connection = 0;
    {
      const std::lock_guard lock(mutex);
      connection = idle.back();
      idle.pop_back();
    }
    benchmark::DoNotOptimize(connection);
    const std::lock_guard lock(mutex);
    idle.push_back(connection);
  }
}
BENCHMARK(BM_BareLoop);

void BM_AcquireRelease(benchmark::State& state) {
  Bench bench(16);
  for (auto _ : state) {
    bench.acquire();
    bench.release();
  }
}
BENCHMARK(BM_AcquireRelease);

// Every connection is held and `waiters` queue: each round one connection comes back, goes to the first
// waiter, and one more joins the end.
void BM_AcquireReleaseWithWaiters(benchmark::State& state) {
  constexpr std::int64_t kConnections = 16;
  Bench bench(kConnections);
  for (std::int64_t i = 0; i < kConnections + state.range(0); ++i) bench.acquire();
  for (auto _ : state) {
    bench.release();
    bench.acquire();
  }
}
BENCHMARK(BM_AcquireReleaseWithWaiters)->Arg(64)->Arg(1000);

// What a database costs that has one idle connection, with a name of 40 characters: `megabytes` in all.
void BM_IdleDatabases(benchmark::State& state) {
  const auto databases = state.range(0);
  for (auto _ : state) {
    const auto before = mallinfo2();
    settings::Settings settings;
    settings.max_open_conns = settings.max_idle_conns = databases + 5;
    settings.system_conns = 5;
    Core core("audit", settings, std::mt19937_64(1));
    std::vector<Action> actions;
    TimePoint now{};
    for (std::int64_t i = 0; i < databases; ++i) {
      const std::string number = std::to_string(i);
      now += nanoseconds(1);
      core.acquire(now, std::string(40 - number.size(), 'd') + number, now + std::chrono::hours(1));
      for (core.take_actions(actions); !actions.empty(); core.take_actions(actions)) {
        for (const Action& action : actions) {
          if (const auto* open = std::get_if<Open>(&action)) core.opened(now, open->connection);
          if (const auto* hand = std::get_if<Hand>(&action)) core.release(now, hand->connection, true);
        }
      }
    }
    const auto after = mallinfo2();
    if (core.statistics().idle != databases) state.SkipWithError("not every database has an idle connection");
    state.counters["megabytes"] =
        static_cast<double>(after.uordblks + after.hblkhd - before.uordblks - before.hblkhd) / 1e6;
  }
}
BENCHMARK(BM_IdleDatabases)->Arg(10000)->Iterations(1)->Unit(benchmark::kMillisecond);

// As above for the shortest of queues, while as many other databases wait in vain for a token of their own:
// what an event costs does not grow with them.
void BM_AcquireReleaseWhileDatabasesWait(benchmark::State& state) {
  settings::Settings settings;
  settings.max_open_conns = settings.max_idle_conns = 2;
  settings.system_conns = 1;
  settings.max_waiters = state.range(0) + 10;
  Core core("audit", settings, std::mt19937_64(1));
  std::vector<Action> actions;
  TimePoint now{};
  std::deque<ConnectionId> held;
  const auto carry_out = [&] {
    for (core.take_actions(actions); !actions.empty(); core.take_actions(actions)) {
      for (const Action& action : actions) {
        if (const auto* open = std::get_if<Open>(&action)) core.opened(now, open->connection);
        if (const auto* hand = std::get_if<Hand>(&action)) held.push_back(hand->connection);
      }
    }
  };
  const auto acquire = [&](const std::string& database) {
    core.acquire(now += nanoseconds(1), database, now + std::chrono::hours(1));
    carry_out();
  };
  acquire("d");
  acquire("audit");
  for (std::int64_t i = 0; i < state.range(0); ++i) acquire("waiting" + std::to_string(i));
  for (auto _ : state) {
    acquire("audit");
    core.release(now += nanoseconds(1), held.back(), true);
    held.pop_back();
    carry_out();
  }
}
BENCHMARK(BM_AcquireReleaseWhileDatabasesWait)->Arg(1)->Arg(10000);

}  // namespace
}  // namespace storagepool::engine
