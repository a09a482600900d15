#include "operator/cli/commands/gather.h"

#include <algorithm>
#include <array>
#include <iterator>
#include <utility>

#include "operator/cli/cluster/admin.h"
#include "operator/cli/output/progress.h"
#include "operator/cli/output/redact.h"
#include "operator/cli/commands/status.h"
#include "operator/render/render.h"
#include "pool/common/json/json.h"

namespace storagepool::cli {
namespace {

// One question to the cluster, and the file that its answer goes to.
struct Item {
  std::string file;
  Words words;
  bool is_json = false;
};

Item objects(const std::string& file, Words words) {
  words.insert(words.begin(), "get");
  words.insert(words.end(), {"-o", "json"});
  return {file, std::move(words), true};
}

Item path_of_pod(const std::string& folder, const std::string& name_space, const std::string& pod, int port,
                 const std::string& path) {
  return {
      folder + "/" + path + ".txt",
      {"get", "--raw",
       "/api/v1/namespaces/" + name_space + "/pods/" + pod + ":" + std::to_string(port) + "/proxy/" + path},
      false};
}

// Of a pod as the API server has it, the logs that there are.
void add_logs(const Json& pod, const std::string& folder, std::int64_t lines, std::vector<Item>& items) {
  const std::string name = json::text_at(pod, "/metadata/name");
  const std::string name_space = json::text_at(pod, "/metadata/namespace");
  const Words words{
      "logs", name, "-n", name_space, "--all-containers", "--timestamps", "--tail=" + std::to_string(lines)};
  items.push_back({folder + "/" + name + "/log.txt", words});
  const Json& containers = json::at(pod, "/status/containerStatuses");
  const bool restarted =
      containers.is_array() && std::any_of(containers.begin(), containers.end(), [](const Json& container) {
        return json::integer_at(container, "/restartCount", 0) > 0;
      });
  if (!restarted) return;
  Words previous = words;
  previous.emplace_back("--previous");
  items.push_back({folder + "/" + name + "/log.previous.txt", std::move(previous)});
}

bool runs_operator(const Json& pod) {
  return json::at(pod, "/spec/containers").dump().find("storagepool-operator") != std::string::npos;
}

class Gatherer {
 public:
  Gatherer(const Context& context, const GatherInput& input) : context_(context), input_(input) {}

  Gathered run() {
    items_ = {{"version.txt", {"version"}},
              objects("nodes.yaml", {"nodes"}),
              objects("customresourcedefinition.yaml",
                      {"customresourcedefinitions.apiextensions.k8s.io", kStoragePools})};
    add_operator();
    if (const auto pools = get_pools(context_, {})) {
      for (const Pool& pool : *pools) add_pool(pool);
      const StatusReport report = report_status(*pools, ask_pods(context_, *pools));
      add("status.txt", redact_text(to_table(report, Paint(false))));
    } else {
      gathered_.errors.push_back("storagepools: " + pools.error().message);
    }
    ask();
    ask_admin_ports();
    std::string errors;
    for (std::string& error : gathered_.errors) {
      error = redact_text(error);
      errors += error + "\n";
    }
    add("errors.txt", errors);
    return std::move(gathered_);
  }

 private:
  void add(const std::string& file, std::string contents) {
    gathered_.files.push_back({file, std::move(contents)});
  }

  void add_operator() {
    const std::string& name_space = input_.operator_namespace;
    for (const char* kind : {"deployments.apps", "pods", "events", "leases.coordination.k8s.io", "services"})
      items_.push_back(objects("operator/" + std::string(kind) + ".yaml", {kind, "-n", name_space}));
    const auto pods = get_items(*context_.cluster, {"pods", "-n", name_space});
    if (!pods) return;  // asked again with the rest, and told of there
    if (std::none_of(pods->begin(), pods->end(), runs_operator))
      gathered_.errors.push_back("operator: no pod of it is in the namespace " + name_space +
                                 " (--operator-namespace)");
    for (const Json& pod : *pods) {
      if (!runs_operator(pod)) continue;
      add_logs(pod, "operator", input_.log_lines, items_);
      const std::string name = json::text_at(pod, "/metadata/name");
      items_.push_back(path_of_pod("operator/" + name, name_space, name, render::kMetricsPort, "metrics"));
    }
  }

