// fleet: simulates a fleet of up to 1,000 pods and 100 servers and writes its page; see hack/fleet, which
// runs it.
#include <algorithm>
#include <cmath>
#include <cstdint>
#include <exception>
#include <filesystem>
#include <fstream>
#include <functional>
#include <iostream>
#include <stdexcept>
#include <string>

#include <CLI/CLI.hpp>

#include "e2e/fleet/report.h"
#include "e2e/fleet/simulation.h"

namespace storagepool::e2e {
namespace {

void write(const std::filesystem::path& path, const std::string& text) {
  std::ofstream out(path);
  out << text;
  out.close();
  if (!out) throw std::runtime_error("cannot write " + path.string());
}

double erlang_error(std::uint32_t seed) {
  constexpr int kServers = 4;
  constexpr double kLoad = 0.8;
  Simulation simulation(seed);
  Station station(simulation, kServers);
  int left = 1'000'000;
  std::function<void()> arrive = [&] {
    station.serve(simulation.exponential(1), [] {});
    if (--left > 0) simulation.after(simulation.exponential(1 / (kLoad * kServers)), [&] { arrive(); });
  };
  arrive();
  simulation.run(1e12);
  const double expected = erlang_c_wait(kLoad * kServers, 1, kServers);
  return std::abs(station.mean_wait() - expected) / expected;
}

Findings explore(std::uint32_t seed) {
  Findings found;
  found.seed = seed;
  found.erlang_error = erlang_error(seed);
  for (const double posts : {10'000.0, 20'000.0, 40'000.0}) {
    for (const int pods : {1, 2, 5, 10, 20, 50, 100, 200, 500, 1'000}) {
      const Layout layout{.pods = pods};
      // Until all connections are there.
      const Demand demand{.posts = posts, .warm_up = 2, .seconds = 1};
      found.one_server.push_back({layout, demand, run_fleet(layout, demand, found.costs, seed)});
      std::cerr << "." << std::flush;
    }
  }
  for (const int servers : {1, 3, 10, 30, 100}) {
    const Layout layout{.servers = servers, .pods = 10 * servers};
    const Demand demand{.warm_up = 0.3, .seconds = 0.3};
    found.fleets.push_back({layout, demand, run_fleet(layout, demand, found.costs, seed)});
    std::cerr << "." << std::flush;
  }
  for (const std::int64_t pods : {2, 10, 50, 100, 200, 500, 1'000}) {
    const Resize resize{.from = pods / 2, .to = pods};
    found.of_one.emplace_back(resize, run_resize(resize, found.costs, seed));
    std::cerr << "." << std::flush;
  }
  for (const int storage_pools : {1, 3, 10, 30, 100}) {
    const Resize resize{.storage_pools = storage_pools};
    found.of_many.emplace_back(resize, run_resize(resize, found.costs, seed));
    std::cerr << "." << std::flush;
  }
  std::cerr << "\n";
  return found;
}

int main_(int argc, char** argv) {
  CLI::App app(
      "Simulates a fleet and writes FOLDER/fleet.md and FOLDER/fleet.svg.\n"
      "Exit status: 0 all that is promised held, 1 not, or an error.");
  std::uint32_t seed = 1;
  std::string about;
  std::string folder;
  app.add_option("--seed", seed, "of all that is drawn")->capture_default_str();
  app.add_option("--about", about, "a line for the page");
  app.add_option("folder", folder, "where the page goes")->required();
  CLI11_PARSE(app, argc, argv);
  std::cout << "seed " << seed << std::endl;
  const Findings found = explore(seed);
  write(std::filesystem::path(folder) / "fleet.md", fleet_page(found, about));
  write(std::filesystem::path(folder) / "fleet.svg", fleet_plot(found));
  const auto lines = broken(found);
  for (const std::string& line : lines) std::cout << "BROKEN  " << line << "\n";
  std::cout << (lines.empty() ? "fleet: holds\n" : "fleet: broken\n");
  return lines.empty() ? 0 : 1;
}

}  // namespace
}  // namespace storagepool::e2e

int main(int argc, char** argv) {
  try {
    return storagepool::e2e::main_(argc, argv);
  } catch (const std::exception& error) {
    std::cerr << "fleet: " << error.what() << "\n";
    return 1;
  }
}
