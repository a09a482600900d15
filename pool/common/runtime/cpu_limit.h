// How many CPUs this process may use at a time, by the limit of its control group (in a pod: that of its
// container's resources).
#pragma once

#include <optional>
#include <string>

namespace storagepool::runtime {

// The least limit of its group and those above it (cgroup v2 `cpu.max`, else v1 `cpu.cfs_quota_us`); no value
// where there is none, or none can be read. The folders are those of the system unless a test has its own.
std::optional<double> cpu_limit(const std::string& groups = "/sys/fs/cgroup",
                                const std::string& own_group = "/proc/self/cgroup");

}  // namespace storagepool::runtime