  void add_pool(const Pool& pool) {
    const std::string folder = "storagepools/" + pool.title();
    add(folder + "/storagepool.yaml", to_yaml(redact_object(pool.object)));
    for (const char* kind :
         {"statefulsets.apps", "pods", "services", "configmaps", "serviceaccounts",
          "poddisruptionbudgets.policy", "persistentvolumeclaims", "endpointslices.discovery.k8s.io"})
      items_.push_back(objects(folder + "/" + kind + ".yaml", {kind, "-n", pool.name_space, "-l",
                                                               "app.kubernetes.io/instance=" + pool.name}));
    for (const char* kind :
         {"events", "horizontalpodautoscalers.autoscaling", "networkpolicies.networking.k8s.io"})
      items_.push_back(objects(folder + "/" + kind + ".yaml", {kind, "-n", pool.name_space}));
    const auto pods =
        get_items(*context_.cluster, {"pods", "-n", pool.name_space, "-l", render::pod_selector(pool.name)});
    if (!pods) return;
    for (const Json& pod : *pods) {
      const std::string name = json::text_at(pod, "/metadata/name");
      pods_.push_back({pool.name_space, name, folder + "/pods/" + name});
      add_logs(pod, folder + "/pods", input_.log_lines, items_);
      items_.push_back(
          path_of_pod(folder + "/pods/" + name, pool.name_space, name, render::kMetricsPort, "metrics"));
      items_.push_back(
          path_of_pod(folder + "/pods/" + name, pool.name_space, name, render::kHealthPort, "readyz"));
    }
  }

  void ask() {
    std::vector<Result<std::string>> answers(items_.size());
    Progress progress(context_.err(), context_.around.err_is_terminal, "gathering", items_.size());
    for_each_at_once(items_.size(), [&](std::size_t i) {
      answers[i] = context_.cluster->run(items_[i].words);
      progress.step();
    });
    for (std::size_t i = 0; i < items_.size(); ++i) {
      if (!answers[i]) {
        gathered_.errors.push_back(items_[i].file + ": " + answers[i].error().message);
      } else if (!items_[i].is_json) {
        add(items_[i].file, redact_text(*answers[i]));
      } else {
        const Json json = Json::parse(*answers[i], nullptr, false);
        if (json.is_discarded()) gathered_.errors.push_back(items_[i].file + ": the answer is no JSON");
        if (!json.is_discarded()) add(items_[i].file, to_yaml(redact_object(json)));
      }
    }
  }

  // What is in force in each pod, and what PostgreSQL told it: limits, sessions.
  void ask_admin_ports() {
    if (pods_.empty()) return;
    const auto signer = operator_signer(*context_.cluster, input_.operator_namespace);
    if (!signer) {
      gathered_.errors.push_back("settings and facts of the pods: " + signer.error().message);
      return;
    }
    std::vector<std::vector<Result<std::string>>> answers(pods_.size());
    Progress progress(context_.err(), context_.around.err_is_terminal, "asking the pods for their settings",
                      pods_.size());
    for_each_at_once(pods_.size(), [&](std::size_t i) {
      auto port = AdminPort::open(*context_.cluster, **signer, pods_[i].name_space, pods_[i].name);
      for (const char* path : kAdminPaths)
        answers[i].push_back(port ? port->send("GET", std::string("/admin/") + path)
                                  : tl::unexpected(port.error()));
      progress.step();
    });
    for (std::size_t i = 0; i < pods_.size(); ++i) {
      for (std::size_t n = 0; n < kAdminPaths.size(); ++n) {
        const std::string file = pods_[i].folder + "/" + kAdminPaths[n] + ".json";
        if (answers[i][n]) add(file, redact_text(*answers[i][n]));
        if (!answers[i][n]) gathered_.errors.push_back(file + ": " + answers[i][n].error().message);
      }
    }
  }

  struct PodPlace {
    std::string name_space;
    std::string name;
    std::string folder;
  };
  static constexpr std::array<const char*, 2> kAdminPaths{"settings", "facts"};

  const Context& context_;
  const GatherInput& input_;
  std::vector<PodPlace> pods_;
  std::vector<Item> items_;
  Gathered gathered_;
};

}  // namespace

Gathered gather(const Context& context, const GatherInput& input) {
  return Gatherer(context, input).run();
}

}  // namespace storagepool::cli
