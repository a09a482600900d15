#include <memory>
#include <ostream>

#include <CLI/CLI.hpp>

#include "operator/cli/commands/command.h"
#include "operator/cli/commands/status.h"

namespace storagepool::cli {

void add_status(CLI::App& app, Actions& actions) {
  auto names = std::make_shared<std::vector<std::string>>();
  CLI::App& command = *app.add_subcommand(
      "status", "Servers, StoragePools and pods, what is wrong and what to do; 1 unless all are Ready");
  command.add_option("NAME", *names, "StoragePools; without a name all of the namespace");
  actions[&command] = [names](Context& context) {
    const auto pools = get_pools(context, *names);
    if (!pools) return context.fail(pools.error());
    if (pools->empty()) context.err() << "There are no StoragePools here; -A looks in all namespaces.\n";
    const StatusReport report = report_status(*pools, ask_pods(context, *pools));
    context.out() << formatted(context.options.format, to_json(report), to_table(report, context.paint()));
    return report.all_ready() ? kGood : kBad;
  };
}

}  // namespace storagepool::cli
