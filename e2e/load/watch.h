// Watches memory and descriptors of processes on this machine, once a second, until it ends.
#pragma once

#include <sys/types.h>

#include <chrono>
#include <map>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "e2e/load/judge.h"

namespace storagepool::e2e {

struct Use {
  double memory = 0;  // resident, MiB
  double descriptors =
      0;  // open, without those of connections to PostgreSQL, of which the pool has its own limit
};
// None: there is no such process any more.
std::optional<Use> use_of(pid_t process);

class Watch {
 public:
  struct Seen {
    std::vector<Sample> memory{};       // resident, MiB
    std::vector<Sample> descriptors{};  // as in Use
    bool gone = false;                  // it ended meanwhile
  };

  // Samples have their time since `origin`.
  Watch(std::map<std::string, pid_t> processes, std::chrono::steady_clock::time_point origin);
  ~Watch() { stop(); }
  Watch(const Watch&) = delete;
  Watch& operator=(const Watch&) = delete;

  void stop();
  // After `stop`: of each process by the name that was given.
  const std::map<std::string, Seen>& seen() const { return seen_; }

 private:
  void look(std::chrono::steady_clock::time_point origin);

  std::map<std::string, pid_t> processes_;
  std::map<std::string, Seen> seen_;
  std::jthread looker_;
};

}  // namespace storagepool::e2e
