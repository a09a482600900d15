// Watches the promise while a scenario goes on: connections added over all pods, databases and StoragePools
// never exceed what the server can give. Every 10 ms it asks the server how many client backends each pod has
// and what may be used, as long as it lives, also after the server was restarted. At the end it writes what
// it saw: build/reports/promise/<name>.md with a plot. It wants hack/cluster's node: it looks from inside the
// server's container, by way of this machine's processes.
//
// Pods are told apart by their addresses, so they must reach the server without address translation
// (Postgres::direct_host).
#pragma once

#include <chrono>
#include <map>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include <gtest/gtest.h>

#include "e2e/chaos/traffic.h"

namespace storagepool::e2e {

class Promise {
 public:
  using TimePoint = std::chrono::steady_clock::time_point;

  struct Sample {
    TimePoint at;
    int usable = 0;  // of the role's connections, max_connections less what is reserved
    int total = 0;
    std::map<std::string, int> by_address{};
  };

  // `title` is one line for people, `name` that of the report's files. `reserve` as in spec.postgres.
  Promise(std::string name_space, std::string name, std::string title, int reserve);
  ~Promise();
  Promise(const Promise&) = delete;
  Promise& operator=(const Promise&) = delete;

  // Something that the report shows on the time axis.
  void mark(const std::string& what);
  // The server itself was given less: what is open until `until` counts as what it was before.
  void excuse(TimePoint from, TimePoint until);

  int now() const;
  std::size_t samples() const;
  // The most backends that were seen, and what was usable then.
  struct Peak {
    int backends = 0;
    int usable = 0;
  };
  Peak peak() const;
  // No sample was above what could be used, and no connection was refused by the server.
  ::testing::AssertionResult kept() const;
  // What kept() and the traffic came to, for the report.
  void write(const Traffic& traffic) const;

 private:
  struct Mark {
    TimePoint at;
    std::string what;
  };
  struct Window {
    TimePoint from;
    TimePoint until;
  };
  std::vector<std::string> command() const;
  void read_all(const std::stop_token& stop);
  void take(const std::string& line);
  bool excused(TimePoint at) const;
  std::string refusals() const;
  std::string plot() const;

  std::string namespace_;
  std::string name_;
  std::string title_;
  int reserve_;
  TimePoint started_;
  mutable std::mutex mutex_;
  std::vector<Sample> samples_;
  std::vector<Mark> marks_;
  std::vector<Window> windows_;
  std::jthread reader_;
};

}  // namespace storagepool::e2e
