// What every command has: options that all of them take, where it writes, and how it reaches the cluster.
#pragma once

#include <functional>
#include <iosfwd>
#include <map>
#include <memory>
#include <string>

#include "operator/cli/cluster/cluster.h"
#include "operator/cli/cluster/kubectl.h"
#include "operator/cli/output/output.h"

namespace CLI {
class App;
}

namespace storagepool::cli {

// Exit codes. Those of a command that judges: 0 good, 1 not, 2 it could not be found out.
inline constexpr int kGood = 0;
inline constexpr int kBad = 1;
inline constexpr int kError = 2;

struct Options {
  Access access;
  std::string name_space;  // empty: that of the context
  bool all_namespaces = false;
  Format format = Format::kTable;

  // -n or -A, for kubectl.
  Words scope() const;
};

// What a program finds around it; tests make their own.
struct Surroundings {
  std::ostream& out;
  std::ostream& err;
  bool out_is_terminal = false;
  bool err_is_terminal = false;
  bool no_color = false;  // NO_COLOR is set
  std::function<std::unique_ptr<Cluster>(const Access&)> connect;
};

struct Context {
  const Surroundings& around;
  Options options;
  std::unique_ptr<Cluster> cluster;

  std::ostream& out() const { return around.out; }
  std::ostream& err() const { return around.err; }
  Paint paint() const { return Paint(around.out_is_terminal && !around.no_color); }
  // Writes why, and returns kError.
  int fail(const Failure& failure) const;
};

// By the command that was given.
using Actions = std::map<const CLI::App*, std::function<int(Context&)>>;

// Each adds a command to the command line, and what it does.
void add_status(CLI::App& app, Actions& actions);
void add_plan(CLI::App& app, Actions& actions);
void add_render(CLI::App& app, Actions& actions);
void add_verify(CLI::App& app, Actions& actions);
void add_top(CLI::App& app, Actions& actions);
void add_must_gather(CLI::App& app, Actions& actions);
void add_events(CLI::App& app, Actions& actions);
void add_events_verify(CLI::App& events, Actions& actions);
void add_journal(CLI::App& app, Actions& actions);
void add_pause(CLI::App& app, Actions& actions);
void add_completion(CLI::App& app, Actions& actions);

}  // namespace storagepool::cli
