#include "operator/cli/commands/log/log_command.h"

#include <memory>
#include <ostream>

#include <CLI/CLI.hpp>

#include "operator/cli/commands/log/events_api.h"
#include "operator/cli/commands/pools.h"
#include "operator/reconcile/status/conditions.h"
#include "operator/witness/record.h"
#include "pool/common/json/json.h"

namespace storagepool::cli {
namespace {

constexpr const char* kRolledBack = "LogRolledBack";
constexpr std::size_t kMostReason = 500;

struct Restart : Given {
  std::string reason;
};

// Only what the operator finds rolled back is restarted: a wish that waits would be granted some other day.
int restart_own(Context& context, const Restart& wanted) {
  const auto pools = get_pools(context, {wanted.name});
  if (!pools) return context.fail(pools.error());
  const Pool& pool = pools->front();
  const auto* tampered = reconcile::find_condition(pool.status, reconcile::kLogTampered);
  if (tampered == nullptr || tampered->status != reconcile::Truth::kTrue || tampered->reason != kRolledBack) {
    context.err() << "the log of " << pool.title()
                  << " was not rolled back, as far as its condition LogTampered says: it is not restarted\n";
    return kBad;
  }
  const std::string patch =
      Json{{"metadata", {{"annotations", {{witness::kRestartAnnotation, wanted.reason}}}}}}.dump();
  const auto done = context.cluster->run(
      {"patch", kStoragePools, pool.name, "--type=merge", "--patch=" + patch, "-n", pool.name_space});
  if (!done) return context.fail(done.error());
  context.out() << formatted(
      context.options.format, Json{{"storagePool", pool.title()}, {"reason", wanted.reason}},
      "the log of " + pool.title() +
          " goes on in its next epoch, under another origin and verifier key, from what PostgreSQL has of "
          "it: "
          "`kubectl storagepool events key " +
          pool.name +
          "` within a minute. The last checkpoint before stays with the operator, and in the log\n");
  return kGood;
}

// Its pods know themselves whether it was rolled back, and take no other restart.
int restart_of_workspace(Context& context, const Restart& wanted) {
  const std::string& workspace = wanted.query.workspace;
  const std::string which = "the log of the workspace " + workspace + " of " + wanted.name;
  auto api = Api::open(context, wanted);
  if (!api) return context.fail(api.error());
  const auto answer = api->send({.method = "POST",
                                 .path = base_of(workspace) + "/log/restart",
                                 .body = Json{{"reason", wanted.reason}}.dump()});
  if (!answer) return context.fail(answer.error());
  if (answer->status != kOk)
    return context.fail({FailureKind::kOther, which + " is not restarted: " + words_of(*answer)});
  const Json log = Json::parse(answer->body, nullptr, false);
  const Json& restarted = json::member(log, "restarted");
  if (!restarted.is_boolean()) return context.fail({FailureKind::kUnreadable, "the answer is no JSON"});
  if (!restarted.get<bool>()) {
    context.err() << which << " was not rolled back: it is not restarted\n";
    return kBad;
  }
  context.out() << formatted(
      context.options.format, log,
      which + " goes on in its next epoch, " + json::text_at(log, "/origin") + ", from the " +
          std::to_string(json::integer_at(log, "/size", 0)) +
          " entries that PostgreSQL has of it, under another verifier key: `kubectl storagepool events key " +
          wanted.name + " --workspace " + workspace +
          "`. What is not continued is in an event storagepool.log.restarted of the system database\n");
  return kGood;
}

std::string check_reason(const std::string& text) {
  if (!text.empty() && text.size() <= kMostReason) return "";
  return "a reason of 1 to " + std::to_string(kMostReason) + " bytes, which the log keeps";
}

}  // namespace

void add_log(CLI::App& app, Actions& actions) {
  auto wanted = std::make_shared<Restart>();
  CLI::App& log = *app.add_subcommand("log", "What is to become of the log that proves events");
  log.require_subcommand(1);
  CLI::App& restarting = *log.add_subcommand(
      "restart", "Has a log that was rolled back, and cannot be brought back, go on in its next epoch");
  restarting.add_option("NAME", wanted->name, "The StoragePool")->required();
  restarting.add_option("--reason", wanted->reason, "Why; an event of the log has it")
      ->required()
      ->check(check_reason);
  auto* const workspace = restarting.add_option("--workspace", wanted->query.workspace,
                                                "Whose log; without it the StoragePool's own");
  add_access(restarting, wanted);
  for (const char* flag : {"--service-account", "--token-file", "--ca-file", "--server-name"})
    restarting.get_option(flag)->needs(workspace);
  actions[&restarting] = [wanted](Context& context) {
    return wanted->query.workspace.empty() ? restart_own(context, *wanted)
                                           : restart_of_workspace(context, *wanted);
  };
}

}  // namespace storagepool::cli
