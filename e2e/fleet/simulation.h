// Discrete events in their order, and what they queue for. Times are in seconds; nothing waits, nothing runs
// beside.
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <random>
#include <vector>

namespace storagepool::e2e {

class Simulation {
 public:
  using Act = std::function<void()>;

  explicit Simulation(std::uint32_t seed) : random_(seed) {}

  double now() const { return now_; }
  void after(double seconds, Act act);
  // Events up to this moment, or until there is none.
  void run(double until);
  // Called after each event: what must hold at every moment.
  void check_always(Act check) { check_ = std::move(check); }
  std::int64_t events() const { return events_; }

  double exponential(double mean) { return std::exponential_distribution<double>(1 / mean)(random_); }

 private:
  struct Event {
    double at;
    std::int64_t number;  // of those at one moment the first that was made comes first
    Act act;
    bool operator<(const Event& other) const {
      return at != other.at ? at > other.at : number > other.number;
    }
  };

  std::vector<Event> heap_;
  double now_ = 0;
  std::int64_t made_ = 0;
  std::int64_t events_ = 0;
  Act check_ = [] {};
  std::mt19937_64 random_;
};

// Some servers alike, first come first served.
class Station {
 public:
  Station(Simulation& simulation, int servers) : simulation_(simulation), servers_(servers) {}
  Station(const Station&) = delete;
  Station& operator=(const Station&) = delete;

  void serve(double seconds, Simulation::Act done);

  std::int64_t arrived() const { return arrived_; }
  std::int64_t served() const { return served_; }
  std::int64_t inside() const { return busy_ + static_cast<std::int64_t>(queue_.size()); }
  double mean_wait() const;
  double busy_seconds() const { return busy_seconds_; }  // of all servers, of services that have ended
  // Forgets what was counted: the fleet is warm now.
  void count_anew() { arrived_ = inside(), served_ = 0, started_ = 0, waited_ = 0, busy_seconds_ = 0; }

 private:
  struct Waiting {
    double since;
    double seconds;
    Simulation::Act done;
  };
  void start(Waiting waiting);

  Simulation& simulation_;
  int servers_;
  int busy_ = 0;
  std::deque<Waiting> queue_;
  std::int64_t arrived_ = 0;
  std::int64_t served_ = 0;
  std::int64_t started_ = 0;
  double waited_ = 0;
  double busy_seconds_ = 0;
};

// How long an arrival waits on average for one of `servers` where arrivals are Poisson and services
// exponential (Erlang C). REQUIRES: arrivals_per_second * service_seconds < servers.
double erlang_c_wait(double arrivals_per_second, double service_seconds, int servers);

// Times in columns of a tenth of their value: percentiles to within that.
class Times {
 public:
  void add(double seconds);
  std::int64_t count() const { return count_; }
  double percentile(double share) const;  // 0 of none

 private:
  std::vector<std::int64_t> columns_;
  std::int64_t count_ = 0;
};

}  // namespace storagepool::e2e
