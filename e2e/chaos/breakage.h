// What the faults of the matrix are made of, and the two shapes that they have.
#pragma once

#include <sys/types.h>

#include <chrono>
#include <functional>
#include <memory>
#include <stop_token>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "e2e/chaos/faults.h"
#include "e2e/support/http.h"
#include "e2e/support/node.h"

namespace storagepool::e2e {

using Processes = std::function<std::vector<pid_t>()>;

// PostgreSQL's, the first one first, whenever they are asked for.
Processes servers_of(const Targets& targets);

// A fault that is there from its making to its end.
template <typename State>
Fault lasting(std::string name, std::string title, std::function<std::shared_ptr<State>()> make) {
  auto state = std::make_shared<std::shared_ptr<State>>();
  return {.name = std::move(name),
          .title = std::move(title),
          .begin = [state, make = std::move(make)] { *state = make(); },
          .end = [state] { state->reset(); }};
}

// A fault that something goes on doing in a thread until it ends.
Fault going_on(std::string name, std::string title, std::function<void(const std::stop_token&)> what);

// Stops processes until it ends; those that have gone meanwhile are let go.
class Stopped {
 public:
  explicit Stopped(Processes processes);
  ~Stopped();
  Stopped(const Stopped&) = delete;
  Stopped& operator=(const Stopped&) = delete;

 private:
  Processes processes_;
};

// They run a tenth of the time.
std::function<void(const std::stop_token&)> slowed(Processes processes);

// A rule of each pod's network (node.h).
using Networks = std::vector<std::unique_ptr<NetworkFault>>;
std::function<std::shared_ptr<Networks>()> networks(std::vector<pid_t> processes, std::string rule);

// A volume's file system of its own, full to the last block until this ends. The process in whose view the
// folder is may go meanwhile.
class FullVolume {
 public:
  explicit FullVolume(const std::string& folder);
  ~FullVolume();
  FullVolume(const FullVolume&) = delete;
  FullVolume& operator=(const FullVolume&) = delete;

 private:
  int folder_;
};

// Allows a process the least that the kernel can press its memory into, again and again: what it has in use
// at one moment it may not need at the next.
void press(pid_t process, const std::stop_token& stop);

// As it is now.
std::vector<pid_t> operator_processes();
void kill_operator_now_and_then(const std::stop_token& stop, unsigned seed);

// Empty once the container of the first pod has ended for that reason, and was started again.
std::function<std::string()> ended(const Targets& targets, const std::string& reason);

// What a pod tells of itself. Throws when it does not.
HttpResponse metrics_of(const std::string& name_space, const std::string& pod);
// Of a metric without labels.
double metric_of(const std::string& name_space, const std::string& pod, const std::string& metric);
// Waits until each pod tells that value, or more.
::testing::AssertionResult reaches(const Targets& targets, const std::string& metric, double least,
                                   std::chrono::seconds deadline);

}  // namespace storagepool::e2e
