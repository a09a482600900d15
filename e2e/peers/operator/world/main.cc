// One operator's program, measured; see --help.
#include <cstdio>
#include <exception>
#include <iostream>

#include <CLI/CLI.hpp>

#include "e2e/peers/operator/world/scenarios.h"

namespace storagepool::peers {
namespace {

int run(int argc, char** argv) {
  Options options;
  int rest = static_cast<int>(options.rest.count());
  int limit = static_cast<int>(options.limit.count());
  CLI::App app(
      "Runs an operator on an etcd and an API server of its own, in a network of its own, with StoragePools "
      "and "
      "simulated pods, and prints what it takes as JSON. Finds etcd and kube-apiserver on PATH (hack/cluster "
      "builds "
      "them). Needs root, or user namespaces. Nothing is left of it.",
      "operator_world");
  app.add_option("program", options.program, "The operator, and arguments that come first")->required();
  app.add_flag("--told-children", options.told_children,
               "The operator takes --children FILE: what ours makes of a StoragePool");
  app.add_option("--storage-pools", options.storage_pools, "How many")
      ->check(CLI::Range(1, 5000))
      ->capture_default_str();
  app.add_option("--pods", options.pods, "Of each StoragePool")
      ->check(CLI::Range(1, 5))
      ->capture_default_str();
  app.add_option("--silent", options.silent, "Pods that do not answer, each of another StoragePool")
      ->check(CLI::Range(0, 5000))
      ->capture_default_str();
  app.add_option("--workers", options.workers, "--max-concurrent-reconciles")
      ->check(CLI::Range(1, 64))
      ->capture_default_str();
  app.add_option("--rest", rest, "Seconds of rest with pods; without pods a fifth of it")
      ->check(CLI::Range(1, 3600))
      ->capture_default_str();
  app.add_option("--limit", limit, "Seconds that each scenario may take")
      ->check(CLI::Range(1, 7200))
      ->capture_default_str();
  CLI11_PARSE(app, argc, argv);
  if (2 * options.silent > options.storage_pools) {
    std::cerr << "--silent: got " << options.silent << "; allowed: up to half of the StoragePools, "
              << options.storage_pools / 2 << "\n";
    return 2;
  }
  options.rest = std::chrono::seconds(rest);
  options.limit = std::chrono::seconds(limit);
  World world(options);
  std::cout << run_scenarios(world).dump(1) << std::endl;
  return 0;
}

}  // namespace
}  // namespace storagepool::peers

int main(int argc, char** argv) {
  try {
    return storagepool::peers::run(argc, argv);
  } catch (const std::exception& problem) {
    std::fprintf(stderr, "operator_world: %s\n", problem.what());
    return 1;
  }
}
