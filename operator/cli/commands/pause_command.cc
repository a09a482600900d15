#include <memory>
#include <ostream>

#include <CLI/CLI.hpp>

#include "operator/cli/commands/command.h"
#include "operator/cli/commands/pools.h"

namespace storagepool::cli {
namespace {

void add(CLI::App& app, Actions& actions, const std::string& word, const std::string& help, bool paused) {
  auto names = std::make_shared<std::vector<std::string>>();
  CLI::App& command = *app.add_subcommand(word, help);
  command.add_option("NAME", *names, "StoragePools")->required();
  actions[&command] = [names, paused](Context& context) {
    const std::string patch = Json{{"spec", {{"paused", paused}}}}.dump();
    std::string text;
    for (const std::string& name : *names) {
      Words words{"patch", kStoragePools, name, "--type=merge", "--patch=" + patch};
      const Words scope = context.options.scope();
      words.insert(words.end(), scope.begin(), scope.end());
      const auto done = context.cluster->run(words);
      if (!done) return context.fail(done.error());
      text += name + (paused ? " is paused: its pods run on, and nothing of it is changed but its status\n"
                             : " is resumed: it is brought to what its spec says\n");
    }
    const Json report{{"storagePools", *names}, {"paused", paused}};
    context.out() << formatted(context.options.format, report, text);
    return kGood;
  };
}

}  // namespace

void add_pause(CLI::App& app, Actions& actions) {
  add(app, actions, "pause", "Stops the operator from changing StoragePools; their pods run on", true);
  add(app, actions, "resume", "Takes a pause back", false);
}

}  // namespace storagepool::cli
