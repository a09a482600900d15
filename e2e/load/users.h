// Users of a DataStorage service: each keeps a connection and sends its next request as soon as the last one
// is answered, or as soon as one is due. Some write events, the others read the events of a correlation. The
// load is bounded in time and in the number of users; see e2e/peers/service/load/run.h, which makes it.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <vector>

#include "e2e/load/judge.h"
#include "e2e/load/report.h"

namespace storagepool::e2e {

struct Users {
  unsigned writers = 0;
  unsigned readers = 0;  // of what `fill` has written
  std::chrono::seconds time{0};
  double rate = 0;  // of all users' requests that become due in a second; 0: as fast as they are answered
};

struct Answers {
  std::uint64_t count = 0;       // as expected
  double seconds = 0;            // in which they came
  std::uint64_t journalled = 0;  // of the count: events that a journal has taken
  std::uint64_t errors = 0;      // any other answer, or none
  std::string problem{};         // what the first error was
  // Latencies in milliseconds, from when a request was begun, or due, to the end of its answer.
  double p50 = 0;
  double p95 = 0;
  double p99 = 0;
  double max = 0;
  std::vector<Sample> each{};   // answer's latency; of the first 100,000
  std::vector<Sample> rates{};  // answers in each second
  std::vector<Sample> p95s{};   // of each second

  double per_second() const { return seconds > 0 ? static_cast<double>(count) / seconds : 0; }
  // For a report: the lines of answers per second and of the p95 of each second.
  std::vector<Line> lines() const;
};

class Service {
 public:
  using TimePoint = std::chrono::steady_clock::time_point;

  // `token` is sent with each request.
  Service(std::string address, std::uint16_t port, std::string token);

  // Writes the events that readers read. Throws std::runtime_error when not all were taken.
  void fill() const;
  // Comes back when the users have all their answers. Samples have their time since `origin`.
  Answers serve(const Users& users, TimePoint origin) const;

 private:
  std::string address_;
  std::uint16_t port_;
  std::string token_;
};

}  // namespace storagepool::e2e
