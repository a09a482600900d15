// How many files and sockets the process may have open at a time.
#pragma once

#include <cstddef>

namespace storagepool::runtime {

// As many as the system allows. Container runtimes start programs with 1,024, which is less than there may be
// connections; without any left no port accepts, that of health neither.
void use_all_descriptors();

std::size_t most_descriptors();

}  // namespace storagepool::runtime
