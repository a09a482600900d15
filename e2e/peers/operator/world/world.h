// One operator's program on a control plane of its own, with users, and pods that are simulated. What goes
// wrong is thrown as std::runtime_error.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "e2e/peers/operator/world/reading.h"
#include "operator/kube/kube.h"
#include "operator/kube/watch/informer.h"
#include "operator/manager/testing/control_plane.h"
#include "operator/manager/testing/proxy.h"
#include "operator/manager/testing/simulated_pods.h"

namespace storagepool::peers {

struct Options {
  std::vector<std::string> program;  // the operator and its first arguments
  bool told_children = false;        // it takes --children, what ours makes of a StoragePool
  int storage_pools = 2000;
  int pods = 3;      // of each
  int silent = 500;  // pods, each of another StoragePool
  int workers = 4;
  std::chrono::seconds rest{300};
  std::chrono::seconds limit{900};  // of each scenario
};

// Tells people how far it is, with the seconds since the start.
void say(const std::string& text);

class World {
 public:
  explicit World(const Options& options);

  const Options& options() const { return options_; }

  // Until it is ready, or, when `wait` is false, at once.
  void start_operator(bool wait = true);
  void stop_operator();
  bool operator_ready() const;
  std::int64_t looks() const;  // that the running one has had
  // As many looks as there are StoragePools, and none waits to be looked at.
  bool has_looked_at_all() const;
  Reading read() const;
  // Since `before`, which the same process has seen, or its start if it has been started since.
  kube::Json since(const Reading& before, int patches) const;
  void begin_scenario() const;  // the peak of memory counts from here

  // StoragePools `first` to `last` - 1, by some clients at once; calls `half` when half are made.
  void make_storage_pools(int first, int last, const std::function<void()>& half = {});
  void start_pods();
  int pods_made() const { return stateful_sets_ ? stateful_sets_->pods() : 0; }
  bool has_silent_pod(int number) const;

  std::int64_t children() const;  // that exist
  int with_status() const;        // StoragePools whose status speaks of their latest spec
  int ready() const;

  // A user's change, and how long until it was acted on: shown by the Service, or in force in all pods.
  Clock::duration change_service(int number, const std::string& value);
  Clock::duration change_limit(int number, std::int64_t limit);

  // Waits; throws when `what` is not so in time, or the operator has ended.
  void wait_for(const std::string& what, const std::function<bool()>& condition,
                std::chrono::milliseconds pause) const;
  // Until nothing has been written for some seconds.
  void wait_for_rest() const;

 private:
  struct Seen {
    bool status = false;
    bool ready = false;
  };
  void take(const kube::Json& storage_pool);
  manager::testing::Conduct conduct_of(int number, std::int64_t ordinal) const;
  std::string address_of(int number, std::int64_t ordinal) const;
  std::string metrics_of_api_server() const;
  std::int64_t resource_version() const;
  void patch(int number, const kube::Json& patch) const;

  const Options options_;
  manager::testing::ControlPlane control_plane_;
  manager::testing::Proxy proxy_;
  manager::testing::AdminPorts admin_ports_;
  std::optional<manager::testing::StatefulSets> stateful_sets_;
  std::unique_ptr<manager::testing::Process> operator_;
  std::int64_t others_children_ = 0;  // of the control plane itself
  mutable std::mutex mutex_;
  std::map<std::string, Seen> seen_;
  int with_status_ = 0;
  int ready_ = 0;
  std::optional<kube::Informer> storage_pools_;
};

}  // namespace storagepool::peers
