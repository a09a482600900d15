// The command line of `storagepool-operator`.
#pragma once

#include <chrono>
#include <cstdint>
#include <iosfwd>
#include <optional>
#include <string>
#include <vector>

#include <tl/expected.hpp>

#include "operator/kube/transport/config.h"
#include "pool/common/runtime/log.h"

namespace storagepool::manager {

inline constexpr int kUsageError = 2;  // exit code

// One request to the administration port of a pod, for a person to send.
struct RequestToSign {
  std::string pod_uid;
  std::string method;
  std::string path;  // with its query
  std::string body;
};

// A host and a port, HOST:PORT. As an address to listen on the host is an IP address, "::" if it is left out
// (which takes IPv4 too), and port 0 lets the kernel choose.
struct Address {
  std::string host;
  std::uint16_t port = 0;
  bool operator==(const Address&) const = default;
};

// Whether an installation works.
struct Check {
  std::optional<Address> metrics;  // of the Service of its metrics; none: that is not looked at
};

struct Options {
  std::string kubeconfig;  // empty: $KUBECONFIG, else the pod's service account
  std::string name_space;  // the operator's own; empty: that of the kubeconfig's context or of the pod
  std::string pod_name;    // the operator's own; empty: it runs in none
  std::string default_image = "docker.io/storagepool/storagepool:" STORAGEPOOL_VERSION;
  std::optional<Address> health{{"::", 8081}};  // where to listen; none: not at all
  std::optional<Address> metrics{{"::", 9090}};
  std::optional<Address> page;  // page/page.h
  std::chrono::milliseconds resync{10'000};
  int max_concurrent_reconciles = 4;
  std::vector<std::string> watch_namespaces;  // in order; empty: all
  bool other_workloads = false;               // count by what they declare
  log::Level log_level = log::Level::kInfo;
  std::optional<RequestToSign> to_sign;  // instead of running
  std::optional<Check> to_check;         // likewise
};

// The options, or the exit code when there is nothing to run: 0 after --help and --version (written to
// `out`), 2 after an error (written to `error`).
tl::expected<Options, int> parse_options(int argc, const char* const* argv, std::ostream& out,
                                         std::ostream& error);

// The operator's own namespace.
std::string name_space_of(const Options& options, const kube::ClientConfig& config);

}  // namespace storagepool::manager
