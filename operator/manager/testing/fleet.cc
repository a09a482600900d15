#include "operator/manager/testing/fleet.h"

#include <atomic>
#include <cstdlib>
#include <utility>
#include <vector>

#include "operator/reconcile/status/conditions.h"
#include "operator/render/render.h"
#include "pool/common/json/json.h"

namespace storagepool::manager::testing {
namespace {

using namespace std::chrono_literals;
using kube::Json;

std::string host_of(int number) {
  return "db" + std::to_string(number);
}

}  // namespace

std::string operator_program() {
  const char* given = std::getenv("STORAGEPOOL_OPERATOR");
  return given != nullptr && *given != '\0' ? given : STORAGEPOOL_OPERATOR_PROGRAM;
}

Fleet::Fleet(int storage_pools, Conduct (*conduct_of)(int number))
    : count_(storage_pools), conduct_of_(conduct_of) {}

void Fleet::SetUp() {
  control_plane_.emplace();
  control_plane_->define_storage_pools();
  for (int i = 0; i < count_; ++i) {
    if (conduct_of_(i) == Conduct::kAnswers) addresses_.emplace(i, AdminPorts::address(Conduct::kAnswers, i));
  }
  admin_ports_.emplace(render::kAdminPort);
  for (const auto& [number, address] : addresses_)
    admin_ports_->add(address, facts_of(host_of(number), number));
  stateful_sets_.emplace(
      control_plane_->transport(), control_plane_->client(),
      [this](const kube::ObjectKey& key, std::int64_t ordinal) -> std::string {
        if (ordinal > 0) return {};
        const int number = std::stoi(key.name.substr(1));
        return AdminPorts::address(conduct_of_(number), number);
      },
      kClients);
}

Json Fleet::storage_pool(int number) {
  return {{"metadata", {{"name", name_of(number)}, {"namespace", "default"}}},
          {"spec",
           {{"replicas", 1},
            {"pool", {{"maxOpenConns", 10}}},
            {"postgres",
             {{"host", host_of(number)},
              {"database", "audit"},
              {"credentialsSecretRef", {{"name", "creds"}}}}}}}};
}

std::unique_ptr<Process> Fleet::operator_at(std::uint16_t first_port, const std::string& kubeconfig,
                                            const std::string& log, const std::string& name_space,
                                            const std::string& default_image) const {
  const auto at = [first_port](int index) { return "127.0.0.1:" + std::to_string(first_port + index); };
  return std::make_unique<Process>(
      std::vector<std::string>{operator_program(), "--kubeconfig=" + kubeconfig, "--namespace=" + name_space,
                               "--default-image=" + default_image, "--resync=" + resync_,
                               "--health-probe-bind-address=" + at(0), "--metrics-bind-address=" + at(1),
                               "--page-bind-address=" + at(2)},
      log);
}

void Fleet::start_operator(const std::string& kubeconfig) {
  operator_.reset();
  operator_ = operator_at(kHealthPort, kubeconfig, log());
  ASSERT_TRUE(
      eventually([&] { return fetch(kHealthPort, "/readyz").find("200 OK") != std::string::npos; }, 60s))
      << tail_of(log());
}

void Fleet::make_storage_pools(int count) {
  std::atomic<int> next{0};
  std::vector<std::jthread> clients;
  for (int i = 0; i < kClients; ++i) {
    clients.emplace_back([&] {
      for (int number = next++; number < count; number = next++) {
        const auto made =
            control_plane_->client().create(kube::resources::kStoragePools, storage_pool(number));
        EXPECT_TRUE(made) << made.error().to_string();
      }
    });
  }
}

kube::Client::Result<Json> Fleet::set_limit(int number, std::int64_t limit) {
  return control_plane_->client().merge_patch(kube::resources::kStoragePools, key_of(number),
                                              {{"spec", {{"pool", {{"maxOpenConns", limit}}}}}});
}

std::int64_t Fleet::limit_in_force(int number) const {
  return admin_ports_->report(addresses_.at(number)).settings.max_open_conns;
}

std::int64_t Fleet::replicas_wanted(int number) const {
  const auto set = control_plane_->client().get(kube::resources::kStatefulSets, key_of(number));
  return set ? json::integer_at(*set, "/spec/replicas", -1) : -1;
}

void Fleet::end_pod(int number) {
  const kube::ObjectKey pod{"default", name_of(number) + "-0"};
  const auto ended = control_plane_->client().merge_patch(
      kube::resources::kPods, pod, {{"status", {{"phase", "Succeeded"}, {"containerStatuses", nullptr}}}},
      "status");
  EXPECT_TRUE(ended) << ended.error().to_string();
  const auto gone =
      control_plane_->transport().request({.method = kube::Method::kDelete,
                                           .path = kube::object_path(kube::resources::kPods, pod),
                                           .query = {{"gracePeriodSeconds", "0"}}});
  EXPECT_TRUE(gone) << gone.error().to_string();
}

std::map<std::string, int> Fleet::reasons() const {
  const auto list = control_plane_->client().list(kube::resources::kStoragePools);
  EXPECT_TRUE(list) << list.error().to_string();
  std::map<std::string, int> counts;
  for (const Json& pool : list ? list->items : std::vector<Json>()) {
    const reconcile::Status status = reconcile::parse_status(json::member(pool, "status"));
    const reconcile::Condition* ready = reconcile::find_condition(status, reconcile::kReady);
    ++counts[ready != nullptr ? ready->reason : "none"];
  }
  return counts;
}

double Fleet::metric(const std::string& name, std::uint16_t port) {
  return sum_of(fetch(port, "/metrics"), name);
}

}  // namespace storagepool::manager::testing
