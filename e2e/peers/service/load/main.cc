// service_load: puts load on a DataStorage service on this machine and prints the figures as one JSON object.
// See e2e/peers/service/bench, which runs it.
#include <sys/resource.h>

#include <chrono>
#include <exception>
#include <fstream>
#include <iostream>
#include <map>
#include <string>

#include <CLI/CLI.hpp>
#include <nlohmann/json.hpp>

#include "e2e/peers/service/load/run.h"

namespace storagepool::load {
namespace {

double cpu_seconds() {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  const auto seconds = [](const timeval& time) {
    return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) / 1e6;
  };
  return seconds(usage.ru_utime) + seconds(usage.ru_stime);
}

void print(const Figures& figures) {
  nlohmann::json unexpected = nlohmann::json::object();
  for (const auto& [status, count] : figures.unexpected) unexpected[std::to_string(status)] = count;
  const nlohmann::json report = {{"requests", figures.in_time},
                                 {"answered", figures.answered},
                                 {"seconds", figures.seconds},
                                 {"unexpected", unexpected},
                                 {"queued", figures.queued},
                                 {"broken", figures.broken},
                                 {"unanswered", figures.unanswered},
                                 {"first_problem", figures.first_problem},
                                 {"p50_us", figures.latencies.percentile(0.50)},
                                 {"p95_us", figures.latencies.percentile(0.95)},
                                 {"p99_us", figures.latencies.percentile(0.99)},
                                 {"max_us", figures.latencies.max()},
                                 {"load_cpu_seconds", cpu_seconds()}};
  std::cout << report.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace) << "\n";
}

int main_(int argc, char** argv) {
  RunOptions options;
  double seconds = 5;
  const std::map<std::string, Kind> kinds{
      {"post", Kind::kPost}, {"batch", Kind::kBatch}, {"list", Kind::kList}};
  const std::map<std::string, Kept> places{
      {"stored", Kept::kStored}, {"journalled", Kept::kJournalled}, {"either", Kept::kEither}};
  CLI::App app("Puts load on a DataStorage service on 127.0.0.1; see e2e/peers/service/bench, which runs it.",
               "service_load");
  app.add_option("--port", options.port, "Port of the service")->required()->check(CLI::Range(1, 65535));
  app.add_option("--case", options.requests.kind, "What is asked: post, batch or list")
      ->required()
      ->transform(CLI::CheckedTransformer(kinds));
  app.add_option("--kept", options.kept, "Where events must go: stored, journalled or either")
      ->transform(CLI::CheckedTransformer(places));
  app.add_option("--rate", options.rate,
                 "Requests per second that become due; 0: as fast as they are answered")
      ->capture_default_str()
      ->check(CLI::Range(0.0, 1e6));
  app.add_option("--clients", options.clients, "Connections, each with one request at a time")
      ->capture_default_str()
      ->check(CLI::Range(1, 10000));
  app.add_option("--seconds", seconds, "How long requests are begun")
      ->capture_default_str()
      ->check(CLI::Range(0.1, 86400.0));
  app.add_option("--requests", options.most_requests, "Ends after so many requests; 0: by time alone")
      ->capture_default_str();
  app.add_option("--events", options.requests.events, "Events of a batch")
      ->capture_default_str()
      ->check(CLI::Range(1, 500));
  app.add_option("--prefix", options.requests.prefix, "Correlation ids are PREFIX-<ten digits>")->required();
  std::string token_file;
  app.add_option("--token-file", token_file, "File whose first line is sent as a bearer token")
      ->check(CLI::ExistingFile);
  app.add_option("--correlations", options.requests.correlations,
                 "Correlation ids come again after so many; 0: each is new")
      ->capture_default_str();
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& problem) {
    return app.exit(problem);
  }
  if (!token_file.empty()) std::getline(std::ifstream(token_file) >> std::ws, options.requests.token);
  options.time =
      std::chrono::duration_cast<std::chrono::microseconds>(std::chrono::duration<double>(seconds));
  print(run(options));
  return 0;
}

}  // namespace
}  // namespace storagepool::load

int main(int argc, char** argv) {
  try {
    return storagepool::load::main_(argc, argv);
  } catch (const std::exception& error) {
    std::cerr << "service_load: " << error.what() << "\n";
    return 1;
  }
}
