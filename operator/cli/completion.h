// What a shell offers for the word that is being written. The scripts for shells ask the program itself
// (`__complete`, with lines as kubectl's own completion of plugins wants them), so that they know every
// command and flag, and the StoragePools of the cluster.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "operator/cli/commands/command.h"

namespace storagepool::cli {

struct Candidate {
  std::string word;
  std::string description;
};

// `words`: those after the program's name; the last one is being written, and may be empty. `names` gives the
// StoragePools, and is called where one may stand.
std::vector<Candidate> complete(const CLI::App& app, const std::vector<std::string>& words,
                                const std::function<std::vector<std::string>()>& names);

// The command `__complete` with these words, which fails silently.
int print_candidates(const CLI::App& app, std::vector<std::string> words, const Surroundings& around);

// A script for bash, zsh or fish, or the executable `kubectl_complete-storagepool` that kubectl looks for.
std::string completion_script(const std::string& shell);

}  // namespace storagepool::cli
