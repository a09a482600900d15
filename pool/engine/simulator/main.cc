// simulate: runs the simulator for as long as wanted; see hack/simulate.
#include <chrono>
#include <cstdint>
#include <iostream>
#include <utility>

#include <CLI/CLI.hpp>

#include "pool/engine/simulator/simulator.h"

namespace {

using storagepool::engine::simulator::Coverage;
using storagepool::engine::simulator::kSeenNames;
using storagepool::engine::simulator::run_schedule;
using storagepool::engine::simulator::Seen;

constexpr int kViolated = 1;
constexpr int kUsageError = 2;
constexpr std::chrono::seconds kProgressEvery{3};

double seconds_since(std::chrono::steady_clock::time_point start) {
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

}  // namespace

int main(int argc, char** argv) {
  std::uint64_t seed = 1;
  std::uint64_t schedules = 100000;
  bool quiet = false;
  CLI::App app(
      "Runs random schedules of clients, faults and orders against the pool engine's decisions, one for "
      "each\n"
      "seed, and checks every invariant after every event. A failing seed fails again at the same step.",
      "simulate");
  app.add_option("--seed", seed, "The first seed")->capture_default_str();
  app.add_option("--schedules", schedules, "How many seeds, counting up")
      ->capture_default_str()
      ->check(CLI::Range(std::uint64_t{1}, std::uint64_t{1} << 40));
  app.add_flag("--quiet", quiet, "Print only a violation");
  app.footer("Exit status: 0 every invariant held, 1 one was violated, 2 wrong usage.");
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? 0 : kUsageError;
  }

  const auto started = std::chrono::steady_clock::now();
  auto next_progress = started + kProgressEvery;
  Coverage seen;
  for (std::uint64_t done = 0; done < schedules; ++done) {
    if (const auto violation = run_schedule(seed + done, seen)) {
      std::cout << *violation << "\n"
                << "schedule " << done + 1 << " of " << schedules << "; again with: hack/simulate --seed "
                << seed + done << " --schedules 1\n";
      return kViolated;
    }
    if (quiet || std::chrono::steady_clock::now() < next_progress) continue;
    next_progress += kProgressEvery;
    const double seconds = seconds_since(started);
    std::cout << done + 1 << " of " << schedules << " schedules, "
              << static_cast<std::int64_t>(static_cast<double>(done + 1) / seconds) << " a second, next seed "
              << seed + done + 1 << std::endl;
  }
  if (quiet) return 0;
  for (std::size_t i = 0; i < kSeenNames.size(); ++i) {
    std::cout << seen.of(static_cast<Seen>(i)) << "  " << kSeenNames[i] << "\n";
  }
  std::cout << "every invariant held: " << schedules << " schedules from seed " << seed << ", "
            << static_cast<std::int64_t>(static_cast<double>(schedules) / seconds_since(started))
            << " a second\n";
  return 0;
}
