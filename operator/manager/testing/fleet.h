// A fleet of StoragePools with simulated pods under the operator's program as it ships, on a control plane of
// the test's own. The program is that of $STORAGEPOOL_OPERATOR, else the one of this build.
#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <thread>

#include <gtest/gtest.h>

#include "operator/kube/kube.h"
#include "operator/manager/testing/control_plane.h"
#include "operator/manager/testing/scrape.h"
#include "operator/manager/testing/simulated_pods.h"

namespace storagepool::manager::testing {

using Clock = std::chrono::steady_clock;

template <typename Condition>
bool eventually(Condition condition, Clock::duration limit,
                Clock::duration pause = std::chrono::milliseconds{5}) {
  const auto deadline = Clock::now() + limit;
  while (!condition()) {
    if (Clock::now() > deadline) return false;
    std::this_thread::sleep_for(pause);
  }
  return true;
}

std::string operator_program();

// StoragePools p0, p1, ... of one pod with 10 connections each, every one on a server of its own.
class Fleet : public ::testing::Test {
 protected:
  static constexpr int kClients = 6;
  static constexpr std::uint16_t kHealthPort = 18081;
  static constexpr std::uint16_t kMetricsPort = kHealthPort + 1;
  static constexpr std::uint16_t kPagePort = kHealthPort + 2;

  // `conduct_of`: the pod of the StoragePool with this number, of up to `storage_pools`.
  Fleet(int storage_pools, Conduct (*conduct_of)(int number));
  void SetUp() override;

  static std::string name_of(int number) { return "p" + std::to_string(number); }
  static kube::ObjectKey key_of(int number) { return {"default", name_of(number)}; }
  static kube::Json storage_pool(int number);

  void start_operator(const std::string& kubeconfig);
  // One that has the ports from this on: health, metrics, page.
  std::unique_ptr<Process> operator_at(std::uint16_t first_port, const std::string& kubeconfig,
                                       const std::string& log, const std::string& name_space = "default",
                                       const std::string& default_image = "example.invalid/pods:1") const;
  std::string log() const { return control_plane_->file("operator.log"); }
  void make_storage_pools(int count);
  // Of p<number>, which is there.
  kube::Client::Result<kube::Json> set_limit(int number, std::int64_t limit);
  std::int64_t limit_in_force(int number) const;
  // Of its StatefulSet; -1: there is none.
  std::int64_t replicas_wanted(int number) const;
  // The pod of p<number>, which is no longer wanted, has ended well and is gone, as a kubelet would have it.
  void end_pod(int number);
  // How many StoragePools there are with each reason of Ready.
  std::map<std::string, int> reasons() const;
  // A metric's value, of the operator or of who has this port, its lines added up; 0 when it is not there.
  static double metric(const std::string& name, std::uint16_t port = kMetricsPort);

  std::string resync_ = "10s";  // in which the operator looks at each StoragePool
  const int count_;
  Conduct (*const conduct_of_)(int number);
  std::optional<ControlPlane> control_plane_;
  std::map<int, std::string> addresses_;  // of the pods that answer
  std::optional<AdminPorts> admin_ports_;
  std::optional<StatefulSets> stateful_sets_;
  std::unique_ptr<Process> operator_;
};

}  // namespace storagepool::manager::testing
