// kubectl-storagepool: the plugin's program. See operator/cli/cli.h.
#include <unistd.h>

#include <cstdlib>
#include <exception>
#include <iostream>
#include <memory>
#include <string>
#include <vector>

#include "operator/cli/cli.h"
#include "operator/cli/cluster/kubectl.h"

namespace {

std::string environment(const char* name) {
  const char* value = std::getenv(name);
  return value == nullptr ? "" : value;
}

}  // namespace

int main(int argc, char** argv) {
  using namespace storagepool::cli;
  try {
    const std::string kubectl = environment("KUBECTL");
    const Surroundings around{.out = std::cout,
                              .err = std::cerr,
                              .out_is_terminal = ::isatty(STDOUT_FILENO) == 1,
                              .err_is_terminal = ::isatty(STDERR_FILENO) == 1,
                              .no_color = !environment("NO_COLOR").empty(),
                              .connect = [&](const Access& access) {
                                return std::make_unique<Kubectl>(kubectl.empty() ? "kubectl" : kubectl,
                                                                 access);
                              }};
    return run({argv + 1, argv + argc}, around);
  } catch (const std::exception& error) {
    std::cerr << "kubectl-storagepool: " << error.what() << "\n";
    return kError;
  }
}
