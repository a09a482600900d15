#include "operator/cli/completion.h"

#include <algorithm>
#include <map>
#include <ostream>
#include <string_view>

#include <CLI/CLI.hpp>

#include "operator/cli/commands/pools.h"
#include "pool/common/json/json.h"

namespace storagepool::cli {
namespace {

constexpr std::chrono::seconds kPatience{2};  // a person waits with a half-written word

bool is_option(const std::string& word) {
  return word.starts_with("-");
}

// The option of this name, `-n` or `--namespace`, of the command or of all.
const CLI::Option* find_option(const CLI::App& app, const std::string& word) {
  for (const CLI::App* at = &app; at != nullptr; at = at->get_parent()) {
    if (const CLI::Option* option = at->get_option_no_throw(word)) return option;
  }
  return nullptr;
}

bool takes_value(const CLI::App& app, const std::string& word) {
  if (!is_option(word) || word.find('=') != std::string::npos) return false;
  const CLI::Option* option = find_option(app, word);
  return option != nullptr && option->get_items_expected_max() > 0;
}

std::vector<Candidate> options_of(const CLI::App& app) {
  std::vector<Candidate> found;
  for (const CLI::App* at = &app; at != nullptr; at = at->get_parent()) {
    for (const CLI::Option* option : at->get_options()) {
      for (const std::string& name : option->get_lnames())
        found.push_back({"--" + name, option->get_description()});
    }
  }
  return found;
}

std::vector<Candidate> commands_of(const CLI::App& app) {
  std::vector<Candidate> found;
  for (const CLI::App* command : app.get_subcommands([](const CLI::App*) { return true; }))
    found.push_back({command->get_name(), command->get_description()});
  return found;
}

std::vector<Candidate> of_words(const std::vector<std::string>& words) {
  std::vector<Candidate> found;
  for (const std::string& word : words) found.push_back({word, ""});
  return found;
}

// The command that the words before the last lead to.
const CLI::App& command_of(const CLI::App& app, const std::vector<std::string>& words) {
  const CLI::App* at = &app;
  for (std::size_t i = 0; i + 1 < words.size(); ++i) {
    if (takes_value(*at, words[i])) {
      ++i;
      continue;
    }
    for (const CLI::App* command : at->get_subcommands([](const CLI::App*) { return true; })) {
      if (command->get_name() == words[i]) at = command;
    }
  }
  return *at;
}

std::string value_of(const std::vector<std::string>& words, const std::vector<std::string>& names) {
  for (std::size_t i = 0; i + 1 < words.size(); ++i) {
    for (const std::string& name : names) {
      if (words[i] == name) return words[i + 1];
      if (words[i].starts_with(name + "=")) return words[i].substr(name.size() + 1);
    }
  }
  return "";
}

constexpr std::string_view kBash = R"(# kubectl-storagepool: completion for bash
_kubectl_storagepool() {
  mapfile -t COMPREPLY < <("${COMP_WORDS[0]}" __complete "${COMP_WORDS[@]:1:COMP_CWORD}" 2>/dev/null |
    sed -e '/^:/d' -e 's/\t.*//')
}
complete -o default -F _kubectl_storagepool kubectl-storagepool
)";

constexpr std::string_view kZsh = R"(#compdef kubectl-storagepool
_kubectl_storagepool() {
  local -a candidates
  candidates=("${(@f)$("${words[1]}" __complete "${(@)words[2,CURRENT]}" 2>/dev/null |
    sed -e '/^:/d' -e 's/:/\\:/g' -e 's/\t/:/')}")
  if [[ -n "${candidates[1]}" ]]; then _describe 'kubectl-storagepool' candidates; else _files; fi
}
compdef _kubectl_storagepool kubectl-storagepool
)";

constexpr std::string_view kFish = R"(# kubectl-storagepool: completion for fish
function __kubectl_storagepool
    set -l words (commandline -opc) (commandline -ct)
    $words[1] __complete $words[2..-1] 2>/dev/null | string match -v ':*'
end
complete -c kubectl-storagepool -f -a '(__kubectl_storagepool)'
)";

constexpr std::string_view kKubectl = R"(#!/bin/sh
# kubectl_complete-storagepool, on PATH: kubectl completes `kubectl storagepool` with it
exec kubectl-storagepool __complete "$@"
)";

}  // namespace

std::vector<Candidate> complete(const CLI::App& app, const std::vector<std::string>& words,
                                const std::function<std::vector<std::string>()>& names) {
  const std::string last = words.empty() ? "" : words.back();
  const std::string before = words.size() < 2 ? "" : words[words.size() - 2];
  const CLI::App& command = command_of(app, words);
  std::vector<Candidate> found;
  if (takes_value(command, before)) {
    if (before == "-o" || before == "--output") found = of_words({"table", "json", "yaml"});
  } else if (is_option(last)) {
    found = options_of(command);
  } else if (!commands_of(command).empty()) {
    found = commands_of(command);
  } else if (command.get_name() == "completion") {
    found = of_words({"bash", "zsh", "fish", "kubectl"});
  } else if (command.get_option_no_throw("NAME") != nullptr) {
    found = of_words(names());
  }
  std::erase_if(found, [&last](const Candidate& candidate) { return !candidate.word.starts_with(last); });
  return found;
}

int print_candidates(const CLI::App& app, std::vector<std::string> words, const Surroundings& around) {
  Context context{.around = around, .options = {}, .cluster = {}};
  context.options.access = {.context = value_of(words, {"--context"}),
                            .kubeconfig = value_of(words, {"--kubeconfig"}),
                            .request_timeout = kPatience};
  context.options.name_space = value_of(words, {"-n", "--namespace"});
  const auto names = [&context, &around] {
    context.cluster = around.connect(context.options.access);
    std::vector<std::string> found;
    if (const auto pools = get_pools(context, {})) {
      for (const Pool& pool : *pools) found.push_back(pool.name);
    }
    return found;
  };
  for (const Candidate& candidate : complete(app, words, names)) {
    around.out << candidate.word;
    if (!candidate.description.empty()) around.out << "\t" << candidate.description;
    around.out << "\n";
  }
  around.out << ":0\n";  // as cobra's ShellCompDirectiveDefault
  return kGood;
}

std::string completion_script(const std::string& shell) {
  static const std::map<std::string, std::string_view> scripts{
      {"bash", kBash}, {"zsh", kZsh}, {"fish", kFish}, {"kubectl", kKubectl}};
  return std::string(scripts.at(shell));
}

void add_completion(CLI::App& app, Actions& actions) {
  auto shell = std::make_shared<std::string>();
  CLI::App& command = *app.add_subcommand(
      "completion", "Prints a script that completes commands, flags and names, for a shell or for kubectl");
  command.add_option("SHELL", *shell, "bash, zsh, fish; kubectl: the file kubectl_complete-storagepool")
      ->required()
      ->check(CLI::IsMember({"bash", "zsh", "fish", "kubectl"}))
      ->type_name("");
  actions[&command] = [shell](Context& context) {
    context.out() << completion_script(*shell);
    return kGood;
  };
}

}  // namespace storagepool::cli
