#include "e2e/support/kubectl.h"

#include <cstdlib>

namespace storagepool::e2e {

Result kubectl(const std::vector<std::string>& arguments, std::string_view input,
               std::chrono::milliseconds deadline) {
  std::vector<std::string> argv{"kubectl"};
  argv.insert(argv.end(), arguments.begin(), arguments.end());
  return run(argv, input, deadline);
}

std::string kubectl_out(const std::vector<std::string>& arguments, std::string_view input,
                        std::chrono::milliseconds deadline) {
  Result result = kubectl(arguments, input, deadline);
  if (!result.ok()) {
    std::string text = "kubectl";
    for (const auto& argument : arguments) text += " " + argument;
    text +=
        result.timed_out ? ": no answer in time: " : ": exit code " + std::to_string(result.exit_code) + ": ";
    throw KubectlError(text + result.err + result.out);
  }
  return std::move(result.out);
}

nlohmann::json kubectl_json(std::vector<std::string> arguments) {
  arguments.insert(arguments.end(), {"-o", "json"});
  return nlohmann::json::parse(kubectl_out(arguments));
}

std::string operator_namespace() {
  const char* given = std::getenv("STORAGEPOOL_NAMESPACE");
  return given != nullptr && *given != '\0' ? given : "storagepool-system";
}

}  // namespace storagepool::e2e
