// Counts the client backends of the StoragePools' role every 10 ms from inside the server, for as long as it
// lives, and keeps the largest count seen. Its own session is the superuser's, so it is not in the count and
// needs no connection that the role could have used.
#pragma once

#include <atomic>
#include <string>
#include <thread>

#include "e2e/support/process.h"

namespace storagepool::e2e {

class BackendSampler {
 public:
  explicit BackendSampler(const std::string& name_space);
  ~BackendSampler();
  BackendSampler(const BackendSampler&) = delete;
  BackendSampler& operator=(const BackendSampler&) = delete;

  int samples() const { return samples_; }
  int now() const { return now_; }
  int highest() const { return highest_; }
  // Whether it still samples; when it does not, what it printed last says why.
  bool alive() const { return alive_; }
  // Starts anew with `highest`.
  void reset_highest() { highest_ = 0; }

 private:
  void read_all(const std::stop_token& stop);

  Child psql_;
  std::atomic<int> samples_{0};
  std::atomic<int> now_{0};
  std::atomic<int> highest_{0};
  std::atomic<bool> alive_{true};
  std::jthread reader_;
};

}  // namespace storagepool::e2e
