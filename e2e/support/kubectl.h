// kubectl as the scenarios use it, against the cluster that KUBECONFIG names.
#pragma once

#include <chrono>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include <nlohmann/json.hpp>

#include "e2e/support/process.h"

namespace storagepool::e2e {

// kubectl ended with an error; the text has the arguments and what it printed.
class KubectlError : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

inline constexpr std::chrono::seconds kKubectlDeadline{60};

// Runs kubectl and returns however it ended.
Result kubectl(const std::vector<std::string>& arguments, std::string_view input = {},
               std::chrono::milliseconds deadline = kKubectlDeadline);

// Runs kubectl and returns what it printed. Throws KubectlError when it fails.
std::string kubectl_out(const std::vector<std::string>& arguments, std::string_view input = {},
                        std::chrono::milliseconds deadline = kKubectlDeadline);

// `kubectl ARGUMENTS -o json`, parsed.
nlohmann::json kubectl_json(std::vector<std::string> arguments);

// Where the operator is installed: $STORAGEPOOL_NAMESPACE, else storagepool-system.
std::string operator_namespace();

}  // namespace storagepool::e2e
