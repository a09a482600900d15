// Puts load on a service: a fixed number of clients, each with a connection of its
// own that is kept alive, each sending its next request as soon as the last one is answered, or as soon as
// one is due. One thread and epoll, so that little is taken from what is measured on the same machine.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <string>

#include "e2e/peers/service/load/latencies.h"
#include "e2e/peers/service/load/request.h"

namespace storagepool::load {

// Where the events must go for an answer to be the expected one.
enum class Kept { kStored, kJournalled, kEither };

struct RunOptions {
  RequestOptions requests;
  Kept kept = Kept::kStored;
  std::string address = "127.0.0.1";  // IPv4
  std::uint16_t port = 0;
  unsigned clients = 1;
  std::chrono::microseconds time{0};  // how long requests are begun
  std::uint64_t most_requests = 0;    // ends after so many requests, should the time not be over; 0: no bound
  double rate = 0;  // requests per second that become due, evenly; 0: as fast as they are answered
  // Told, if it is there, of each request that was answered as expected: when its latency's time began, and
  // when it ended.
  std::function<void(std::chrono::steady_clock::time_point, std::chrono::steady_clock::time_point)>
      answered{};
};

struct Figures {
  std::uint64_t in_time = 0;                     // requests answered as expected before the time was over
  std::uint64_t answered = 0;                    // and with those that were under way then
  double seconds = 0;                            // in which the first were answered
  std::map<unsigned, std::uint64_t> unexpected;  // answers by their status
  std::uint64_t queued = 0;                      // answers by which the events went to a journal
  std::uint64_t broken = 0;      // requests whose connection failed before the answer was there
  std::uint64_t unanswered = 0;  // requests without answer long after the time was over
  std::string first_problem;     // what one of these was
  // Of all answered as expected: from the first byte sent, or from when the request was due, to the last byte
  // received.
  Latencies latencies;
};

// Throws std::runtime_error when the service cannot be reached, or breaks one connection after the other.
Figures run(const RunOptions& options);

}  // namespace storagepool::load
