// What is around the operator in a cluster, but pods have no containers: the StatefulSet controller, the
// kubelet, the garbage collector; the pods' administration ports, and PostgreSQL servers that count what the
// pods may hold. Every pod opens as many connections as it may, at once.
#pragma once

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "operator/kube/kube.h"
#include "operator/kube/watch/informer.h"
#include "operator/manager/testing/control_plane.h"
#include "operator/manager/testing/simulated_pods.h"
#include "pool/common/runtime/clock.h"

namespace storagepool::manager::faulty_api {

inline constexpr std::int64_t kMaxConnections = 60;
inline constexpr std::int64_t kReserved = 3;
inline constexpr std::int64_t kReserve = 5;  // of each StoragePool's spec
inline constexpr std::int64_t kUsable = kMaxConnections - kReserved - kReserve;

class World {
 public:
  explicit World(testing::ControlPlane& control_plane);
  ~World();

  // What has been wrong with the sum of a server in this namespace; empty: nothing.
  std::string violations(const std::string& name_space) const;
  // Pods that are there in this namespace.
  std::size_t pods(const std::string& name_space) const;

 private:
  struct Pod {
    kube::ObjectKey pool;
    std::string name;
    std::string server;  // namespace/host
    settings::SettingsReport report;
  };
  using Objects = std::vector<kube::ObjectPtr>;

  void work(const std::stop_token& stop);
  void control(const kube::Json& set);
  void make_pod(const kube::Json& set, const kube::ObjectKey& key, const std::string& revision);
  void start_pod(const kube::Json& object, const std::string& pool);
  void make_claim(const kube::Json& set, const kube::ObjectKey& pod);
  void end_pods();
  void end_claims();
  void collect_garbage();
  void remove_now(const kube::ResourceType& type, const kube::Json& object);
  Objects pods_of(const kube::Json& set) const;
  std::string answer(const std::string& address, const std::string& method, const std::string& path,
                     const std::string& body);
  settings::FactsReport facts(const Pod& pod) const;
  void check_sum(const std::string& server);
  void poke();

  testing::ControlPlane& control_plane_;
  const kube::Client& client_;
  mutable std::mutex mutex_;  // guards what follows
  std::condition_variable_any wake_;
  bool changed_ = true;
  std::map<std::string, Pod> pods_;  // that hold connections, by address
  std::map<std::string, std::string> violations_;
  int addresses_ = 0;
  std::set<std::pair<std::string, std::string>> dead_;  // namespaces and uids of StoragePools that are gone

  // Uids of pods, of the thread.
  std::set<std::string> started_;
  std::map<std::string, runtime::TimePoint> ended_;
  testing::AdminPorts admin_ports_;
  std::vector<std::unique_ptr<kube::Informer>> informers_;
  std::jthread thread_;
};

}  // namespace storagepool::manager::faulty_api
