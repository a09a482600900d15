// What processes of tests take of the system.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdlib>
#include <fstream>
#include <string>

#include <sys/resource.h>
#include <sys/types.h>

namespace storagepool::service::testing {

// Of the program as it ships (STORAGEPOOL_DATASTORAGE); a sanitizer keeps what was freed.
inline bool memory_is_ours() {
#ifdef __SANITIZE_ADDRESS__
  return std::getenv("STORAGEPOOL_DATASTORAGE") != nullptr;
#else
  return true;
#endif
}

// 0 of one that is gone.
inline std::size_t resident_bytes(pid_t process) {
  std::ifstream status("/proc/" + std::to_string(process) + "/status");
  for (std::string line; std::getline(status, line);) {
    if (line.starts_with("VmRSS:")) return std::stoul(line.substr(6)) * 1024;
  }
  return 0;
}

// As many as are asked for and may be had, of this process and those that it starts.
inline std::size_t use_descriptors(std::size_t many) {
  rlimit limit{};
  ::getrlimit(RLIMIT_NOFILE, &limit);
  limit.rlim_cur = std::min<rlim_t>(many, limit.rlim_max);
  ::setrlimit(RLIMIT_NOFILE, &limit);
  return limit.rlim_cur;
}

}  // namespace storagepool::service::testing
