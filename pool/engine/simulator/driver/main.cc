// simulate_driver: runs the driver's simulator for as long as wanted; see hack/simulate.
#include <cstdint>
#include <iostream>

#include <CLI/CLI.hpp>

#include "pool/common/runtime/check.h"
#include "pool/engine/simulator/driver/simulator.h"

namespace {

using storagepool::engine::driver_simulator::Coverage;
using storagepool::engine::driver_simulator::run_schedule;

constexpr int kViolated = 1;
constexpr int kUsageError = 2;

std::uint64_t seed_now = 0;  // of the schedule that runs

void report(const storagepool::check::Violation& violation) {
  std::cout << "seed " << seed_now << ", in the engine: " << violation.what;
  for (const auto& fact : violation.facts) std::cout << ", " << fact.name << " " << fact.value;
  std::cout << std::endl;
}

}  // namespace

int main(int argc, char** argv) {
  std::uint64_t seed = 1;
  std::uint64_t schedules = 10000;
  bool quiet = false;
  CLI::App app("Runs random schedules against the pool engine's driver; see hack/simulate --help.",
               "simulate_driver");
  app.add_option("--seed", seed, "The first seed")->capture_default_str();
  app.add_option("--schedules", schedules, "How many seeds, counting up")
      ->capture_default_str()
      ->check(CLI::Range(std::uint64_t{1}, std::uint64_t{1} << 40));
  app.add_flag("--quiet", quiet, "Print only a violation");
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? 0 : kUsageError;
  }
  storagepool::check::report_to(&report);
  Coverage seen{};
  for (std::uint64_t done = 0; done < schedules; ++done) {
    seed_now = seed + done;
    if (const auto violation = run_schedule(seed_now, seen)) {
      std::cout << *violation << "\n"
                << "schedule " << done + 1 << " of " << schedules
                << "; again with: hack/simulate --driver --seed " << seed_now << " --schedules 1\n";
      return kViolated;
    }
  }
  if (!quiet) std::cout << "every promise was kept: " << schedules << " schedules from seed " << seed << "\n";
  return 0;
}
