// A bounded load of audit events: a fixed number of clients, each on its own connection, writing one event
// after another (and reading a page of them every tenth time) until stopped.
#pragma once

#include <atomic>
#include <cstdint>
#include <list>
#include <string>
#include <thread>

#include "e2e/support/port_forward.h"

namespace storagepool::e2e {

class Load {
 public:
  explicit Load(std::string name_space);
  ~Load() { stop(); }
  Load(const Load&) = delete;
  Load& operator=(const Load&) = delete;

  // Adds `clients` that talk to one pod. They end by themselves when the pod is gone.
  void add_pod(const std::string& pod, int clients);
  void stop();

  int accepted() const { return counters_.accepted; }  // 2xx
  int refused() const { return counters_.refused; }    // 429 and 503: "later"
  int failed() const { return counters_.failed; }      // any other answer
  int broken() const { return counters_.broken; }      // no answer: the connection broke or timed out
  std::string report() const;

 private:
  struct Counters {
    std::atomic<int> accepted{0};
    std::atomic<int> refused{0};
    std::atomic<int> failed{0};
    std::atomic<int> broken{0};
  };

  std::string namespace_;
  Counters counters_;
  std::atomic<int> next_event_{0};
  std::list<PortForward> forwards_;
  std::list<std::jthread> clients_;
};

}  // namespace storagepool::e2e
