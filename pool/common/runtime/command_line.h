// Command-line options that both programs have.
#pragma once

#include "pool/common/runtime/log.h"

namespace CLI {
class App;
}

namespace storagepool::command_line {

// `--log-level`: debug, info, warn or error. `level` holds the default and must outlive the parse.
void add_log_level(CLI::App& app, log::Level& level);

}  // namespace storagepool::command_line
