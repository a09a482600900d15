// kubectl-storagepool, a plugin of kubectl (`kubectl storagepool ...`): what a StoragePool does and why, what
// a change would lead to, and what to do.
//
// It reaches the cluster as its user does, by running kubectl (kubectl.h). What a command finds out is a
// report: facts in, a type out, without I/O; written as a table, JSON or YAML (output.h).
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "operator/cli/commands/command.h"

namespace storagepool::cli {

// `arguments` without the program's name. Returns the exit code.
int run(std::vector<std::string> arguments, const Surroundings& around);

// The whole command line, for who describes it.
std::unique_ptr<CLI::App> make_app(Options& options, Actions& actions);

}  // namespace storagepool::cli
