// Runs a program to its end, with a deadline and a bound on what it may print. Never by a shell: the words
// are handed on as they are.
#pragma once

#include <chrono>
#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace storagepool::cli {

struct RunLimits {
  std::chrono::milliseconds deadline{30'000};
  std::size_t most_output_bytes = std::size_t{64} << 20;
};

struct Finished {
  int exit_code = -1;  // 128 + the signal's number when one ended it; 127: it could not be started
  bool timed_out = false;
  bool too_long = false;  // it printed more than it may, and was ended
  std::string out;
  std::string err;  // the first 64 KiB

  bool ok() const { return exit_code == 0 && !timed_out && !too_long; }
};

// The program is found on PATH unless its name has a slash. Throws std::system_error when the system has no
// pipe or process left.
Finished run_program(const std::vector<std::string>& argv, std::string_view input = {},
                     const RunLimits& limits = {});

}  // namespace storagepool::cli
