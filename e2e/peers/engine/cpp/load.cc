#include "e2e/peers/engine/cpp/load.h"

#include <algorithm>
#include <atomic>
#include <cmath>
#include <deque>
#include <exception>
#include <future>
#include <memory>
#include <optional>
#include <random>
#include <stdexcept>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/defer.hpp>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/strand.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/use_future.hpp>

#include "pool/common/runtime/loop/coroutine.h"
#include "pool/engine/engine.h"

namespace storagepool::engine::peer {
namespace {

namespace asio = boost::asio;
using std::chrono::milliseconds;
using std::chrono::steady_clock;
using std::chrono::system_clock;

constexpr std::chrono::seconds kAcquireTimeout{30};
constexpr std::chrono::seconds kStatementTimeout{30};
constexpr std::chrono::seconds kDrainTimeout{30};
constexpr milliseconds kRetryPause{10};
constexpr int kSampleEvery = 64;  // hand-overs of a client: the clock would cost more than they do

enum class Phase { kWarmUp, kMeasure, kStop };

// One per client, on a cache line of its own.
struct alignas(64) Client {
  std::uint64_t turn = 0;
  std::int64_t operations = 0;
  std::int64_t failed = 0;
  std::vector<float> latencies;  // in µs, of sampled operations
  std::mt19937_64 random;
  system_clock::time_point served;  // last success
  system_clock::duration longest_gap{};
  system_clock::time_point longest_gap_end;
};

settings::Settings settings_of(const Options& options) {
  // The reserve of the system database cannot be 0: of the budget of the `zipf` case, one connection is not
  // used.
  const auto settings =
      settings::resolve({{"maxOpenConns", options.connections},
                         {"maxIdleConns", options.connections},
                         {"maxConnsPerDatabase", std::min(options.per_database, options.connections)},
                         {"systemConns", 1}});
  if (!settings) throw std::runtime_error(settings::to_string(settings.error()));
  return *settings;
}

postgres::ConnectOptions connect_options(const Options& options) {
  postgres::ConnectOptions connect;
  connect.host = options.host;
  connect.port = options.port;
  connect.user = options.user;
  connect.password = options.password;
  connect.ssl_mode = postgres::SslMode::kDisable;
  connect.application_name = "ours";
  return connect;
}

// The cumulative weights of ranks 1, 2, ...: 1/rank^skew each.
std::vector<double> zipf_weights(int ranks, double skew) {
  std::vector<double> sums;
  double sum = 0;
  for (int rank = 1; rank <= ranks; ++rank) sums.push_back(sum += std::pow(rank, -skew));
  return sums;
}

double unix_seconds(system_clock::time_point time) {
  return std::chrono::duration<double>(time.time_since_epoch()).count();
}

class Load {
 public:
  explicit Load(const Options& options)
      : options_(options),
        context_(options.threads),
        engine_(
            context_.get_executor(), [connect = connect_options(options)] { return connect; },
            options.database, settings_of(options), Listener{}),
        clients_(options.clients),
        share_(std::max<std::int64_t>(1, options.operations / options.clients)) {
    if (options.operations > 0) phase_ = Phase::kMeasure;
    std::uint64_t number = 0;
    for (auto& client : clients_) client.random.seed(options.seed * 1000003 + number++);
    if (options.case_name == "zipf") {
      weights_ = zipf_weights(options.databases, options.skew);
      for (int i = 0; i < options.databases; ++i)
        names_.push_back(options.database + "_" + std::to_string(i));
    }
  }

  nlohmann::json run() {
    const auto work = asio::make_work_guard(context_);
    std::vector<std::jthread> threads;
    threads.reserve(options_.threads);
    for (int i = 0; i < options_.threads; ++i) threads.emplace_back([this] { context_.run(); });
    try {
      auto figures = measure();
      if (!asio::co_spawn(context_, engine_.drain(steady_clock::now() + kDrainTimeout), asio::use_future)
               .get()) {
        throw std::runtime_error("connections were still open " + std::to_string(kDrainTimeout.count()) +
                                 " s after the load ended");
      }
      context_.stop();
      return figures;
    } catch (...) {
      context_.stop();
      throw;
    }
  }

 private:
  nlohmann::json measure() {
    if (weights_.empty()) asio::co_spawn(context_, open_all(), asio::use_future).get();
    std::vector<std::future<void>> ends;
    for (auto& client : clients_) {
      const bool idle_work = options_.case_name == "get_put";
      ends.push_back(asio::co_spawn(executor_for_client(), idle_work ? get_put(client) : select_1(client),
                                    asio::use_future));
    }
    if (options_.operations > 0) return measure_number(ends);
    std::this_thread::sleep_for(kWarmUp);
    const auto evicted = engine_.statistics().evicted;
    const auto start = steady_clock::now();
    phase_ = Phase::kMeasure;
    std::this_thread::sleep_for(std::chrono::duration<double>(options_.seconds));
    phase_ = Phase::kStop;
    const std::chrono::duration<double> seconds = steady_clock::now() - start;
    const auto end = system_clock::now();
    const auto evictions = engine_.statistics().evicted - evicted;
    for (auto& client_end : ends) client_end.get();
    return figures(seconds.count(), evictions, end);
  }

  // All of them, from the first on.
  nlohmann::json measure_number(std::vector<std::future<void>>& ends) {
    const auto start = steady_clock::now();
    for (auto& client_end : ends) client_end.get();
    const std::chrono::duration<double> seconds = steady_clock::now() - start;
    return figures(seconds.count(), engine_.statistics().evicted, system_clock::now());
  }

