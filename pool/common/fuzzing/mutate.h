// Small random changes to an input, for replays without libFuzzer. Pure: the same generator gives the same
// changes.
#pragma once

#include <cstddef>
#include <random>
#include <string>
#include <vector>

namespace storagepool::fuzzing {

inline constexpr std::size_t kMaxInput = std::size_t{64} * 1024;

// One of `inputs` with one to eight changes; at most kMaxInput bytes. `inputs` must not be empty.
std::string mutate(const std::vector<std::string>& inputs, std::mt19937_64& random);

}  // namespace storagepool::fuzzing
