// What taking a connection and giving it back costs through the whole engine, on warm connections of a real
// server: alone, and with more coroutines than connections on two threads, each holding its connection over
// one turn of the event loop; beside the bare turns, which set the limit.
#include <benchmark/benchmark.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <memory>
#include <stdexcept>
#include <thread>
#include <utility>
#include <vector>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/defer.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/use_awaitable.hpp>

#include "pool/engine/engine.h"
#include "pool/postgres/testing/run.h"
#include "pool/postgres/testing/server.h"

namespace storagepool::engine {
namespace {

using namespace std::chrono_literals;
namespace asio = boost::asio;
using Clock = std::chrono::steady_clock;

constexpr std::int64_t kConnections = 16;

// An engine whose connections are all open and idle.
class Bench {
 public:
  explicit Bench(int threads, const settings::Given& given = {{"maxOpenConns", kConnections},
                                                              {"maxIdleConns", kConnections}})
      : threads_(threads),
        context_(threads),
        engine_(context_.get_executor(), [options = server_.connect_options()] { return options; }, "audit",
                settings::resolve(given).value(), {}) {
    std::vector<Lease> all;
    for (std::int64_t i = 0; i < given.at("maxOpenConns"); ++i) {
      all.push_back(postgres::testing::run(context_, engine_.acquire("audit", Clock::now() + 30s)).value());
    }
  }
  ~Bench() { postgres::testing::run(context_, engine_.drain(Clock::now() + 20s)); }

  void alone(benchmark::State& state) {
    std::vector<asio::awaitable<void>> work;
    work.push_back(loop(state, engine_));
    run(std::move(work));
  }

  void crowd(int clients, int rounds) {
    std::vector<asio::awaitable<void>> work;
    for (int i = 0; i < clients; ++i) work.push_back(hold_over_a_turn(rounds, engine_));
    run(std::move(work));
  }
  std::int64_t closed_as_surplus() const { return engine_.statistics().max_idle_closed; }
  void bare_crowd(int clients, int rounds) {
    std::vector<asio::awaitable<void>> work;
    for (int i = 0; i < clients; ++i) work.push_back(take_two_turns(rounds));
    run(std::move(work));
  }

 private:
  static asio::awaitable<void> loop(benchmark::State& state, Engine& engine) {
    const auto deadline = Clock::now() + 1h;
    while (state.KeepRunning()) {
      auto lease = co_await engine.acquire("audit", deadline);
      benchmark::DoNotOptimize(lease);
    }
  }
  static asio::awaitable<void> hold_over_a_turn(int rounds, Engine& engine) {
    const auto deadline = Clock::now() + 1h;
    for (int i = 0; i < rounds; ++i) {
      const auto lease = co_await engine.acquire("audit", deadline);
      if (!lease) throw std::runtime_error(lease.error().detail);
      co_await asio::post(asio::use_awaitable);
    }
  }
  // What is left without the engine: one turn for what the connection is held over, one for the waiting.
  static asio::awaitable<void> take_two_turns(int rounds) {
    for (int i = 0; i < rounds; ++i) {
      co_await asio::defer(asio::use_awaitable);
      co_await asio::post(asio::use_awaitable);
    }
  }
  // The loop never runs dry, because the engine has a timer: it is stopped by the last to end.
  void run(std::vector<asio::awaitable<void>> work) {
    std::atomic<std::size_t> left = work.size();
    for (auto& one : work) {
      asio::co_spawn(context_, std::move(one), [&](const std::exception_ptr& error) {
        if (error) std::rethrow_exception(error);
        if (--left == 0) context_.stop();
      });
    }
    context_.restart();
    std::vector<std::jthread> others;
    for (int i = 1; i < threads_; ++i) others.emplace_back([this] { context_.run(); });
    context_.run();
  }

  const int threads_;
  postgres::testing::Server server_;
  asio::io_context context_;
  Engine engine_;
};

void BM_GetPutAlone(benchmark::State& state) {
  Bench bench(1);
  bench.alone(state);
}
BENCHMARK(BM_GetPutAlone);

void BM_BareTurnsTwoThreads(benchmark::State& state) {
  constexpr int kRounds = 4'000;
  Bench bench(2);
  for (auto _ : state) bench.bare_crowd(kConnections, kRounds);
  state.SetItemsProcessed(state.iterations() * kConnections * kRounds);
}
BENCHMARK(BM_BareTurnsTwoThreads)->MeasureProcessCPUTime()->UseRealTime()->Unit(benchmark::kMillisecond);

void BM_GetPutTwoThreads(benchmark::State& state) {
  const auto clients = static_cast<int>(state.range(0));
  const int rounds = 64'000 / clients;
  Bench bench(2);
  for (auto _ : state) bench.crowd(clients, rounds);
  state.SetItemsProcessed(state.iterations() * clients * rounds);
}
BENCHMARK(BM_GetPutTwoThreads)
    ->Arg(64)
    ->Arg(1000)
    ->MeasureProcessCPUTime()
    ->UseRealTime()
    ->Unit(benchmark::kMillisecond);

// Bursts of as many clients as the profile Low has connections, of which it keeps 5 idle: at once, what is
// above them was connected anew for each burst; by default it lingers (in milliseconds).
void BM_BurstsOfTheProfileLow(benchmark::State& state) {
  constexpr int kClients = 25;
  Bench bench(1, {{"maxOpenConns", kClients}, {"maxIdleConns", 5}, {"surplusIdleTime", state.range(0)}});
  bench.crowd(kClients, 4);
  const std::int64_t before = bench.closed_as_surplus();
  for (auto _ : state) bench.crowd(kClients, 4);
  state.counters["closed"] = benchmark::Counter(static_cast<double>(bench.closed_as_surplus() - before),
                                                benchmark::Counter::kAvgIterations);
}
BENCHMARK(BM_BurstsOfTheProfileLow)->Arg(0)->Arg(5000)->UseRealTime()->Unit(benchmark::kMicrosecond);

}  // namespace
}  // namespace storagepool::engine
