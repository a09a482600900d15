// What the commands ask of a cluster, in kubectl's words: whatever a person's kubectl can reach and may do,
// the plugin can, with the same kubeconfig, credentials and proxies. Tests answer with recorded objects.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <nlohmann/json.hpp>
#include <tl/expected.hpp>

#include "operator/cli/cluster/port.h"

namespace storagepool::cli {

using Json = nlohmann::json;

enum class FailureKind {
  kNotFound,    // the object, or the kind
  kForbidden,   // the user may not
  kTimedOut,    // no answer in time
  kNoKubectl,   // it cannot be run
  kUnreadable,  // the answer is not what was asked for
  kOther,       // as kubectl says
};

struct Failure {
  FailureKind kind = FailureKind::kOther;
  std::string message;  // one line, for people
};

template <typename T>
using Result = tl::expected<T, Failure>;

using Words = std::vector<std::string>;

class Cluster {
 public:
  virtual ~Cluster() = default;
  // What `kubectl WORDS` prints. Thread-safe.
  virtual Result<std::string> run(const Words& words, std::string_view input = {}) const = 0;
  // A port of "pod/NAME" or "service/NAME", as long as the result lives, within the thread that asked.
  virtual Result<std::unique_ptr<Port>> open_port(const std::string& name_space, const std::string& target,
                                                  int port, const std::optional<Tls>& tls = {}) const = 0;
};

// One object, or a list, of `kubectl get WORDS -o json`.
Result<Json> get_json(const Cluster& cluster, Words words);
// The items of a list.
Result<std::vector<Json>> get_items(const Cluster& cluster, Words words);
// A path of a pod's port, by way of the API server, which takes any `Authorization` away.
Result<std::string> get_from_pod(const Cluster& cluster, const std::string& name_space,
                                 const std::string& pod, int port, const std::string& path);

// By what kubectl prints of a request that failed.
FailureKind kind_of(std::string_view error_text);

}  // namespace storagepool::cli
