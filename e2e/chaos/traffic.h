// Requests through a Service, as applications send them: a fixed number of clients, each on a connection of
// its own that it keeps as long as it is kept, reading pages and every fifth time writing an event, until
// stopped. What was not answered is remembered with its time.
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <list>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

namespace storagepool::e2e {

class Traffic {
 public:
  using TimePoint = std::chrono::steady_clock::time_point;

  struct Failure {
    TimePoint begun;
    TimePoint ended;
    std::string text;
  };

  Traffic() = default;
  ~Traffic() { stop(); }
  Traffic(const Traffic&) = delete;
  Traffic& operator=(const Traffic&) = delete;

  void add(const std::string& address, std::uint16_t port, int clients);
  void stop();

  int answered() const { return answered_; }  // 2xx
  int put_off() const { return put_off_; }    // 429 and 503: "later"
  // Any other answer, or none.
  std::vector<Failure> failures() const;
  // Without those that a fault of this time explains.
  std::vector<Failure> failures_outside(TimePoint from, TimePoint until) const;

 private:
  void work(const std::stop_token& stop, int client, const std::string& address, std::uint16_t port);

  std::atomic<int> answered_{0};
  std::atomic<int> put_off_{0};
  std::atomic<int> clients_so_far_{0};
  mutable std::mutex mutex_;
  std::vector<Failure> failures_;
  std::list<std::jthread> clients_;
};

std::string describe(const std::vector<Traffic::Failure>& failures);

}  // namespace storagepool::e2e
