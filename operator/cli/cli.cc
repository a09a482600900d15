#include "operator/cli/cli.h"

#include <algorithm>
#include <map>
#include <ostream>

#include <CLI/CLI.hpp>

#include "operator/cli/commands/log/log_command.h"
#include "operator/cli/completion.h"
#include "pool/common/settings/duration.h"

namespace storagepool::cli {
namespace {

constexpr const char* kFooter =
    "Exit codes: 0 good; 1 not: something is not ready, does not fit or fails a check; 2 it could not be\n"
    "found out: a wrong command line, no way to the cluster, or no right to look.\n"
    "Environment: KUBECTL names the kubectl to run, NO_COLOR turns colours off.";

std::string check_timeout(const std::string& text) {
  using namespace std::chrono_literals;
  const auto duration = settings::parse_duration(text);
  const bool fits = duration && *duration >= 1s && *duration <= 10min;
  return fits ? std::string() : "got \"" + text + "\"; allowed: a duration from 1s to 10m";
}

void add_shared(CLI::App& app, Options& options) {
  app.add_option("--context", options.access.context, "Context of the kubeconfig");
  app.add_option("--kubeconfig", options.access.kubeconfig, "kubeconfig file");
  app.add_option_function<std::string>(
         "--request-timeout",
         [&options](const std::string& text) {
           options.access.request_timeout =
               settings::parse_duration(text).value_or(options.access.request_timeout);
         },
         "How long one request to the API server may take (10s)")
      ->check(check_timeout);
  auto* name_space =
      app.add_option("-n,--namespace", options.name_space, "Namespace; without it the context's");
  app.add_flag("-A,--all-namespaces", options.all_namespaces, "All namespaces")->excludes(name_space);
  const std::map<std::string, Format> formats{
      {"table", Format::kTable}, {"json", Format::kJson}, {"yaml", Format::kYaml}};
  app.add_option("-o,--output", options.format, "table, json or yaml")
      ->transform(CLI::CheckedTransformer(formats))
      ->type_name("FORMAT");
}

}  // namespace

Words Options::scope() const {
  if (all_namespaces) return {"-A"};
  if (!name_space.empty()) return {"-n", name_space};
  return {};
}

int Context::fail(const Failure& failure) const {
  err() << "kubectl-storagepool: " << failure.message << "\n";
  return kError;
}

std::unique_ptr<CLI::App> make_app(Options& options, Actions& actions) {
  auto app = std::make_unique<CLI::App>(
      "Shows and changes StoragePools: PostgreSQL connections within what the servers can give.",
      "kubectl storagepool");
  app->set_version_flag("--version", "kubectl-storagepool " STORAGEPOOL_VERSION);
  app->require_subcommand(0, 1);  // none is told by `run`, in better words
  app->fallthrough();
  app->footer(kFooter);
  add_shared(*app, options);
  add_status(*app, actions);
  add_top(*app, actions);
  add_verify(*app, actions);
  add_must_gather(*app, actions);
  add_plan(*app, actions);
  add_render(*app, actions);
  add_events(*app, actions);
  add_journal(*app, actions);
  add_log(*app, actions);
  add_pause(*app, actions);
  add_completion(*app, actions);
  return app;
}

int run(std::vector<std::string> arguments, const Surroundings& around) {
  Context context{.around = around, .options = {}, .cluster = {}};
  Actions actions;
  const auto app = make_app(context.options, actions);
  if (!arguments.empty() && arguments.front() == "__complete")
    return print_candidates(*app, {arguments.begin() + 1, arguments.end()}, around);
  std::reverse(arguments.begin(), arguments.end());  // as CLI11 takes them
  try {
    app->parse(std::move(arguments));
  } catch (const CLI::ParseError& problem) {
    return app->exit(problem, around.out, around.err) == 0 ? kGood : kError;
  }
  if (app->get_subcommands().empty()) {
    around.err << app->help();
    return kError;
  }
  context.cluster = around.connect(context.options.access);
  const CLI::App* command = app->get_subcommands().front();
  while (!command->get_subcommands().empty()) command = command->get_subcommands().front();
  return actions.at(command)(context);
}

}  // namespace storagepool::cli
