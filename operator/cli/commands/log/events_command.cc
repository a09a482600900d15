// `events`: audit events of a StoragePool, through its Service and with a token of a service account.
#include <memory>
#include <optional>
#include <ostream>
#include <string>
#include <utility>
#include <vector>

#include <CLI/CLI.hpp>

#include "operator/cli/commands/log/anchoring.h"
#include "operator/cli/commands/log/events_api.h"
#include "operator/cli/commands/log/proofs.h"
#include "operator/cli/output/progress.h"
#include "pool/common/json/json.h"

namespace storagepool::cli {
namespace {

constexpr int kMostPages = 1'000'000;

std::vector<Json> data_of(const Json& page) {
  const Json& data = json::member(page, "data");
  return data.is_array() ? data.get<std::vector<Json>>() : std::vector<Json>{};
}

int query(Context& context, const Given& given) {
  auto api = Api::open(context, given);
  if (!api) return context.fail(api.error());
  const auto page = api->page({});
  if (!page) return context.fail(page.error());
  context.out() << formatted(context.options.format, *page,
                             event_table(data_of(*page), context.paint(), true));
  return kGood;
}

// Lines with their proofs, and a last one that says how many there are.
class ProvenExport {
 public:
  ProvenExport(Api& api, const std::string& workspace) : api_(api), workspace_(workspace) {
    if (!workspace.empty()) anchoring_.emplace(api, workspace);
  }

  Result<std::string> line(std::string item, const std::string& event_id) {
    ++events_;
    std::string why;
    const auto proof = api_.proof(workspace_, event_id, why);
    if (!proof) return tl::unexpected(proof.error());
    if (proof->empty()) {
      if (first_without_.empty()) first_without_ = event_id + ": " + why;
      return item;
    }
    ++proven_;
    if (anchoring_) anchoring_->saw(item, *proof);
    return proven_line(std::move(item), *proof);
  }
  // With what shows that the database's own log tells of that of the workspace, or `why` not.
  std::string last(std::string& why) {
    std::string lines;
    if (anchoring_ && proven_ > 0) {
      const auto anchor = anchoring_->line();
      if (anchor) lines = *anchor + "\n";
      if (!anchor) why = "nothing shows that the database's own log tells of this one: " + anchor.error();
    }
    return lines + last_line(events_, proven_);
  }
  // For people; empty: all have one.
  std::string without() const {
    if (proven_ == events_) return {};
    return std::to_string(events_ - proven_) + " of " + std::to_string(events_) +
           " events have no proof, the first " + first_without_;
  }

