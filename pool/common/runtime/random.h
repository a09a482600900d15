// Random bytes from the operating system (getrandom(2)), fetched for many callers at once: a system call for
// each id costs more than the rest of it.
#pragma once

#include <cstdint>
#include <span>

namespace storagepool::runtime {

// No byte is given twice. For ids, not for keys: what will be given is in memory before.
// Throws std::system_error when the system has none. Thread-safe.
void fill_random(std::span<std::uint8_t> bytes);

}  // namespace storagepool::runtime
