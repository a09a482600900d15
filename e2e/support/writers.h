// Writers of audit events through a Service, as an application's clients are: each writes one event after
// another, half of them over a new connection every time, and remembers what was acknowledged. Bounded in
// number and rate; they end with the object.
#pragma once

#include <chrono>
#include <cstdint>
#include <list>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

namespace storagepool::e2e {

class Writers {
 public:
  using TimePoint = std::chrono::steady_clock::time_point;

  // Something other than an acknowledgement.
  struct Failure {
    TimePoint begun;
    TimePoint ended;
    int status = 0;  // 0: no answer
    std::string text;
  };
  struct Outcome {
    std::vector<std::string> stored{};      // ids answered 201, in the order of the answers
    std::vector<TimePoint> stored_at{};     // when each was
    std::vector<std::string> journalled{};  // ids answered 202
    std::vector<Failure> failures{};
  };

  // All events have the correlation id `correlation_id`.
  Writers(const std::string& address, std::uint16_t port, int count, const std::string& correlation_id);
  ~Writers() { stop(); }
  Writers(const Writers&) = delete;
  Writers& operator=(const Writers&) = delete;

  void stop();
  Outcome outcome() const;

 private:
  void write(const std::stop_token& stop, int writer, const std::string& address, std::uint16_t port,
             const std::string& correlation_id);

  mutable std::mutex mutex_;
  Outcome outcome_;
  std::list<std::jthread> threads_;
};

}  // namespace storagepool::e2e
