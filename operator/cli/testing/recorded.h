// A cluster of recorded answers, and what a command says to a person.
#pragma once

#include <map>
#include <memory>
#include <mutex>
#include <sstream>
#include <string>
#include <utility>
#include <vector>

#include "operator/cli/cli.h"
#include "operator/cli/cluster/cluster.h"

namespace storagepool::cli::testing {

inline std::string joined(const Words& words) {
  std::string text;
  for (const std::string& word : words) text += (text.empty() ? "" : " ") + word;
  return text;
}

// By the words of the whole command; what is not there is not found.
struct Recording {
  std::map<std::string, Result<std::string>> answers;
  std::vector<std::string> asked{};
  std::map<std::string, PodAnswer> pods{};  // by "NAMESPACE TARGET:PORT METHOD PATH"
  std::vector<PodRequest> sent{};
  std::optional<Tls> tls{};  // of the port that was opened last
  std::mutex mutex{};

  void answer(const std::string& words, Result<std::string> answer) { answers[words] = std::move(answer); }
};

class RecordedPort : public Port {
 public:
  RecordedPort(Recording& recording, std::string place) : recording_(recording), place_(std::move(place)) {}
  tl::expected<PodAnswer, std::string> send(const PodRequest& request) override {
    const std::lock_guard lock(recording_.mutex);
    recording_.sent.push_back(request);
    const auto found = recording_.pods.find(place_ + " " + request.method + " " + request.path);
    if (found != recording_.pods.end()) return found->second;
    return tl::unexpected("not recorded: " + place_ + " " + request.method + " " + request.path);
  }

 private:
  Recording& recording_;
  std::string place_;
};

class RecordedCluster : public Cluster {
 public:
  explicit RecordedCluster(Recording& recording) : recording_(recording) {}

  Result<std::string> run(const Words& words, std::string_view /*input*/) const override {
    const std::lock_guard lock(recording_.mutex);
    recording_.asked.push_back(joined(words));
    const auto found = recording_.answers.find(joined(words));
    if (found != recording_.answers.end()) return found->second;
    return tl::unexpected(Failure{FailureKind::kNotFound, "not recorded: " + joined(words)});
  }

  Result<std::unique_ptr<Port>> open_port(const std::string& name_space, const std::string& target, int port,
                                          const std::optional<Tls>& tls = {}) const override {
    const std::lock_guard lock(recording_.mutex);
    recording_.tls = tls;
    return std::make_unique<RecordedPort>(recording_, name_space + " " + target + ":" + std::to_string(port));
  }

 private:
  Recording& recording_;
};

struct Said {
  int exit_code = -1;
  std::string out;
  std::string err;
};

inline Said run_recorded(Recording& recording, const Words& arguments, bool terminal = false) {
  std::ostringstream out;
  std::ostringstream err;
  Said said;
  said.exit_code =
      run(arguments, {.out = out, .err = err, .out_is_terminal = terminal, .connect = [&](const Access&) {
                        return std::make_unique<RecordedCluster>(recording);
                      }});
  said.out = out.str();
  said.err = err.str();
  return said;
}

inline Json storage_pool(const std::string& name, const Json& status) {
  return {{"apiVersion", "storagepool.dev/v1alpha1"},
          {"kind", "StoragePool"},
          {"metadata", {{"name", name}, {"namespace", "team"}, {"generation", 2}, {"uid", name + "-uid"}}},
          {"spec",
           {{"replicas", 2},
            {"postgres", {{"host", "db"}, {"database", "d"}, {"credentialsSecretRef", {{"name", "s"}}}}}}},
          {"status", status}};
}

inline Json condition(const std::string& type, const std::string& status, const std::string& reason,
                      const std::string& message = "m") {
  return {{"type", type},       {"status", status},        {"reason", reason},
          {"message", message}, {"observedGeneration", 2}, {"lastTransitionTime", "2026-01-31T12:00:01Z"}};
}

// Two pods with 9 connections each on a server with 100.
inline Json settled_status() {
  return Json::parse(R"({
    "observedGeneration": 2, "selector": "a=b", "replicas": 2, "readyReplicas": 2, "ready": "2/2",
    "settingsGeneration": 12,
    "connectionBudget": {"peakPods": 2, "perPod": 9, "granted": 18, "serverMax": 100, "reserved": 13,
        "usable": 87, "share": 18, "otherPools": 0, "maxSafeReplicas": 80},
    "pods": [{"name": "audit-0", "ready": true, "appliedGeneration": 12, "maxOpenConns": 9},
             {"name": "audit-1", "ready": true, "appliedGeneration": 11, "maxOpenConns": 9}],
    "serverFacts": {"target": "db.team:5432/d", "systemIdentifier": "77", "serverVersion": 160010, "maxConnections": 100,
        "superuserReservedConnections": 3, "reservedConnections": 0,
        "observedAt": "2026-01-31T12:00:00Z"},
    "conditions": [{"type": "Ready", "status": "True", "reason": "Ready", "message": "m",
                    "observedGeneration": 2, "lastTransitionTime": "2026-01-31T12:00:01Z"}]})");
}

inline std::string metrics_path(const std::string& pod, int port = 9090,
                                const std::string& path = "/metrics") {
  return "get --raw /api/v1/namespaces/team/pods/" + pod + ":" + std::to_string(port) + "/proxy" + path;
}

inline constexpr const char* kMetrics =
    "# HELP storagepool_pool_open Open\n# TYPE storagepool_pool_open gauge\nstoragepool_pool_open 5\n"
    "storagepool_pool_max_open 9\nstoragepool_pool_in_use 3\nstoragepool_pool_waiting 4\n"
    "storagepool_journal_waiting_events 17\nstoragepool_journal_oldest_age_seconds 42.5\n"
    "storagepool_journal_set_aside_units 0\nstoragepool_workspaces{state=\"a b\"} 2\n";

}  // namespace storagepool::cli::testing
