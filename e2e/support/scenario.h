// The fixture of every scenario: a namespace of its own, which goes with everything in it when the test ends.
// Requests carry the token of its service account unless they bring another. When the test failed, what the
// namespace held (objects, events, logs) is first written to the folder $STORAGEPOOL_E2E_ARTIFACTS, if that
// is set, and the StoragePools and events to the test's output.
//
// Wants KUBECONFIG to name a cluster in which the operator is installed and to which the images of hack/image
// were given; `hack/e2e` sees to both.
#pragma once

#include <sys/types.h>

#include <chrono>
#include <string>
#include <vector>

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "e2e/support/http.h"
#include "e2e/support/kubectl.h"
#include "e2e/support/poll.h"
#include "e2e/support/postgres.h"

namespace storagepool::e2e {

inline constexpr std::chrono::seconds kReadyDeadline{120};
inline constexpr std::chrono::seconds kLiveDeadline{20};

class Scenario : public ::testing::Test {
 public:
  static HttpRequest post_event(const nlohmann::json& event);

 protected:
  void SetUp() override;
  void TearDown() override;

  const std::string& name_space() const { return namespace_; }

  // A StoragePool with `replicas` for the scenario's PostgreSQL; `changes` is merged into it (RFC 7396).
  nlohmann::json pool(const std::string& name, int replicas,
                      const nlohmann::json& changes = nlohmann::json::object());
  // Server-side apply as a user's field manager.
  Result try_apply(const nlohmann::json& object);
  void apply(const nlohmann::json& object);
  // `kubectl patch --type=merge` of a StoragePool.
  void patch(const std::string& name, const nlohmann::json& changes);

  nlohmann::json get(const std::string& kind, const std::string& name);
  // The items, an array.
  nlohmann::json list(const std::string& kind, const std::string& selector);
  // Whether the StoragePool is as its newest spec asks: observed, Ready, `replicas` pods ready, and every pod
  // runs the newest settings.
  ::testing::AssertionResult becomes_ready(const std::string& name, int replicas,
                                           std::chrono::milliseconds deadline = kReadyDeadline);
  // The process of a DataStorage pod's container, on this machine; see node.h.
  pid_t process_of(const std::string& pod);
  // The operator's.
  pid_t operator_process();
  // Whether a pod's container that ended has started again and is ready.
  ::testing::AssertionResult restarts(const std::string& pod);
  // Events about the StoragePool: "Reason: message".
  std::vector<std::string> events_about(const std::string& name);
  // A token of a service account of this namespace, which there is by default, or of another.
  std::string service_account_token(const std::string& account = "default",
                                    const std::vector<std::string>& more = {});
  // Asks the administration port of a pod, as a person who may run the operator's program does.
  tl::expected<HttpResponse, std::string> ask_admin(const std::string& pod, const std::string& path);

 private:
  void write_artifacts();

  std::string namespace_;
};

// The condition of that type, or null.
nlohmann::json condition(const nlohmann::json& object, const std::string& type);
// One line of what matters in a StoragePool's status, for failure messages.
std::string summary(const nlohmann::json& pool);

// A valid audit event now, for contract.md's POST; `number` tells events apart.
nlohmann::json sample_event(const std::string& correlation_id, int number);

}  // namespace storagepool::e2e
