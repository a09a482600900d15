// simulate: runs the simulator for as long as wanted; see hack/simulate.
#include <chrono>
#include <cstdint>
#include <iostream>
#include <utility>

#include <CLI/CLI.hpp>

#include "pool/common/runtime/check.h"
#include "pool/common/runtime/clock.h"
#include "pool/engine/simulator/simulator.h"

namespace {

using storagepool::engine::TimePoint;
using storagepool::engine::simulator::Coverage;
using storagepool::engine::simulator::kSeenNames;
using storagepool::engine::simulator::run_schedule;
using storagepool::engine::simulator::Seen;
using storagepool::runtime::steady_now;

constexpr int kViolated = 1;
constexpr int kUsageError = 2;
constexpr std::chrono::seconds kProgressEvery{3};

std::uint64_t seed_now = 0;  // of the schedule that runs

// Of what ends the program; what does not, the simulator finds counted.
void report(const storagepool::check::Violation& violation) {
  if (!violation.fatal) return;
  std::cout << "seed " << seed_now << ", in the core: " << violation.what;
  for (const auto& fact : violation.facts) std::cout << ", " << fact.name << " " << fact.value;
  std::cout << std::endl;
}

double seconds_since(TimePoint start) {
  return std::chrono::duration<double>(steady_now() - start).count();
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
  app.footer(
      "Exit status: 0 every invariant held, 1 one was violated, 2 wrong usage; ended by SIGABRT when the "
      "core "
      "itself found one violated.");
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? 0 : kUsageError;
  }

  const auto started = steady_now();
  auto next_progress = started + kProgressEvery;
  storagepool::check::report_to(&report);
  Coverage seen;
  for (std::uint64_t done = 0; done < schedules; ++done) {
    seed_now = seed + done;
    if (const auto violation = run_schedule(seed_now, seen)) {
      std::cout << *violation << "\n"
                << "schedule " << done + 1 << " of " << schedules << "; again with: hack/simulate --seed "
                << seed + done << " --schedules 1\n";
      return kViolated;
    }
    if (quiet || steady_now() < next_progress) continue;
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
