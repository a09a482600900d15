#include <chrono>
#include <fstream>
#include <memory>
#include <ostream>
#include <set>

#include <CLI/CLI.hpp>

#include "operator/cli/commands/command.h"
#include "operator/cli/commands/gather.h"
#include "operator/cli/output/tar.h"
#include "pool/common/runtime/clock.h"

namespace storagepool::cli {
namespace {

struct GatherOptions {
  GatherInput input;
  std::string file;
};

// "storagepool-must-gather-20260131T120000Z".
std::string name_at(runtime::Timestamp now) {
  std::string time = runtime::format_seconds(now);
  std::erase_if(time, [](char c) { return c == '-' || c == ':'; });
  return "storagepool-must-gather-" + time;
}

int write(Context& context, const GatherOptions& given) {
  const Gathered gathered = gather(context, given.input);
  const auto now = runtime::wall_now();
  const std::string name = name_at(now);
  Tar tar(std::chrono::floor<std::chrono::seconds>(now).time_since_epoch().count());
  for (const GatheredFile& file : gathered.files) tar.add(name + "/" + file.name, file.contents);
  const std::string path = given.file.empty() ? name + ".tar" : given.file;
  std::ofstream stream(path, std::ios::binary | std::ios::trunc);
  stream << tar.finish();
  stream.close();
  if (!stream) return context.fail({FailureKind::kOther, path + " cannot be written"});
  std::string text = path + ": " + std::to_string(gathered.files.size()) + " files\n";
  if (!gathered.errors.empty())
    text += std::to_string(gathered.errors.size()) +
            " things could not be had; errors.txt in it says which and why\n";
  const Json report{{"file", path}, {"files", gathered.files.size()}, {"errors", gathered.errors}};
  context.out() << formatted(context.options.format, report, text);
  return gathered.errors.empty() ? kGood : kBad;
}

}  // namespace

void add_must_gather(CLI::App& app, Actions& actions) {
  auto given = std::make_shared<GatherOptions>();
  CLI::App& command = *app.add_subcommand("must-gather",
                                          "Writes objects, events, logs and metrics into a tar, without "
                                          "secrets; 1 when something could not be had");
  command.add_option("--file", given->file, "The tar; without it storagepool-must-gather-TIME.tar");
  command.add_option("--operator-namespace", given->input.operator_namespace, "Where the operator runs")
      ->capture_default_str();
  command.add_option("--log-lines", given->input.log_lines, "The last lines of each log")
      ->check(CLI::Range(std::int64_t{1}, std::int64_t{1'000'000}))
      ->capture_default_str();
  actions[&command] = [given](Context& context) { return write(context, *given); };
}

}  // namespace storagepool::cli
