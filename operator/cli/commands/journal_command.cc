// `journal`: what waits in the journals of a StoragePool's pods, and what PostgreSQL refused.
#include <memory>
#include <ostream>

#include <CLI/CLI.hpp>

#include "operator/cli/cluster/admin.h"
#include "operator/cli/commands/command.h"
#include "operator/cli/commands/pools.h"
#include "operator/cli/output/progress.h"
#include "pool/common/json/json.h"

namespace storagepool::cli {
namespace {

constexpr int kMostJournalPages = 100'000;

struct JournalOptions {
  std::string name;
  std::string pod;
  std::string operator_namespace = "storagepool-system";
  std::vector<std::int64_t> sequences{};
  std::string part = "set-aside";
};

struct Pods {
  std::unique_ptr<pods::Signer> signer;
  std::string name_space;
  std::vector<std::string> names;
};

Result<Pods> pods_of(const Context& context, const JournalOptions& given) {
  const auto pools = get_pools(context, {given.name});
  if (!pools) return tl::unexpected(pools.error());
  if (pools->empty())
    return tl::unexpected(Failure{FailureKind::kNotFound, "there is no StoragePool " + given.name});
  Pods pods{.signer = {}, .name_space = pools->front().name_space, .names = {}};
  if (const auto& status = pools->front().status.pods) {
    for (const auto& pod : status->pods) {
      if (given.pod.empty() || pod.name == given.pod) pods.names.push_back(pod.name);
    }
  }
  if (pods.names.empty())
    return tl::unexpected(Failure{FailureKind::kNotFound, given.name + " has no pod " + given.pod});
  auto signer = operator_signer(*context.cluster, given.operator_namespace);
  if (!signer) return tl::unexpected(signer.error());
  pods.signer = std::move(*signer);
  return pods;
}

// All pages in one: the figures of the first, the units of all.
Result<Json> list_of(AdminPort& port) {
  Json whole;
  std::string after = "0";
  for (int page = 0; page < kMostJournalPages; ++page) {
    const auto text = port.send("GET", "/admin/journal?limit=1000&after=" + after);
    if (!text) return tl::unexpected(text.error());
    Json body = Json::parse(*text, nullptr, false);
    if (!body.is_object())
      return tl::unexpected(Failure{FailureKind::kUnreadable, "the pod's answer is no JSON"});
    const Json units = json::member(body, "units");
    if (whole.is_null()) whole = std::move(body);
    if (!units.is_array() || units.empty()) break;
    if (page > 0) whole["units"].insert(whole["units"].end(), units.begin(), units.end());
    after = std::to_string(json::integer_at(units.back(), "/sequence", 0));
  }
  whole.erase("next");
  return whole;
}

std::string table_of(const Json& report, const Paint& paint) {
  Table figures;
  figures.add_texts({"POD", "DURABLE", "EVENTS WAITING", "UNITS SET ASIDE", "EVENTS SET ASIDE"});
  Table units;
  units.add_texts({"POD", "SEQUENCE", "WORKSPACE", "EVENTS", "SET ASIDE", "REASON"});
  bool any = false;
  for (const Json& pod : report["pods"]) {
    const std::string name = json::text_at(pod, "/pod");
    const Json& journal = json::member(pod, "journal");
    const auto number = [&journal](const char* pointer) {
      return std::to_string(json::integer_at(journal, pointer, 0));
    };
    const bool durable = json::member(journal, "durable") == true;
    figures.add({{name},
                 {durable ? "yes" : "no", durable ? Color::kGood : Color::kBad},
                 {number("/waiting/events")},
                 {number("/setAside/units")},
                 {number("/setAside/events")}});
    const Json& listed = json::member(journal, "units");
    for (const Json& unit : listed.is_array() ? listed : Json::array()) {
      any = true;
      units.add_texts({name, std::to_string(json::integer_at(unit, "/sequence", 0)),
                       json::text_at(unit, "/workspace"),
                       std::to_string(json::integer_at(unit, "/events", 0)),
                       json::text_at(unit, "/setAsideAt"), json::text_at(unit, "/reason")});
    }
  }
  return figures.text(paint) + (any ? "\n" + units.text(paint) : "");
}

// Does something with each pod's port; stops at the first failure.
template <typename Each>
int with_each(Context& context, const JournalOptions& given, const std::string& what, Each each) {
  const auto pods = pods_of(context, given);
  if (!pods) return context.fail(pods.error());
  Progress progress(context.err(), context.around.err_is_terminal, what, pods->names.size());
  for (const std::string& name : pods->names) {
    auto port = AdminPort::open(*context.cluster, *pods->signer, pods->name_space, name);
    if (!port) return context.fail(port.error());
    const auto done = each(name, *port);
    if (!done) return context.fail(done.error());
    progress.step();
  }
  return kGood;
}

int list(Context& context, const JournalOptions& given) {
  Json report{{"pods", Json::array()}};
  const int code =
      with_each(context, given, "reading the journals", [&](const std::string& pod, AdminPort& port) {
        return list_of(port).map([&](Json journal) {
          report["pods"].push_back({{"pod", pod}, {"journal", std::move(journal)}});
        });
      });
  if (code == kGood)
    context.out() << formatted(context.options.format, report, table_of(report, context.paint()));
  return code;
}

int put_back(Context& context, const JournalOptions& given) {
  if (!given.sequences.empty() && given.pod.empty())
    return context.fail({FailureKind::kOther, "--sequence is of one pod's journal: name it by --pod"});
  Json change{{"action", "put-back"}, {"sequences", "all"}};
  if (!given.sequences.empty()) change["sequences"] = given.sequences;
  Json report{{"pods", Json::array()}};
  std::string text;
  const int code = with_each(context, given, "putting back", [&](const std::string& pod, AdminPort& port) {
    return port.send("POST", "/admin/journal", change.dump()).map([&](const std::string& answer) {
      const Json changed = Json::parse(answer, nullptr, false);
      report["pods"].push_back({{"pod", pod}, {"putBack", json::member(changed, "putBack")}});
      text += pod + ": " + std::to_string(json::integer_at(changed, "/putBack/units", 0)) + " units with " +
              std::to_string(json::integer_at(changed, "/putBack/events", 0)) + " events are put back\n";
    });
  });
  if (code == kGood || !text.empty()) context.out() << formatted(context.options.format, report, text);
  return code;
}

// The lines as the pod has them, a page after the other.
Result<void> export_from(AdminPort& port, const std::string& part, std::ostream& out) {
  std::string after = "0";
  for (int page = 0; page < kMostJournalPages; ++page) {
    const auto text =
        port.send("GET", "/admin/journal?format=ndjson&limit=1000&part=" + part + "&after=" + after);
    if (!text) return tl::unexpected(text.error());
    if (text->empty()) return {};
    out << *text << std::flush;
    const std::size_t end = text->find_last_not_of('\n');
    const std::size_t begin = end == std::string::npos ? end : text->rfind('\n', end);
    const Json last = Json::parse(text->substr(begin == std::string::npos ? 0 : begin + 1), nullptr, false);
    const auto sequence = json::integer_at(last.is_object() ? last : Json::object(), "/sequence");
    if (!sequence)
      return tl::unexpected(Failure{FailureKind::kUnreadable, "a line of the pod's answer has no sequence"});
    after = std::to_string(*sequence);
  }
  return {};
}

int export_all(Context& context, const JournalOptions& given) {
  return with_each(context, given, "exporting", [&](const std::string&, AdminPort& port) {
    return export_from(port, given.part, context.out());
  });
}

}  // namespace

void add_journal(CLI::App& app, Actions& actions) {
  CLI::App& journal = *app.add_subcommand(
      "journal", "Journals of the pods: what waits for PostgreSQL, and what it refused alone (set aside)");
  journal.require_subcommand(1);
  journal.fallthrough();
  const auto add = [&](const char* word, const char* help, int (*action)(Context&, const JournalOptions&))
      -> std::pair<CLI::App*, std::shared_ptr<JournalOptions>> {
    auto given = std::make_shared<JournalOptions>();
    CLI::App* command = journal.add_subcommand(word, help);
    command->add_option("NAME", given->name, "StoragePool")->required();
    command->add_option("--pod", given->pod, "One pod; without it all");
    command->add_option("--operator-namespace", given->operator_namespace, "Where the operator keeps its key")
        ->capture_default_str();
    actions[command] = [given, action](Context& context) { return action(context, *given); };
    return {command, given};
  };
  add("list", "How much waits, and the units that are set aside with their reasons", list);
  const auto [back, given_back] = add("put-back", "Has units that are set aside tried again", put_back);
  back->add_option("--sequence", given_back->sequences, "Units of one pod, as listed; without it all")
      ->delimiter(',')
      ->allow_extra_args(false);
  const auto [out, given_out] = add("export", "Writes the events as lines of JSON", export_all);
  out->add_option("--part", given_out->part, "set-aside or waiting")
      ->check(CLI::IsMember({"set-aside", "waiting"}))
      ->capture_default_str()
      ->type_name("PART");
}

}  // namespace storagepool::cli
