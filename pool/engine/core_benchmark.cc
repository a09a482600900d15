// What a decision of the pool costs, beside the bare loop that sets its limit: taking a connection and giving
// it back with a mutex around a vector, which bounds nothing, queues nobody and counts nothing.
#include <benchmark/benchmark.h>

#include <deque>
#include <mutex>
#include <vector>

#include "pool/engine/core.h"

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

}  // namespace
}  // namespace storagepool::engine
