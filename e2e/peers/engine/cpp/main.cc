// The engine's side of the comparison in e2e/peers/engine: one case per run, its figures as one JSON object
// on standard output.
#include <cstdio>
#include <exception>
#include <iostream>
#include <string>
#include <vector>

#include <CLI/CLI.hpp>
#include <nlohmann/json.hpp>

#include "e2e/peers/engine/cpp/load.h"
#include "e2e/peers/engine/cpp/options.h"
#include "e2e/peers/engine/cpp/server.h"
#include "pool/postgres/connect.h"

namespace storagepool::engine::peer {
namespace {

int run(int argc, char** argv) {
  Options options;
  CLI::App app("Measures the pool engine on one case; see e2e/peers/engine/bench, which runs it.",
               "engine_peer_benchmark");
  app.add_option("--pool", "Must be `ours`")->required()->check(CLI::IsMember({"ours"}));
  app.add_option("--case", options.case_name, "What to measure")
      ->required()
      ->check(CLI::IsMember({"get_put", "select_1", "storm", "zipf", "connect_loop", "sample"}));
  app.add_option("--host", options.host, "Address of the server")->capture_default_str();
  app.add_option("--port", options.port, "Port of the server")->required()->check(CLI::Range(1, 65535));
  app.add_option("--user", options.user, "Role to connect as")->required();
  app.add_option("--password", options.password, "Its password");
  app.add_option("--database", options.database, "Database; with _0, _1, ... appended in the case zipf")
      ->required();
  app.add_option("--seconds", options.seconds, "How long to measure, after 1 s of warm-up")
      ->capture_default_str()
      ->check(CLI::Range(0.1, 3600.0));
  app.add_option("--operations", options.operations,
                 "get_put, select_1: ends after so many, warm-up and all; 0: by time")
      ->capture_default_str();
  app.add_option("--clients", options.clients, "Who take connections at the same time")
      ->capture_default_str()
      ->check(CLI::Range(1, 100000));
  app.add_option("--connections", options.connections, "Most connections, over all databases")
      ->capture_default_str()
      ->check(CLI::Range(1, 10000));
  app.add_option("--threads", options.threads, "Threads that run the clients and the engine")
      ->capture_default_str()
      ->check(CLI::Range(1, 256));
  app.add_option("--databases", options.databases, "zipf: how many databases")
      ->capture_default_str()
      ->check(CLI::Range(1, 100000));
  app.add_option("--per-database", options.per_database, "zipf: most connections to each")
      ->capture_default_str()
      ->check(CLI::Range(1, 10000));
  app.add_option("--skew", options.skew, "zipf: the database of rank k is drawn with weight 1/k^skew")
      ->capture_default_str()
      ->check(CLI::Range(0.0, 10.0));
  app.add_option("--seed", options.seed, "zipf: of the draws")->capture_default_str();
  app.add_option("--sampled-user", options.sampled_user, "sample: whose backends to count");
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& problem) {
    return app.exit(problem);
  }
  postgres::forget_libpq_environment();
  const auto figures = options.case_name == "connect_loop" ? run_connect_loop(options)
                       : options.case_name == "sample"     ? run_sample(options)
                                                           : run_load(options);
  std::cout << figures.dump() << '\n';
  return 0;
}

}  // namespace
}  // namespace storagepool::engine::peer

int main(int argc, char** argv) {
  try {
    return storagepool::engine::peer::run(argc, argv);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "engine_peer_benchmark: %s\n", error.what());
    return 1;
  }
}
