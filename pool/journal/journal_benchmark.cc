// Events per second into the journal, by callers of which each waits for its answer, and out of it again as
// the replay takes them. `vs_disk` is the share of the rate of a bare loop right after it that writes the
// same records in as many parts, each made durable, to a file of its own on the same disk; `cpu_us` is the
// process's time for one event.
#include <benchmark/benchmark.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <ctime>
#include <exception>
#include <filesystem>
#include <iterator>
#include <memory>
#include <stdexcept>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <fcntl.h>
#include <unistd.h>

#include "pool/common/runtime/testing/temporary_folder.h"
#include "pool/event/testing/smallest_event.h"
#include "pool/event/uuid.h"
#include "pool/journal/journal.h"
#include "pool/journal/record.h"
#include "pool/postgres/testing/run.h"

namespace storagepool::journal {
namespace {

using namespace std::chrono_literals;
namespace asio = boost::asio;
using Clock = std::chrono::steady_clock;
using postgres::testing::in;
using postgres::testing::run;
using Call = std::vector<event::Event>;

constexpr std::int64_t kMaxBytes = std::int64_t{1} << 30;

event::Event make_event(int number) {
  const runtime::Timestamp time =
      *runtime::parse_timestamp("2026-02-28T11:22:33Z") + std::chrono::microseconds(number * 37);
  event::Event event =
      event::testing::smallest_event(event::new_event_id(time), runtime::format_timestamp(time));
  event.correlation_id = "rr-2026-02-28-" + std::to_string(number / 5);
  event.resource_type = "Signal";
  event.resource_id = "payment-api-" + std::to_string(number % 997);
  event.namespace_name = "payments";
  event.event_data =
      R"({"gateway":{"signal_type":"prometheus","alert_name":"HighMemoryUsage","fingerprint":")" +
      event.event_id + R"(","labels":{"team":"payments","tier":"1"},"threshold":0.95}})";
  return event;
}

std::vector<Call> make_calls(int count, int events_per_call) {
  std::vector<Call> calls(static_cast<std::size_t>(count));
  int number = 0;
  for (Call& call : calls) {
    for (int i = 0; i < events_per_call; ++i) call.push_back(make_event(number++));
  }
  return calls;
}

struct Took {
  double seconds = 0;
  double cpu_seconds = 0;  // of the process
};

class Stopwatch {
 public:
  Took took() const {
    return {.seconds = std::chrono::duration<double>(Clock::now() - start_).count(),
            .cpu_seconds = static_cast<double>(std::clock() - cpu_) / CLOCKS_PER_SEC};
  }

 private:
  Clock::time_point start_ = Clock::now();
  std::clock_t cpu_ = std::clock();
};

class Bench {
 public:
  Bench() {
    auto opened = Journal::open(context_.get_executor(), {.path = path(), .max_bytes = kMaxBytes});
    if (!opened) throw std::runtime_error(opened.error());
    journal_ = std::move(*opened);
  }

  Took append(std::vector<Call> calls, int callers) {
    int left = callers;
    const Stopwatch watch;
    for (int i = 0; i < callers; ++i) {
      asio::co_spawn(context_, append_some(calls), [&](const std::exception_ptr& error) {
        if (error) std::rethrow_exception(error);
        if (--left == 0) context_.stop();
      });
    }
    context_.restart();
    context_.run();
    return watch.took();
  }

  Took replay() {
    const Stopwatch watch;
    while (journal_->statistics().waiting.units > 0) {
      auto units = run(
          context_,
          journal_->next({.workspace = "payments", .max_events = 500, .max_bytes = std::size_t{4} << 20U}));
      if (!units) throw std::runtime_error(units.error().detail);
      std::vector<std::int64_t> sequences;
      std::ranges::transform(*units, std::back_inserter(sequences), &Unit::sequence);
      const auto removed = run(context_, journal_->remove(std::move(sequences)));
      if (!removed) throw std::runtime_error(removed.error().detail);
    }
    return watch.took();
  }

