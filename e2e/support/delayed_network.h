// What the network namespace of a process sends to an address goes on a detour on which each packet spends
// some time (a TUN interface, and this process behind it), also on connections that there are, until it
// ends; what was on the way then arrives yet. Nothing is lost, reordered or narrowed.
#pragma once

#include <sys/types.h>

#include <atomic>
#include <chrono>
#include <string>
#include <thread>

#include "e2e/support/node.h"

namespace storagepool::e2e {

class DelayedNetwork {
 public:
  // `address`: IPv4.
  DelayedNetwork(pid_t process, std::string address, std::chrono::milliseconds delay);
  ~DelayedNetwork();
  DelayedNetwork(const DelayedNetwork&) = delete;
  DelayedNetwork& operator=(const DelayedNetwork&) = delete;

  long carried() const { return carried_; }  // packets so far

 private:
  void carry(const std::stop_token& stop);

  NetworkSpace space_;
  std::string address_;
  std::chrono::milliseconds delay_;
  int detour_ = -1;  // whole IP packets as they are sent
  int out_ = -1;     // and on to the network
  std::atomic<long> carried_{0};
  std::jthread carrier_;
};

}  // namespace storagepool::e2e
