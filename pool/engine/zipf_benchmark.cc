// Many databases under a small budget, as a discrete-event simulation of the core: clients that each pick a
// database by Zipf's law, ask for a connection, run one short query and give it back, over a server that
// starts only so many backends at once. What it costs to move a token from one database to another is a new
// backend, so the figure of merit is operations per connect; an ideal LRU of as many connections, which
// serves the same requests one by one in their order, sets the scale (`vs_lru`, 1 is as good).
//
// Time is simulated: the counters are exact and the same on every machine, only the wall clock is not.
#include <benchmark/benchmark.h>

#include <algorithm>
#include <cmath>
#include <functional>
#include <list>
#include <map>
#include <queue>
#include <random>
#include <string>
#include <unordered_map>
#include <utility>
#include <variant>
#include <vector>

#include "pool/engine/core/core.h"

namespace storagepool::engine {
namespace {

using std::chrono::microseconds;
using std::chrono::nanoseconds;
using std::chrono::seconds;

struct Server {
  microseconds connect{4000};
  int at_once = 2;  // connects that proceed at the same time; others queue
  microseconds query{200};
  microseconds exit{1000};  // from Terminate to the end of the backend
};

struct Load {
  int clients = 64;
  int databases = 200;
  double skew = 1.1;
  int budget = 20;
  Server server = {};
};

class Requests {
 public:
  Requests(int databases, double skew) : pick_(weights(databases, skew)) {
    for (int i = 0; i < databases; ++i) names_.push_back("database_" + std::to_string(i));
  }
  int next() {
    seen_.push_back(pick_(random_));
    return seen_.back();
  }
  const std::string& name(int database) const { return names_[database]; }
  // Of an LRU list of `slots` connections over the requests so far.
  double ideal_lru_miss_rate(std::size_t slots) const {
    std::list<int> order;
    std::unordered_map<int, std::list<int>::iterator> where;
    std::size_t misses = 0;
    for (const int database : seen_) {
      if (const auto found = where.find(database); found != where.end()) {
        order.splice(order.begin(), order, found->second);
        continue;
      }
      ++misses;
      order.push_front(database);
      where[database] = order.begin();
      if (order.size() <= slots) continue;
      where.erase(order.back());
      order.pop_back();
    }
    return static_cast<double>(misses) / static_cast<double>(seen_.size());
  }

 private:
  static std::discrete_distribution<int> weights(int databases, double skew) {
    std::vector<double> weights;
    for (int rank = 1; rank <= databases; ++rank) weights.push_back(std::pow(rank, -skew));
    return {weights.begin(), weights.end()};
  }
  std::mt19937_64 random_{7};
  std::discrete_distribution<int> pick_;
  std::vector<std::string> names_;
  std::vector<int> seen_;
};

class Simulation {
 public:
  explicit Simulation(const Load& load)
      : load_(load),
        requests_(load.databases, load.skew),
        core_("system", settings_of(load), std::mt19937_64(1)) {}

  void run(nanoseconds time) {
    for (int client = 0; client < load_.clients; ++client) ask(client);
    for (;;) {
      const TimePoint timer = core_.next_timer().value_or(TimePoint::max());
      const TimePoint next = events_.empty() ? timer : std::min(timer, events_.top().when);
      if (next > TimePoint(time)) return;
      now_ = next;
      if (!events_.empty() && events_.top().when == next) {
        const auto happens = events_.top().happens;
        events_.pop();
        happens();
      } else {
        core_.tick(now_);
        carry_out();
      }
    }
  }

  std::int64_t served = 0;
  std::int64_t connects = 0;
  std::int64_t refused = 0;
  std::vector<nanoseconds> waits;
  double ideal() const { return 1 / requests_.ideal_lru_miss_rate(static_cast<std::size_t>(load_.budget)); }
  Statistics statistics() const { return core_.statistics(); }

 private:
  struct Event {
    TimePoint when;
    std::uint64_t order;
    std::function<void()> happens;
    bool operator<(const Event& other) const {
      return std::pair(when, order) > std::pair(other.when, other.order);
    }
  };
  struct Asked {
    int client;
    TimePoint at;
  };