  Took write_as_much(const std::vector<Call>& calls) const {
    std::string records;
    for (const Call& call : calls) records += encode_unit(call);
    const int file = ::open((folder_ / "bare").c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    const std::size_t part = records.size() / static_cast<std::size_t>(journal_->statistics().commits) + 1;
    const Stopwatch watch;
    for (std::size_t at = 0; at < records.size(); at += part) {
      const std::size_t size = std::min(part, records.size() - at);
      if (::write(file, records.data() + at, size) != static_cast<ssize_t>(size) || ::fdatasync(file) != 0) {
        throw std::system_error(errno, std::generic_category(), "writing");
      }
    }
    const Took took = watch.took();
    ::close(file);
    return took;
  }

  Statistics statistics() const { return journal_->statistics(); }

 private:
  std::string path() const { return folder_ / "journal.db"; }
  asio::awaitable<void> append_some(std::vector<Call>& calls) {
    while (!calls.empty()) {
      Call call = std::move(calls.back());
      calls.pop_back();
      const auto kept = co_await journal_->append(Origin("payments", "1"), std::move(call), in(60s));
      if (!kept) throw std::runtime_error(kept.error().detail);
    }
  }

  runtime::testing::TemporaryFolder folder_;
  asio::io_context context_{1};
  std::unique_ptr<Journal> journal_;
};

void BM_Append(benchmark::State& state) {
  const int events = static_cast<int>(state.range(1));
  const std::vector<Call> calls = make_calls(static_cast<int>(state.range(2)), events);
  Took appending;
  double writing = 0;
  double commits = 0;
  for (auto _ : state) {
    Bench bench;
    const Took took = bench.append(calls, static_cast<int>(state.range(0)));
    state.SetIterationTime(took.seconds);
    appending.seconds += took.seconds;
    appending.cpu_seconds += took.cpu_seconds;
    writing += bench.write_as_much(calls).seconds;
    commits += static_cast<double>(bench.statistics().commits);
  }
  const std::int64_t all = state.iterations() * state.range(2) * events;
  state.SetItemsProcessed(all);
  state.counters["vs_disk"] = writing / appending.seconds;
  state.counters["events_per_commit"] = static_cast<double>(all) / commits;
  state.counters["cpu_us"] = 1e6 * appending.cpu_seconds / static_cast<double>(all);
}

void BM_Replay(benchmark::State& state) {
  const int events = static_cast<int>(state.range(0));
  const std::vector<Call> calls = make_calls(static_cast<int>(state.range(1)), events);
  double cpu_seconds = 0;
  for (auto _ : state) {
    Bench bench;
    bench.append(calls, events == 1 ? 500 : 16);
    const Took took = bench.replay();
    state.SetIterationTime(took.seconds);
    cpu_seconds += took.cpu_seconds;
  }
  const std::int64_t all = state.iterations() * state.range(1) * events;
  state.SetItemsProcessed(all);
  state.counters["cpu_us"] = 1e6 * cpu_seconds / static_cast<double>(all);
}

BENCHMARK(BM_Append)
    ->ArgNames({"callers", "events", "calls"})
    ->Args({1, 1, 2'000})
    ->Args({16, 1, 20'000})
    ->Args({64, 1, 50'000})
    ->Args({500, 1, 100'000})
    ->Args({64, 10, 10'000})
    ->Args({16, 100, 1'000})
    ->Args({16, 500, 200})
    ->UseManualTime()
    ->Iterations(3)
    ->Unit(benchmark::kMillisecond);
BENCHMARK(BM_Replay)
    ->ArgNames({"events", "calls"})
    ->Args({1, 100'000})
    ->Args({500, 200})
    ->UseManualTime()
    ->Iterations(3)
    ->Unit(benchmark::kMillisecond);

}  // namespace
}  // namespace storagepool::journal
