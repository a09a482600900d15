#include <iostream>
#include <iterator>
#include <memory>
#include <optional>
#include <ostream>

#include <CLI/CLI.hpp>

#include "operator/cli/commands/command.h"
#include "operator/cli/commands/manifest.h"
#include "operator/cli/commands/plan.h"
#include "pool/common/runtime/files.h"

namespace storagepool::cli {
namespace {

constexpr const char* kDefaultImage = "docker.io/storagepool/storagepool:" STORAGEPOOL_VERSION;
constexpr std::int64_t kMostConnections = 1'000'000;

struct PlanOptions {
  std::string file;
  std::optional<std::int64_t> server_max{};
  std::int64_t reserved = 3;  // PostgreSQL's own default
  std::optional<std::int64_t> role_limit{};
  std::optional<std::int64_t> database_limit{};
  std::string default_image = kDefaultImage;
};

void add_options(CLI::App& command, PlanOptions& given) {
  command
      .add_option("-f,--filename", given.file, "File with StoragePools in YAML or JSON; -: standard input")
      ->required();
  auto* server_max = command.add_option("--server-max", given.server_max,
                                        "max_connections of the server: nothing is asked of a cluster then");
  server_max->check(CLI::Range(std::int64_t{1}, kMostConnections));
  const auto of_server = [&](const char* flag, auto& value, const char* help) {
    return command.add_option(flag, value, help)
        ->check(CLI::Range(std::int64_t{0}, kMostConnections))
        ->needs(server_max);
  };
  of_server("--reserved", given.reserved,
            "superuser_reserved_connections and reserved_connections of the server together")
      ->capture_default_str();
  of_server("--role-limit", given.role_limit, "CONNECTION LIMIT of the role");
  of_server("--database-limit", given.database_limit, "CONNECTION LIMIT of the database");
}

Result<std::string> read_file(const std::string& file) {
  if (file == "-") return std::string(std::istreambuf_iterator<char>(std::cin), {});
  const auto text = runtime::read_file(file, kMostManifestBytes);
  if (!text) return tl::unexpected(Failure{FailureKind::kUnreadable, text.error()});
  return *text;
}

// Where kubectl would put what names no namespace.
std::string default_namespace(const Context& context, bool offline) {
  if (!context.options.name_space.empty()) return context.options.name_space;
  if (offline) return "default";
  const auto said = context.cluster->run({"config", "view", "--minify", "-o", "jsonpath={..namespace}"});
  return said && !said->empty() ? *said : "default";
}

Result<PlanReport> plan_of(Context& context, const PlanOptions& given) {
  PlanInput input;
  const auto text = read_file(given.file);
  if (!text) return tl::unexpected(text.error());
  auto wanted = storage_pools_in(*text);
  if (!wanted)
    return tl::unexpected(Failure{wanted.error().kind, given.file + ": " + wanted.error().message});
  if (wanted->empty())
    return tl::unexpected(Failure{FailureKind::kUnreadable, given.file + ": no StoragePool is in it"});
  input.wanted = std::move(*wanted);
  const std::string name_space = default_namespace(context, given.server_max.has_value());
  for (Json& object : input.wanted) {
    if (render::identity_of(object).name_space.empty()) object["metadata"]["namespace"] = name_space;
  }
  if (given.server_max) {
    input.told.emplace();
    input.told->max_connections = *given.server_max;
    input.told->superuser_reserved_connections = given.reserved;
    input.told->role_limit = given.role_limit;
    input.told->database_limit = given.database_limit;
    return make_plan(input);
  }
  context.options.all_namespaces = true;  // whoever is on the server counts
  auto live = get_pools(context, {});
  if (!live) return tl::unexpected(live.error());
  input.live = std::move(*live);
  return make_plan(input);
}

std::string manifests(const std::vector<Json>& objects) {
  std::string text;
  for (const Json& object : objects) text += "---\n" + to_yaml(object);
  return text;
}

}  // namespace

void add_plan(CLI::App& app, Actions& actions) {
  auto given = std::make_shared<PlanOptions>();
  CLI::App& command = *app.add_subcommand(
      "plan",
      "What would happen with the StoragePools of a file, step by step; 1 unless all that they ask for fits");
  add_options(command, *given);
  actions[&command] = [given](Context& context) {
    const auto report = plan_of(context, *given);
    if (!report) return context.fail(report.error());
    context.out() << formatted(context.options.format, to_json(*report), to_table(*report, context.paint()));
    return report->fits() ? kGood : kBad;
  };
}

void add_render(CLI::App& app, Actions& actions) {
  auto given = std::make_shared<PlanOptions>();
  CLI::App& command = *app.add_subcommand(
      "render", "The objects that the operator would apply for the StoragePools of a file");
  add_options(command, *given);
  command.add_option("--default-image", given->default_image, "Image of pods whose StoragePool names none")
      ->capture_default_str();
  actions[&command] = [given](Context& context) {
    const auto report = plan_of(context, *given);
    if (!report) return context.fail(report.error());
    std::vector<Json> objects;
    for (const PlannedPool& pool : report->pools) {
      if (!pool.wanted) continue;
      for (Json& object : children_of(pool, given->default_image)) objects.push_back(std::move(object));
    }
    const Json list{{"apiVersion", "v1"}, {"kind", "List"}, {"items", objects}};
    context.out() << formatted(context.options.format, list, manifests(objects));
    return kGood;
  };
}

}  // namespace storagepool::cli