  // Whether the client has had its share of a number of operations.
  bool done(const Client& client) const {
    return options_.operations > 0 && client.operations + client.failed >= share_;
  }

  nlohmann::json figures(double seconds, std::int64_t evictions, system_clock::time_point end) {
    std::vector<float> latencies;
    std::int64_t operations = 0;
    std::int64_t failed = 0;
    std::vector<double> served_at;
    for (auto& client : clients_) {
      latencies.insert(latencies.end(), client.latencies.begin(), client.latencies.end());
      operations += client.operations;
      failed += client.failed;
      // Not served again since the longest gap began.
      if (end - client.served > client.longest_gap) client.longest_gap_end = {};
      served_at.push_back(unix_seconds(client.longest_gap_end));
    }
    const auto percentile = [&](double share) -> nlohmann::json {
      if (latencies.empty()) return nullptr;
      const auto at =
          latencies.begin() + static_cast<std::ptrdiff_t>(share * static_cast<double>(latencies.size() - 1));
      std::nth_element(latencies.begin(), at, latencies.end());
      return *at;
    };
    nlohmann::json result = {{"pool", "ours"},
                             {"version", STORAGEPOOL_VERSION},
                             {"case", options_.case_name},
                             {"clients", options_.clients},
                             {"operations", operations},
                             {"seconds", seconds},
                             {"failed", failed},
                             {"p50_us", percentile(0.5)},
                             {"p99_us", percentile(0.99)}};
    if (options_.case_name == "storm") {
      result["served_at"] = served_at;
      result["errors"] = failed;
    } else if (options_.case_name == "zipf") {
      result["refused"] = failed;
      result["evictions"] = evictions;
    }
    return result;
  }

  // Only who runs statements needs a serial executor; what one thread runs is serial without a strand.
  asio::any_io_executor executor_for_client() {
    if (options_.case_name == "get_put" || options_.threads == 1) return context_.get_executor();
    return asio::make_strand(context_);
  }

  asio::awaitable<void> open_all() {
    std::deque<Lease> leases;
    for (int i = 0; i < options_.connections; ++i) {
      auto lease = co_await engine_.acquire(options_.database, steady_clock::now() + kAcquireTimeout);
      if (!lease) throw std::runtime_error("connecting before the load: " + lease.error().detail);
      leases.push_back(std::move(*lease));
    }
  }

  asio::awaitable<void> get_put(Client& client) {
    const bool crowded = options_.clients > options_.connections;
    steady_clock::time_point start;
    for (Phase phase = phase_; phase != Phase::kStop && !done(client); phase = phase_) {
      const bool sampled = client.turn++ % kSampleEvery == 0;
      if (sampled) start = steady_clock::now();
      bool taken = false;
      {
        auto lease = co_await engine_.acquire(options_.database, start + kAcquireTimeout);
        taken = lease.has_value();
        if (taken && crowded) co_await asio::defer(asio::use_awaitable);
      }
      count(client, phase, taken, sampled ? std::optional(start) : std::nullopt);
      if (!taken) co_await runtime::sleep_for(kRetryPause);
    }
  }

  asio::awaitable<void> select_1(Client& client) {
    client.served = system_clock::now();
    for (Phase phase = phase_; phase != Phase::kStop && !done(client); phase = phase_) {
      const auto start = steady_clock::now();
      bool answered = false;
      {
        auto lease = co_await engine_.acquire(database_for(client), start + kAcquireTimeout);
        if (lease) {
          const auto result =
              co_await (*lease)->query("SELECT 1", {}, steady_clock::now() + kStatementTimeout);
          answered = result && result->rows.size() == 1 && result->rows[0][0] == "1";
        }
      }
      count(client, phase, answered, start);
      if (answered) {
        note_gap(client);
      } else {
        co_await runtime::sleep_for(kRetryPause);
      }
    }
  }

  const std::string& database_for(Client& client) {
    if (weights_.empty()) return options_.database;
    const double at = std::uniform_real_distribution<double>(0, weights_.back())(client.random);
    const auto rank = std::upper_bound(weights_.begin(), weights_.end() - 1, at) - weights_.begin();
    return names_[static_cast<std::size_t>(rank)];
  }

  static void count(Client& client, Phase phase, bool succeeded,
                    std::optional<steady_clock::time_point> start) {
    if (phase != Phase::kMeasure) return;
    ++(succeeded ? client.operations : client.failed);
    if (!succeeded || !start) return;
    client.latencies.push_back(
        std::chrono::duration<float, std::micro>(steady_clock::now() - *start).count());
  }

  static void note_gap(Client& client) {
    const auto now = system_clock::now();
    const auto gap = now - std::exchange(client.served, now);
    if (gap <= client.longest_gap) return;
    client.longest_gap = gap;
    client.longest_gap_end = now;
  }

  const Options& options_;
  std::atomic<Phase> phase_ = Phase::kWarmUp;
  asio::io_context context_;
  Engine engine_;
  std::vector<Client> clients_;
  const std::int64_t share_;        // of a client in Options::operations
  std::vector<double> weights_;     // of the databases, summed up; empty when there is one
  std::vector<std::string> names_;  // of the databases, most popular first
};

}  // namespace

nlohmann::json run_load(const Options& options) {
  return Load(options).run();
}

}  // namespace storagepool::engine::peer
