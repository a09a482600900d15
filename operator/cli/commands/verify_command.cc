#include <chrono>
#include <memory>
#include <ostream>
#include <thread>

#include <CLI/CLI.hpp>

#include "operator/cli/commands/command.h"
#include "operator/cli/output/progress.h"
#include "operator/cli/commands/verify.h"
#include "pool/common/settings/duration.h"

namespace storagepool::cli {
namespace {

struct VerifyOptions {
  std::vector<std::string> names;
  std::vector<std::string> skipped;
  std::chrono::milliseconds watch{5000};
};

std::string check_watch(const std::string& text) {
  const auto duration = settings::parse_duration(text);
  const bool fits = duration && *duration <= std::chrono::minutes(10);
  return fits ? std::string() : "got \"" + text + "\"; allowed: a duration up to 10m";
}

Evidence evidence_of(const Context& context, const Pool& pool) {
  return {.pool = pool,
          .before = {},
          .after = {},
          .disruption_budget =
              get_json(*context.cluster, {"poddisruptionbudgets.policy", pool.name, "-n", pool.name_space}),
          .alert_rules = get_items(*context.cluster, {"prometheusrules.monitoring.coreos.com", "-A"})};
}

}  // namespace

void add_verify(CLI::App& app, Actions& actions) {
  auto given = std::make_shared<VerifyOptions>();
  CLI::App& command = *app.add_subcommand(
      "verify", "Whether StoragePools are fit for production, check by check; 1 when a check fails");
  command.add_option("NAME", given->names, "StoragePools; without a name all of the namespace");
  command.add_option("--skip", given->skipped, "Checks to leave out")
      ->check(CLI::IsMember(check_names()))
      ->delimiter(',')
      ->allow_extra_args(false)
      ->type_name("CHECK");
  command
      .add_option_function<std::string>(
          "--watch",
          [given](const std::string& text) {
            given->watch = settings::parse_duration(text).value_or(given->watch);
          },
          "How long waits are watched (5s)")
      ->check(check_watch);
  actions[&command] = [given](Context& context) {
    const auto pools = get_pools(context, given->names);
    if (!pools) return context.fail(pools.error());
    if (pools->empty())
      return context.fail({FailureKind::kNotFound, "there are no StoragePools here to verify"});
    const PodSamples before = ask_pods(context, *pools);
    {
      const Progress progress(context.err(), context.around.err_is_terminal,
                              "watching whether anybody waits");
      std::this_thread::sleep_for(given->watch);
    }
    const PodSamples after = ask_pods(context, *pools);
    std::vector<VerifiedPool> verified;
    for (const Pool& pool : *pools) {
      Evidence evidence = evidence_of(context, pool);
      evidence.before = before;
      evidence.after = after;
      verified.push_back(verify(evidence, given->skipped));
    }
    context.out() << formatted(context.options.format, to_json(verified),
                               to_table(verified, context.paint()));
    return exit_code_of(verified);
  };
}

}  // namespace storagepool::cli
