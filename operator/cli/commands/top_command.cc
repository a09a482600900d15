#include <chrono>
#include <map>
#include <memory>
#include <ostream>
#include <string>
#include <thread>
#include <vector>

#include <CLI/CLI.hpp>

#include "operator/cli/commands/command.h"
#include "operator/cli/commands/top.h"
#include "pool/common/runtime/clock.h"
#include "pool/common/settings/duration.h"

namespace storagepool::cli {
namespace {

struct TopOptions {
  std::vector<std::string> names;
  SortBy order = SortBy::kName;
  std::chrono::milliseconds interval{2000};
  bool once = false;
};

const std::map<std::string, SortBy>& orders() {
  static const std::map<std::string, SortBy> orders{
      {"name", SortBy::kName},       {"in-use", SortBy::kInUse}, {"open", SortBy::kOpen},
      {"waiting", SortBy::kWaiting}, {"waits", SortBy::kWaits},  {"events", SortBy::kEvents},
      {"journal", SortBy::kJournal}};
  return orders;
}

std::string check_interval(const std::string& text) {
  using namespace std::chrono_literals;
  const auto duration = settings::parse_duration(text);
  const bool fits = duration && *duration >= 1s && *duration <= 10min;
  return fits ? std::string() : "got \"" + text + "\"; allowed: a duration from 1s to 10m";
}

// Over what the terminal shows, line by line, so that nothing flickers; then what is left of it goes.
std::string redrawn(const std::string& text) {
  std::string drawn = "\033[H";
  for (const char c : text) {
    if (c == '\n') drawn += "\033[K";
    drawn += c;
  }
  return drawn + "\033[J";
}

int show(Context& context, const TopOptions& given) {
  const bool refreshes =
      context.around.out_is_terminal && !given.once && context.options.format == Format::kTable;
  PodSamples before;
  auto asked_before = runtime::steady_now();
  while (true) {
    const auto pools = get_pools(context, given.names);
    if (!pools) return context.fail(pools.error());
    PodSamples now = ask_pods(context, *pools);
    const auto asked = runtime::steady_now();
    const auto passed = std::chrono::duration_cast<std::chrono::milliseconds>(asked - asked_before);
    const auto rows = rows_of(*pools, before, now, passed, given.order);
    const std::string text =
        formatted(context.options.format, to_json(rows), to_table(rows, context.paint()));
    context.out() << (refreshes ? redrawn(text) : text) << std::flush;
    if (!refreshes) return kGood;
    before = std::move(now);
    asked_before = asked;
    std::this_thread::sleep_for(given.interval);  // until Ctrl-C
  }
}

}  // namespace

void add_top(CLI::App& app, Actions& actions) {
  auto given = std::make_shared<TopOptions>();
  CLI::App& command = *app.add_subcommand(
      "top", "What the pods' connections do now, again and again on a terminal, once elsewhere");
  command.add_option("NAME", given->names, "StoragePools; without a name all of the namespace");
  command.add_option("--sort", given->order, "name, in-use, open, waiting, waits, events or journal")
      ->transform(CLI::CheckedTransformer(orders()))
      ->type_name("COLUMN");
  command
      .add_option_function<std::string>(
          "--interval",
          [given](const std::string& text) {
            given->interval = settings::parse_duration(text).value_or(given->interval);
          },
          "Time between two looks (2s)")
      ->check(check_interval);
  command.add_flag("--once", given->once, "One look, also on a terminal");
  actions[&command] = [given](Context& context) { return show(context, *given); };
}

}  // namespace storagepool::cli
