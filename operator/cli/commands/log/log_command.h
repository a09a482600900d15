// `log`: what people do about the log of a StoragePool.
#pragma once

#include "operator/cli/commands/command.h"

namespace storagepool::cli {

void add_log(CLI::App& app, Actions& actions);

}  // namespace storagepool::cli
