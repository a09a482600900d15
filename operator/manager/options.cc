#include "operator/manager/options.h"

#include <ostream>

#include <CLI/CLI.hpp>

#include "pool/common/runtime/command_line.h"
#include "pool/common/settings/duration.h"

namespace storagepool::manager {
namespace {

constexpr int kUsageError = 2;

std::string check_resync(const std::string& text) {
  const auto duration = settings::parse_duration(text);
  const bool fits = duration && *duration >= std::chrono::seconds{1} && *duration <= std::chrono::hours{1};
  return fits ? std::string() : "got \"" + text + "\"; allowed: a duration from 1s to 1h";
}

CLI::App& add_sign(CLI::App& app, RequestToSign& request) {
  CLI::App& sign = *app.add_subcommand(
      "sign",
      "Prints the token for one request to the administration port of a pod (Authorization: Bearer ...)");
  sign.add_option("pod-uid", request.pod_uid, "metadata.uid of the pod")->required();
  sign.add_option("method", request.method, "GET, PUT or POST")->required();
  sign.add_option("path", request.path, "With its query, as in /admin/journal?limit=10")->required();
  sign.add_option("--body", request.body, "What will be sent, to the byte");
  return *sign.fallthrough();
}

CLI::App& add_check(CLI::App& app, Check& check) {
  CLI::App& command =
      *app.add_subcommand("check", "Says whether an installation works: what `helm test` runs");
  command.add_option("--metrics-host", check.metrics_host,
                     "Also whether an operator is ready behind this host, at --metrics-port");
  return *command.fallthrough();
}

}  // namespace

tl::expected<Options, int> parse_options(int argc, const char* const* argv, std::ostream& out,
                                         std::ostream& error) {
  Options options;
  std::string resync = settings::format_duration(options.resync);

  CLI::App app(
      "Keeps the pods of every StoragePool, and their PostgreSQL connections within what the servers can "
      "give.",
      "storagepool-operator");
  app.set_version_flag("--version", "storagepool-operator " STORAGEPOOL_VERSION);
  app.add_option("--kubeconfig", options.kubeconfig,
                 "kubeconfig file; without it $KUBECONFIG, else the pod's service account");
  app.add_option(
         "--namespace", options.name_space,
         "The operator's own namespace, where it keeps its key; without it that of the kubeconfig or the pod")
      ->envname("POD_NAMESPACE");
  app.add_option("--pod-name", options.pod_name,
                 "The operator's pod, by whose name others see that it leads; without it a name of its own")
      ->envname("POD_NAME");
  app.add_option("--default-image", options.default_image, "Image of pods whose StoragePool names none")
      ->capture_default_str();
  app.add_option("--listen-address", options.listen_address,
                 "Address of the ports for health and metrics; ::, also IPv4, and IPv4 alone where the host "
                 "has no IPv6")
      ->capture_default_str();
  app.add_option("--health-port", options.health_port, "/healthz, /readyz; 0: the kernel chooses")
      ->capture_default_str();
  app.add_option("--metrics-port", options.metrics_port, "/metrics; 0: the kernel chooses")
      ->capture_default_str();
  app.add_option("--page-port", options.page_port,
                 "Also a page for people, /ui; 0: the kernel chooses; without this there is none");
  app.add_option(
         "--page-address", options.page_address,
         "Address of the page; as it is, kubectl port-forward leads to it and nothing else does. It speaks "
         "plain HTTP and is sent tokens")
      ->capture_default_str();
  app.add_option("--resync", resync, "Every StoragePool is looked at at least this often, such as 10s")
      ->check(check_resync)
      ->capture_default_str();
  app.add_option("--max-concurrent-reconciles", options.max_concurrent_reconciles,
                 "StoragePools that are looked at at the same time, 1 to 64")
      ->check(CLI::Range(1, 64))
      ->capture_default_str();
  command_line::add_log_level(app, options.log_level);
  RequestToSign to_sign;
  const CLI::App& sign = add_sign(app, to_sign);
  Check to_check;
  const CLI::App& check = add_check(app, to_check);

  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& problem) {
    return tl::unexpected(app.exit(problem, out, error) == 0 ? 0 : kUsageError);
  }
  if (sign.parsed()) options.to_sign = std::move(to_sign);
  if (check.parsed()) options.to_check = std::move(to_check);
  options.resync = settings::parse_duration(resync).value_or(options.resync);
  return options;
}

std::string name_space_of(const Options& options, const kube::ClientConfig& config) {
  if (!options.name_space.empty()) return options.name_space;
  return config.name_space.empty() ? "default" : config.name_space;
}

}  // namespace storagepool::manager