  static settings::Settings settings_of(const Load& load) {
    settings::Settings settings;
    settings.max_open_conns = load.budget + 1;
    settings.max_idle_conns = load.budget + 1;
    settings.max_conns_per_database = 3;
    settings.system_conns = 1;
    return settings;
  }
  void after(nanoseconds delay, std::function<void()> happens) {
    events_.push({now_ + delay, ++order_, std::move(happens)});
  }
  void ask(int client) {
    const WaiterId id =
        core_.acquire(now_, requests_.name(requests_.next()), now_ + std::chrono::seconds(30));
    asked_[id] = {client, now_};
    carry_out();
  }
  void carry_out() {
    std::vector<Action> actions;
    core_.take_actions(actions);
    for (const Action& action : actions) {
      if (const auto* open = std::get_if<Open>(&action)) {
        connect_queue_.push(open->connection);
        start_connects();
      } else if (const auto* close = std::get_if<Close>(&action)) {
        after(load_.server.exit, [this, id = close->connection] {
          core_.closed(now_, id);
          carry_out();
        });
      } else if (const auto* hand = std::get_if<Hand>(&action)) {
        const Asked asked = asked_.extract(hand->waiter).mapped();
        waits.push_back(now_ - asked.at);
        after(load_.server.query, [this, id = hand->connection, client = asked.client] {
          ++served;
          core_.release(now_, id, true);
          carry_out();
          ask(client);
        });
      } else if (const auto* validate = std::get_if<Validate>(&action)) {
        after(load_.server.query, [this, id = validate->connection] {
          core_.validated(now_, id, true);
          carry_out();
        });
      } else if (const auto* fail = std::get_if<Fail>(&action)) {
        ++refused;
        const int client = asked_.extract(fail->waiter).mapped().client;
        after(seconds(1), [this, client] { ask(client); });
      }
    }
  }
  void start_connects() {
    while (!connect_queue_.empty() && connecting_ < load_.server.at_once) {
      const ConnectionId id = connect_queue_.front();
      connect_queue_.pop();
      ++connecting_;
      after(load_.server.connect, [this, id] {
        --connecting_;
        ++connects;
        core_.opened(now_, id);
        start_connects();
        carry_out();
      });
    }
  }

  Load load_;
  Requests requests_;
  Core core_;
  TimePoint now_{};
  std::uint64_t order_ = 0;
  std::priority_queue<Event> events_;
  std::unordered_map<WaiterId, Asked> asked_;
  std::queue<ConnectionId> connect_queue_;
  int connecting_ = 0;
};

void run(benchmark::State& state, const Load& load) {
  for (auto _ : state) {
    constexpr seconds kTime{30};
    Simulation simulation(load);
    simulation.run(kTime);
    std::sort(simulation.waits.begin(), simulation.waits.end());
    const auto wait_ms = [&](double share) {
      const auto at = static_cast<std::size_t>(share * static_cast<double>(simulation.waits.size() - 1));
      return std::chrono::duration<double, std::milli>(simulation.waits[at]).count();
    };
    const double per_connect =
        static_cast<double>(simulation.served) / static_cast<double>(simulation.connects);
    state.counters["ops/s"] = static_cast<double>(simulation.served) / static_cast<double>(kTime.count());
    state.counters["connects/s"] =
        static_cast<double>(simulation.connects) / static_cast<double>(kTime.count());
    state.counters["ops/connect"] = per_connect;
    state.counters["lru_ops/connect"] = simulation.ideal();
    state.counters["vs_lru"] = per_connect / simulation.ideal();
    state.counters["p50_ms"] = wait_ms(0.5);
    state.counters["p99_ms"] = wait_ms(0.99);
    state.counters["max_ms"] = wait_ms(1);
    state.counters["refused"] = static_cast<double>(simulation.refused);
  }
}

void BM_Zipf(benchmark::State& state) {
  run(state, {.budget = static_cast<int>(state.range(0))});
}
BENCHMARK(BM_Zipf)->Arg(20)->Arg(100)->Iterations(1)->Unit(benchmark::kMillisecond);

// Far away: a connect is slow, but any number of them proceed at once.
void BM_ZipfFarServer(benchmark::State& state) {
  run(state, {.budget = static_cast<int>(state.range(0)),
              .server = {.connect = microseconds(60000), .at_once = 1000, .query = microseconds(10000)}});
}
BENCHMARK(BM_ZipfFarServer)->Arg(20)->Arg(100)->Iterations(1)->Unit(benchmark::kMillisecond);

// No database is asked for more often than another.
void BM_Uniform(benchmark::State& state) {
  run(state, {.skew = 0, .budget = static_cast<int>(state.range(0))});
}
BENCHMARK(BM_Uniform)->Arg(20)->Arg(100)->Iterations(1)->Unit(benchmark::kMillisecond);

}  // namespace
}  // namespace storagepool::engine
