#include "e2e/support/scenario.h"

#include <algorithm>
#include <cstdlib>
#include <ctime>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <random>
#include <stdexcept>
#include <utility>

#include "e2e/support/node.h"
#include "e2e/support/objects.h"
#include "e2e/support/port_forward.h"

namespace storagepool::e2e {
namespace {

using nlohmann::json;

constexpr std::chrono::seconds kRestartDeadline{60};
constexpr std::chrono::seconds kDeleteDeadline{130};  // kubectl's own, and a margin

std::string random_suffix() {
  constexpr std::string_view kLetters = "abcdefghijklmnopqrstuvwxyz0123456789";
  std::random_device random;
  std::string text;
  for (int i = 0; i < 6; ++i) text += kLetters[random() % kLetters.size()];
  return text;
}

// A namespace's name from the test suite's: "LimitsFitTheServer" → "e2e-limits-fit-the-server-x1y2z3"; the
// slash of a suite with parameters is left out.
std::string namespace_of(const std::string& suite) {
  std::string name = "e2e";
  for (const char letter : suite) {
    if (letter == '/') continue;
    if (letter >= 'A' && letter <= 'Z') name += '-';
    name += static_cast<char>(std::tolower(static_cast<unsigned char>(letter)));
  }
  return name.substr(0, 50) + "-" + random_suffix();
}

}  // namespace

void Scenario::SetUp() {
  const char* config = std::getenv("KUBECONFIG");
  ASSERT_TRUE(config != nullptr && *config != '\0')
      << "KUBECONFIG is not set: these scenarios need a cluster with the operator installed; run hack/e2e";
  const Result operator_there =
      kubectl({"-n", operator_namespace(), "get", "deployment", "storagepool-operator"});
  ASSERT_TRUE(operator_there.ok()) << "no operator in the cluster of KUBECONFIG=" << config
                                   << "; run hack/e2e. kubectl said: " << operator_there.err;
  const std::string name =
      namespace_of(::testing::UnitTest::GetInstance()->current_test_info()->test_suite_name());
  kubectl_out({"create", "namespace", name});
  namespace_ = name;
  kubectl_out({"label", "namespace", name, "pod-security.kubernetes.io/enforce=restricted"});
  use_token(service_account_token());
}

void Scenario::TearDown() {
  if (namespace_.empty()) return;
  if (HasFailure()) write_artifacts();
  // StoragePools first: their pods still reach PostgreSQL to say good-bye.
  const Result pools =
      kubectl({"-n", namespace_, "delete", "storagepools", "--all", "--timeout=120s"}, {}, kDeleteDeadline);
  EXPECT_TRUE(pools.ok()) << pools.err;
  if (!pools.ok()) {
    // The namespace must go even when the operator did not do its part (which has failed the test above).
    for (const auto& left : list("storagepools", "")) {
      kubectl({"-n", namespace_, "patch", "storagepool", left["metadata"]["name"], "--type=merge", "-p",
               R"({"metadata":{"finalizers":null}})"});
    }
  }
  // hack/e2e waits until it is gone, once for all.
  const Result deleted = kubectl({"delete", "namespace", namespace_, "--wait=false"});
  EXPECT_TRUE(deleted.ok()) << deleted.err;
}

json Scenario::pool(const std::string& name, int replicas, const json& changes) {
  json object = {
      {"apiVersion", "storagepool.dev/v1alpha1"},
      {"kind", "StoragePool"},
      {"metadata", {{"name", name}, {"namespace", namespace_}}},
      {"spec",
       {{"replicas", replicas},
        {"postgres",
         {{"host", "postgres." + namespace_ + ".svc"},
          {"database", kDatabase},
          {"credentialsSecretRef", {{"name", kCredentials}}}}}}},
  };
  object.merge_patch(changes);
  return object;
}

Result Scenario::try_apply(const json& object) {
  return kubectl({"apply", "--server-side", "--field-manager=scenario", "-f", "-"}, object.dump());
}

void Scenario::apply(const json& object) {
  const Result result = try_apply(object);
  if (!result.ok()) throw KubectlError("kubectl apply: " + result.err);
}

void Scenario::patch(const std::string& name, const json& changes) {
  kubectl_out({"-n", namespace_, "patch", "storagepool", name, "--type=merge", "-p", changes.dump()});
}

json Scenario::get(const std::string& kind, const std::string& name) {
  return get_object(namespace_, kind, name);
}

json Scenario::list(const std::string& kind, const std::string& selector) {
  return list_objects(namespace_, kind, selector);
}

::testing::AssertionResult Scenario::becomes_ready(const std::string& name, int replicas,
                                                   std::chrono::milliseconds deadline) {
  return eventually(deadline, [&]() -> std::string {
    const json object = get("storagepool", name);
    const json status = object.value("status", json::object());
    const json ready = condition(object, "Ready");
    const json busy = condition(object, "Reconciling");
    bool done = status.value("observedGeneration", 0) == object["metadata"]["generation"] &&
                ready.is_object() && ready["status"] == "True" && busy.is_object() &&
                busy["status"] == "False" &&
                ready.value("observedGeneration", 0) == object["metadata"]["generation"] &&
                status.value("readyReplicas", 0) == replicas && status.value("replicas", 0) == replicas;
    const json pods = status.value("pods", json::array());
    done = done && pods.size() == static_cast<std::size_t>(replicas);
    for (const auto& pod : pods) {
      done = done && pod.value("ready", false) &&
             pod.value("appliedGeneration", -1) == status["settingsGeneration"];
    }
    return done ? "" : summary(object);
  });
}

pid_t Scenario::process_of(const std::string& pod) {
  return process_in_pod(get("pod", pod).at("metadata").at("uid"), "datastorage");
}

pid_t Scenario::operator_process() {
  const json pods = list_objects(operator_namespace(), "pods", "app.kubernetes.io/name=storagepool-operator");
  for (const auto& pod : pods) {
    if (!pod.at("metadata").contains("deletionTimestamp"))
      return process_in_pod(pod.at("metadata").at("uid"), "storagepool-ope");
  }
  throw std::runtime_error("no pod of the operator");
}

::testing::AssertionResult Scenario::restarts(const std::string& pod) {
  return eventually(kRestartDeadline, [&]() -> std::string {
    const json statuses = get("pod", pod).at("status").value("containerStatuses", json::array());
    if (statuses.empty()) return "no container";
    const bool again = statuses.at(0).value("restartCount", 0) > 0 && statuses.at(0).value("ready", false);
    return again ? "" : statuses.dump();
  });
}

std::vector<std::string> Scenario::events_about(const std::string& name) {
  std::vector<std::string> lines;
  for (const json& event : list_objects(namespace_, "events", "")) {
    const json regarding = event.value("regarding", json::object());
    if (regarding.value("kind", "") == "StoragePool" && regarding.value("name", "") == name) {
      lines.push_back(event.value("reason", "") + ": " + event.value("note", ""));
    }
  }
  return lines;
}

std::string Scenario::service_account_token(const std::string& account,
                                            const std::vector<std::string>& more) {
  std::vector<std::string> command{"-n", namespace_, "create", "token", account, "--duration=2h"};
  command.insert(command.end(), more.begin(), more.end());
  Result made;
  // A new namespace has its service account a moment later.
  EXPECT_TRUE(eventually(kLiveDeadline, [&] {
    made = kubectl(command);
    return made.ok() ? "" : made.err;
  }));
  made.out.erase(made.out.find_last_not_of('\n') + 1);
  return made.out;
}

tl::expected<HttpResponse, std::string> Scenario::ask_admin(const std::string& pod, const std::string& path) {
  std::string token =
      kubectl_out({"-n", operator_namespace(), "exec", "deployment/storagepool-operator", "--",
                   "storagepool-operator", "sign", get("pod", pod).at("metadata").at("uid"), "GET", path});
  token.erase(token.find_last_not_of('\n') + 1);
  const PortForward forward(namespace_, "pod/" + pod, 8082);
  return HttpClient(forward.port())
      .send({.method = "GET", .target = path, .body = {}, .headers = {{"Authorization", "Bearer " + token}}});
}

HttpRequest Scenario::post_event(const json& event) {
  return {.method = "POST", .target = "/api/v1/audit/events", .body = event.dump(), .headers = {}};
}

void Scenario::write_artifacts() {
  for (const auto* what : {"storagepools", "pods"}) {
    std::cerr << kubectl({"-n", namespace_, "get", what, "-o", "wide"}).out;
  }
  for (const auto& left : list("storagepools", "")) std::cerr << summary(left) << "\n";
  std::cerr << kubectl({"-n", namespace_, "get", "events", "--sort-by=.lastTimestamp"}).out;
  const char* root = std::getenv("STORAGEPOOL_E2E_ARTIFACTS");
  if (root == nullptr || *root == '\0') return;
  const std::filesystem::path folder = std::filesystem::path(root) / namespace_;
  std::filesystem::create_directories(folder);
  const auto write = [&](const std::string& file, const Result& result) {
    std::ofstream(folder / file) << result.out << result.err;
  };
  constexpr const char* kKinds =
      "storagepools,statefulsets,deployments,pods,services,configmaps,poddisruptionbudgets,events.events.k8s."
      "io";
  write("objects.yaml", kubectl({"-n", namespace_, "get", kKinds, "-o", "yaml"}));
  for (const json& pod : list("pods", "")) {
    const std::string name = pod["metadata"]["name"];
    write(name + ".log", kubectl({"-n", namespace_, "logs", name, "--all-containers"}));
    write(name + ".previous.log",
          kubectl({"-n", namespace_, "logs", name, "--all-containers", "--previous"}));
  }
  std::cerr << "artifacts: " << folder.string() << "\n";
}

json condition(const json& object, const std::string& type) {
  const json status = object.value("status", json::object());
  for (const auto& one : status.value("conditions", json::array())) {
    if (one.value("type", "") == type) return one;
  }
  return nullptr;
}

std::string summary(const json& pool) {
  const json status = pool.value("status", json::object());
  std::string text = "storagepool " + pool["metadata"].value("name", "") + " generation " +
                     std::to_string(pool["metadata"].value("generation", 0)) + " observed " +
                     std::to_string(status.value("observedGeneration", 0)) + " ready " +
                     std::to_string(status.value("readyReplicas", 0)) + "/" +
                     std::to_string(status.value("replicas", 0)) + " settingsGeneration " +
                     std::to_string(status.value("settingsGeneration", 0));
  for (const auto& one : status.value("conditions", json::array())) {
    text += "\n  " + one.value("type", "") + "=" + one.value("status", "") + " " + one.value("reason", "") +
            ": " + one.value("message", "");
  }
  text += "\n  budget " + status.value("connectionBudget", json::object()).dump();
  for (const auto& pod : status.value("pods", json::array())) text += "\n  pod " + pod.dump();
  return text;
}

json sample_event(const std::string& correlation_id, int number) {
  const std::time_t now = std::time(nullptr);
  std::tm utc{};
  ::gmtime_r(&now, &utc);
  char text[32];
  std::strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%SZ", &utc);
  return {{"version", "1.0"},
          {"event_type", "gateway.signal.received"},
          {"event_timestamp", text},
          {"event_category", "gateway"},
          {"event_action", "received"},
          {"event_outcome", "success"},
          {"correlation_id", correlation_id},
          {"event_data", {{"number", number}, {"source", "scenario"}}}};
}

}  // namespace storagepool::e2e
