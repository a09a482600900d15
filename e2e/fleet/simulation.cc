#include "e2e/fleet/simulation.h"

#include <algorithm>
#include <cmath>
#include <utility>

namespace storagepool::e2e {
namespace {

constexpr double kLeastTime = 1e-6;
constexpr double kColumn = 1.1;  // each column ends so many times later than the one before

}  // namespace

void Simulation::after(double seconds, Act act) {
  heap_.push_back({now_ + seconds, made_++, std::move(act)});
  std::push_heap(heap_.begin(), heap_.end());
}

void Simulation::run(double until) {
  while (!heap_.empty() && heap_.front().at <= until) {
    std::pop_heap(heap_.begin(), heap_.end());
    const Event event = std::move(heap_.back());
    heap_.pop_back();
    now_ = event.at;
    ++events_;
    event.act();
    check_();
  }
  if (!heap_.empty()) now_ = until;
}

void Station::serve(double seconds, Simulation::Act done) {
  ++arrived_;
  Waiting waiting{simulation_.now(), seconds, std::move(done)};
  if (busy_ < servers_) {
    start(std::move(waiting));
  } else {
    queue_.push_back(std::move(waiting));
  }
}

void Station::start(Waiting waiting) {
  ++busy_;
  ++started_;
  waited_ += simulation_.now() - waiting.since;
  simulation_.after(waiting.seconds, [this, seconds = waiting.seconds, done = std::move(waiting.done)] {
    --busy_;
    ++served_;
    busy_seconds_ += seconds;
    if (!queue_.empty()) {
      Waiting next = std::move(queue_.front());
      queue_.pop_front();
      start(std::move(next));
    }
    done();
  });
}

double Station::mean_wait() const {
  return started_ == 0 ? 0 : waited_ / static_cast<double>(started_);
}

double erlang_c_wait(double arrivals_per_second, double service_seconds, int servers) {
  const double load = arrivals_per_second * service_seconds;
  double blocking = 1;  // Erlang B, by its recursion
  for (int i = 1; i <= servers; ++i) blocking = load * blocking / (i + load * blocking);
  const double idle = 1 - load / servers;
  const double waits = blocking / (idle + (1 - idle) * blocking);
  return waits * service_seconds / (servers - load);
}

void Times::add(double seconds) {
  const double column = std::ceil(std::log(std::max(seconds, kLeastTime) / kLeastTime) / std::log(kColumn));
  const auto index = static_cast<std::size_t>(column);
  if (columns_.size() <= index) columns_.resize(index + 1);
  ++columns_[index];
  ++count_;
}

double Times::percentile(double share) const {
  std::int64_t left =
      std::max<std::int64_t>(static_cast<std::int64_t>(std::ceil(share * static_cast<double>(count_))), 1);
  for (std::size_t i = 0; i < columns_.size(); ++i) {
    left -= columns_[i];
    if (left <= 0) return kLeastTime * std::pow(kColumn, static_cast<double>(i));
  }
  return 0;
}

}  // namespace storagepool::e2e
