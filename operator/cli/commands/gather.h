// `must-gather`: all that tells what StoragePools do and why, for who cannot look at the cluster: objects,
// events, logs, metrics, readiness, without secrets. What cannot be had is a line of errors.txt, and the rest
// is there.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "operator/cli/commands/command.h"
#include "operator/cli/commands/pools.h"

namespace storagepool::cli {

struct GatherInput {
  std::string operator_namespace = "storagepool-system";
  std::int64_t log_lines = 10'000;  // the last ones of each container
};

struct GatheredFile {
  std::string name;
  std::string contents;  // redacted
};

struct Gathered {
  std::vector<GatheredFile> files;  // errors.txt is the last one
  std::vector<std::string> errors;
};

Gathered gather(const Context& context, const GatherInput& input);

}  // namespace storagepool::cli