 private:
  Api& api_;
  const std::string workspace_;
  std::optional<Anchoring> anchoring_;
  std::int64_t events_ = 0;
  std::int64_t proven_ = 0;
  std::string first_without_;
};

int export_all(Context& context, const Given& given) {
  auto api = Api::open(context, given);
  if (!api) return context.fail(api.error());
  ProvenExport proven(*api, given.query.workspace);
  const Progress progress(context.err(), context.around.err_is_terminal, "exporting the events");
  std::vector<std::pair<std::string, std::string>> more;
  for (int count = 0; count < kMostPages && context.out().good(); ++count) {
    const auto body = api->read(path_of(given.query, more));
    if (!body) return context.fail(body.error());
    auto page = read_page(*body);
    if (!page) return context.fail({FailureKind::kUnreadable, page.error()});
    for (std::size_t i = 0; i < page->items.size() && context.out().good(); ++i) {
      Result<std::string> line = std::move(page->items[i]);
      if (given.proofs) line = proven.line(std::move(*line), page->event_ids[i]);
      if (!line) return context.fail(line.error());
      context.out() << *line << "\n";
    }
    context.out() << std::flush;
    if (page->next.empty()) {
      std::string unanchored;
      if (given.proofs) context.out() << proven.last(unanchored) << std::endl;
      for (const std::string& words : {proven.without(), unanchored})
        if (!words.empty()) context.err() << words << "\n";
      return context.out().good() ? kGood : kError;
    }
    more = {{"cursor", page->next}};
  }
  return context.fail({FailureKind::kOther, "the events cannot be written"});
}

// As the API tells it: whoever wants to trust it gets it by a second way too.
int tell_key(Context& context, const Given& given) {
  auto api = Api::open(context, given);
  if (!api) return context.fail(api.error());
  const auto body = api->read(base_of(given.query.workspace) + "/log/status");
  if (!body) return context.fail(body.error());
  const Json status = Json::parse(*body, nullptr, false);
  if (json::text_at(status, "/vkeys/0").empty())
    return context.fail({FailureKind::kUnreadable, "the answer has no key"});
  for (const Json& key : json::at(status, "/vkeys")) context.out() << key.get<std::string>() << "\n";
  return kGood;
}

void add_workspace(CLI::App& command, const std::shared_ptr<Given>& given) {
  command.add_option("--workspace", given->query.workspace, "Without it the system database");
}

void add_filters(CLI::App& command, const std::shared_ptr<Given>& given) {
  // A flag that is given several times asks by the plural.
  const auto filter = [&](const char* flag, const std::string& key, const std::string& plural,
                          const std::string& help) {
    command
        .add_option_function<std::vector<std::string>>(
            flag,
            [given, flag, key, plural](const std::vector<std::string>& values) {
              std::string joined;
              for (const std::string& value : values) {
                if (values.size() > 1 && value.find(',') != std::string::npos)
                  throw CLI::ValidationError(flag, "got " + value + " as one of several; allowed: no comma");
                joined += (joined.empty() ? "" : ",") + value;
              }
              given->query.filters.emplace_back(values.size() == 1 ? key : plural, joined);
            },
            help)
        ->allow_extra_args(false);
  };
  filter("--type", "event_type", "event_types", "event_type; it and the next ones as often as wanted");
  filter("--category", "event_category", "event_categories", "event_category");
  filter("--action", "event_action", "event_actions", "event_action");
  filter("--outcome", "event_outcome", "event_outcomes", "success, failure or pending");
  filter("--severity", "severity", "severities", "severity");
  filter("--correlation-id", "correlation_id", "correlation_ids", "correlation_id");
  filter("--actor-id", "actor_id", "actor_ids", "actor_id");
  filter("--actor-type", "actor_type", "actor_types", "actor_type");
  filter("--resource-id", "resource_id", "resource_ids", "resource_id");
  filter("--resource-type", "resource_type", "resource_types", "resource_type");
  filter("--event-namespace", "namespace", "namespaces", "namespace of the event");
  filter("--cluster-id", "cluster_id", "cluster_ids", "cluster_id");
  filter("--error-code", "error_code", "error_codes", "error_code");
  filter("--principal", "principal", "principals", "Who sent it, by the token");
  const auto bound = [&](const char* flag, const std::string& key, const char* help) {
    command.add_option_function<std::string>(
        flag, [given, key](const std::string& value) { given->query.filters.emplace_back(key, value); },
        help);
  };
  bound("--since", "since", "A time (RFC 3339), or how long ago: 30m, 24h, 7d");
  bound("--until", "until", "Likewise");
  bound("--received-since", "received_since", "Likewise, of when it was received");
  bound("--received-until", "received_until", "Likewise");
  add_workspace(command, given);
  command.add_option("--limit", given->query.limit, "Events of one page")
      ->check(CLI::Range(std::int64_t{1}, kMostAtOnce))
      ->capture_default_str();
}

}  // namespace

void add_events(CLI::App& app, Actions& actions) {
  CLI::App& events = *app.add_subcommand("events", "Audit events of a StoragePool, the newest first");
  events.require_subcommand(1);
  events.fallthrough();
  const auto add = [&](const char* word, const char* help, int (*action)(Context&, const Given&)) {
    auto given = std::make_shared<Given>();
    CLI::App& command = *events.add_subcommand(word, help);
    command.add_option("NAME", given->name, "StoragePool")->required();
    add_access(command, given);
    actions[&command] = [given, action](Context& context) { return action(context, *given); };
    return std::make_pair(&command, given);
  };
  const auto add_query = [&](const char* word, const char* help, std::int64_t limit,
                             int (*action)(Context&, const Given&)) {
    auto [command, given] = add(word, help, action);
    given->query.limit = limit;
    add_filters(*command, given);
    return std::make_pair(command, given);
  };
  add_query("query", "One page", 50, query);
  auto [following, followed] =
      add_query("follow", "The last ones, and then new ones as they come", 50, follow);
  following->add_option("--from", followed->from,
                        "Cursor to go on with: the last `bookmark`, or what an error named");
  auto [exporting, exported] = add_query("export", "All, as lines of JSON", kMostAtOnce, export_all);
  exporting->add_flag("--proofs", exported->proofs,
                      "With the proof that the log has it in each line, for `events verify`");
  auto [telling, told] = add("key", "The keys that verify its log's proofs, as the API tells them", tell_key);
  add_workspace(*telling, told);
  add_events_verify(events, actions);
}

}  // namespace storagepool::cli
