#include "operator/manager/options.h"

#include <algorithm>
#include <charconv>
#include <ostream>
#include <string_view>
#include <utility>

#include <CLI/CLI.hpp>
#include <boost/asio/ip/address.hpp>

#include "pool/common/runtime/command_line.h"
#include "pool/common/settings/duration.h"

namespace storagepool::manager {
namespace {

std::string check_resync(const std::string& text) {
  const auto duration = settings::parse_duration(text);
  const bool fits = duration && *duration >= std::chrono::seconds{1} && *duration <= std::chrono::hours{1};
  return fits ? std::string() : "got \"" + text + "\"; allowed: a duration from 1s to 1h";
}

constexpr std::size_t kMostNamespaces = 20;  // each has caches and watches of its own

bool is_namespace(std::string_view name) {
  const auto is_alphanumeric = [](char c) { return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9'); };
  return !name.empty() && name.size() <= 63 && is_alphanumeric(name.front()) &&
         is_alphanumeric(name.back()) &&
         std::all_of(name.begin(), name.end(), [&](char c) { return is_alphanumeric(c) || c == '-'; });
}

std::vector<std::string> parse_namespaces(const std::string& text) {
  std::vector<std::string> names =
      CLI::detail::split(text + ',', ',');  // which leaves out what is last and empty
  std::sort(names.begin(), names.end());
  const bool each_once = std::adjacent_find(names.begin(), names.end()) == names.end();
  if (names.size() > kMostNamespaces || !each_once ||
      !std::all_of(names.begin(), names.end(), is_namespace)) {
    throw CLI::ValidationError("--watch-namespaces",
                               "got \"" + text + "\"; allowed: 1 to " + std::to_string(kMostNamespaces) +
                                   " names of namespaces with commas between, each once");
  }
  return names;
}

// HOST:PORT and :PORT, an IPv6 address in brackets.
std::optional<Address> parse_address(std::string_view text) {
  const std::size_t colon = text.rfind(':');
  if (colon == std::string_view::npos) return std::nullopt;
  std::string_view host = text.substr(0, colon);
  if (host.starts_with('[') && host.ends_with(']')) {
    host = host.substr(1, host.size() - 2);
  } else if (host.find(':') != std::string_view::npos) {
    return std::nullopt;
  }
  Address address{std::string(host)};
  const char* const end = text.data() + text.size();
  const auto [rest, error] = std::from_chars(text.data() + colon + 1, end, address.port);
  if (error != std::errc() || rest != end) return std::nullopt;
  return address;
}

std::optional<Address> parse_bind_address(const std::string& text) {
  auto address = parse_address(text);
  if (!address) return std::nullopt;
  if (address->host.empty()) address->host = "::";
  boost::system::error_code error;
  boost::asio::ip::make_address(address->host, error);
  return error ? std::nullopt : address;
}

void add_bind_address(CLI::App& app, const std::string& flag, std::optional<Address>& bind,
                      const std::string& what) {
  const std::string unset = bind ? ":" + std::to_string(bind->port) : "0";
  app.add_option_function<std::string>(
         flag,
         [flag, &bind](const std::string& text) {
           bind = text == "0" ? std::nullopt : parse_bind_address(text);
           if (text != "0" && !bind) {
             throw CLI::ValidationError(flag,
                                        "got \"" + text +
                                            "\"; allowed: :PORT, IP:PORT, [IPV6]:PORT with a port from 0 "
                                            "to 65535 (0: the kernel chooses), or 0 for none");
           }
         },
         what)
      ->type_name("[IP]:PORT")
      ->default_str(unset);
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
  command
      .add_option_function<std::string>(
          "--metrics-address",
          [&check](const std::string& text) {
            check.metrics = parse_address(text);
            if (!check.metrics || check.metrics->host.empty()) {
              throw CLI::ValidationError("--metrics-address", "got \"" + text + "\"; allowed: HOST:PORT");
            }
          },
          "Also whether an operator is ready behind this")
      ->type_name("HOST:PORT");
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
  add_bind_address(
      app, "--health-probe-bind-address", options.health,
      "Where /healthz and /readyz are; without an IP all of the host's, IPv6 and IPv4; port 0: the "
      "kernel chooses; 0: nowhere");
  add_bind_address(app, "--metrics-bind-address", options.metrics, "Where /metrics is, likewise");
  add_bind_address(app, "--page-bind-address", options.page,
                   "Where a page for people is, /ui, likewise. It speaks plain HTTP and is sent tokens: to "
                   "127.0.0.1:PORT leads kubectl port-forward, and nothing else");
  app.add_option("--resync", resync, "Every StoragePool is looked at at least this often, such as 10s")
      ->check(check_resync)
      ->capture_default_str();
  app.add_option("--max-concurrent-reconciles", options.max_concurrent_reconciles,
                 "StoragePools that are looked at at the same time, 1 to 64")
      ->check(CLI::Range(1, 64))
      ->capture_default_str();
  auto* const watch =
      app.add_option_function<std::string>(
             "--watch-namespaces",
             [&](const std::string& text) { options.watch_namespaces = parse_namespaces(text); },
             "The only namespaces whose StoragePools are looked after; without it all. Not to be narrowed "
             "while "
             "there are StoragePools in a namespace that is left out")
          ->type_name("NAME,...");
  app.add_flag(
         "--other-workloads", options.other_workloads,
         "Deployments and StatefulSets of all namespaces with the annotations storagepool.dev/server and "
         "storagepool.dev/connections-per-pod count on their server; needs list and watch of both")
      ->excludes(watch);
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
