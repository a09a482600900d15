#include "e2e/load/users.h"

#include <algorithm>
#include <exception>
#include <future>
#include <mutex>
#include <stdexcept>
#include <utility>

#include "e2e/peers/service/load/latencies.h"
#include "e2e/peers/service/load/run.h"

namespace storagepool::e2e {
namespace {

using std::chrono::steady_clock;

constexpr unsigned kBatch = 100;              // events
constexpr std::uint64_t kCorrelations = 200;  // of the events that readers read
constexpr std::uint64_t kEventsOfEach = 20;
constexpr const char* kReadPrefix = "read";
constexpr std::size_t kMostKept = 100'000;

double milliseconds(std::uint64_t microseconds) {
  return static_cast<double>(microseconds) / 1000;
}

// Takes the answers of several threads.
class Collector {
 public:
  explicit Collector(steady_clock::time_point origin) : origin_(origin) {}

  void add(steady_clock::time_point begun, steady_clock::time_point ended) {
    const double at = std::chrono::duration<double>(ended - origin_).count();
    const auto took = std::chrono::duration_cast<std::chrono::microseconds>(ended - begun);
    const auto microseconds = static_cast<std::uint64_t>(std::max<std::int64_t>(took.count(), 0));
    const std::lock_guard lock(mutex_);
    if (const auto second = static_cast<std::int64_t>(at); second != second_) {
      close_second();
      second_ = second;
    }
    all_.add(microseconds);
    of_second_.add(microseconds);
    if (answers_.each.size() < kMostKept) answers_.each.push_back({at, milliseconds(microseconds)});
  }

  void add(const load::Figures& figures) {
    const std::lock_guard lock(mutex_);
    answers_.count += figures.answered;
    answers_.seconds = std::max(answers_.seconds, figures.seconds);
    answers_.journalled += figures.queued;
    answers_.errors += figures.broken + figures.unanswered;
    for (const auto& [status, count] : figures.unexpected) answers_.errors += count;
    if (answers_.problem.empty()) answers_.problem = figures.first_problem;
  }

  void add_failure(const std::string& problem) {
    const std::lock_guard lock(mutex_);
    ++answers_.errors;
    answers_.problem = problem;
  }

  Answers take() {
    const std::lock_guard lock(mutex_);
    close_second();
    answers_.p50 = milliseconds(all_.percentile(0.50));
    answers_.p95 = milliseconds(all_.percentile(0.95));
    answers_.p99 = milliseconds(all_.percentile(0.99));
    answers_.max = milliseconds(all_.max());
    return std::move(answers_);
  }

 private:
  void close_second() {
    if (of_second_.count() == 0) return;
    answers_.rates.push_back({static_cast<double>(second_), static_cast<double>(of_second_.count())});
    answers_.p95s.push_back({static_cast<double>(second_), milliseconds(of_second_.percentile(0.95))});
    of_second_ = load::Latencies();
  }

  const steady_clock::time_point origin_;
  std::mutex mutex_;
  Answers answers_;
  load::Latencies all_;
  load::Latencies of_second_;
  std::int64_t second_ = 0;
};

}  // namespace

std::vector<Line> Answers::lines() const {
  return {{.title = "Answers per second", .unit = "", .samples = rates},
          {.title = "95th percentile of each second's latencies", .unit = "ms", .samples = p95s}};
}

Service::Service(std::string address, std::uint16_t port, std::string token)
    : address_(std::move(address)), port_(port), token_(std::move(token)) {}

void Service::fill() const {
  load::RunOptions options;
  options.requests = {.kind = load::Kind::kBatch,
                      .events = kBatch,
                      .prefix = kReadPrefix,
                      .correlations = kCorrelations,
                      .token = token_};
  options.kept = load::Kept::kEither;
  options.address = address_;
  options.port = port_;
  options.clients = 4;
  options.time = std::chrono::seconds{30};
  options.most_requests = kCorrelations * kEventsOfEach / kBatch;
  const load::Figures figures = load::run(options);
  if (figures.answered != options.most_requests)
    throw std::runtime_error("events for readers were not taken: " + figures.first_problem);
}

Answers Service::serve(const Users& users, TimePoint origin) const {
  Collector collector(origin);
  const auto run = [&](load::Kind kind, unsigned clients) {
    if (clients == 0) return;
    load::RunOptions options;
    const bool reads = kind == load::Kind::kList;
    options.requests = {.kind = kind,
                        .prefix = reads ? kReadPrefix : "load",
                        .correlations = reads ? kCorrelations : 0,
                        .token = token_};
    options.kept = load::Kept::kEither;
    options.address = address_;
    options.port = port_;
    options.clients = clients;
    options.time = users.time;
    options.rate = users.rate * clients / (users.writers + users.readers);
    options.answered = [&](TimePoint begun, TimePoint ended) { collector.add(begun, ended); };
    try {
      collector.add(load::run(options));
    } catch (const std::exception& error) {
      collector.add_failure(error.what());
    }
  };
  {
    const auto readers = std::async(std::launch::async, [&] { run(load::Kind::kList, users.readers); });
    run(load::Kind::kPost, users.writers);
  }  // waits for the readers
  return collector.take();
}

}  // namespace storagepool::e2e
