#include "pool/common/settings/admin_wire.h"

#include <algorithm>
#include <array>
#include <utility>

#include "pool/common/settings/admin_reader.h"

namespace storagepool::settings {
namespace {

constexpr std::size_t kMaxBytes = std::size_t{64} * 1024;

constexpr std::array<std::pair<PostgresFault, std::string_view>, 11> kFaults{{
    {PostgresFault::kCredentialsMissing, "credentials_missing"},
    {PostgresFault::kCredentialsRejected, "credentials_rejected"},
    {PostgresFault::kTls, "tls"},
    {PostgresFault::kServerFull, "server_full"},
    {PostgresFault::kDatabaseMissing, "database_missing"},
    {PostgresFault::kUnreachable, "unreachable"},
    {PostgresFault::kReadOnly, "read_only"},
    {PostgresFault::kNotPermitted, "not_permitted"},
    {PostgresFault::kSchema, "schema"},
    {PostgresFault::kCommitsEarly, "commits_early"},
    {PostgresFault::kOther, "other"},
}};

std::string dump(const Json& json) {
  return json.dump(-1, ' ', false, Json::error_handler_t::replace);
}

Json settings_json(const Given& given) {
  Json json = Json::object();
  for (const Setting& setting : table()) {
    const auto entry = given.find(setting.key);
    if (entry == given.end()) continue;
    if (setting.kind == Kind::kCount) {
      json[std::string(setting.key)] = entry->second;
    } else {
      json[std::string(setting.key)] = format_value(setting, entry->second);
    }
  }
  return json;
}

std::map<std::string, std::int64_t> read_counts(Reader& reader) {
  return reader.counts();
}

Refusals read_refusals(Reader& reader) {
  return {
      .count = reader.integer("count"), .at = reader.integer_or_zero("at"), .detail = reader.text("detail")};
}

tl::expected<Json, Problems> parse_object(std::string_view text) {
  if (text.size() > kMaxBytes)
    return tl::unexpected(Problems{problem("body", "must be at most 65536 bytes")});
  Json json = Json::parse(text, nullptr, false);
  if (!json.is_object()) return tl::unexpected(Problems{problem("body", "must be a JSON object")});
  return json;
}

ServerFacts read_facts(Reader& reader) {
  ServerFacts facts;
  facts.system_identifier = reader.text("systemIdentifier");
  facts.server_version = reader.integer("serverVersion");
  facts.max_connections = reader.integer("maxConnections");
  facts.superuser_reserved_connections = reader.integer("superuserReservedConnections");
  facts.reserved_connections = reader.integer("reservedConnections");
  facts.role_limit = reader.optional_integer("roleLimit");
  facts.database_limit = reader.optional_integer("databaseLimit");
  facts.sessions = reader.integer("sessions");
  facts.other_sessions = reader.optional_integer("otherSessions");
  facts.started_at = reader.integer_or_zero("startedAt");
  facts.read_at = reader.integer_or_zero("readAt");
  return facts;
}

Json facts_json(const ServerFacts& facts) {
  Json json;
  json["systemIdentifier"] = facts.system_identifier;
  json["serverVersion"] = facts.server_version;
  json["maxConnections"] = facts.max_connections;
  json["superuserReservedConnections"] = facts.superuser_reserved_connections;
  json["reservedConnections"] = facts.reserved_connections;
  if (facts.role_limit) json["roleLimit"] = *facts.role_limit;
  if (facts.database_limit) json["databaseLimit"] = *facts.database_limit;
  json["sessions"] = facts.sessions;
  if (facts.other_sessions) json["otherSessions"] = *facts.other_sessions;
  if (facts.started_at > 0) json["startedAt"] = facts.started_at;
  if (facts.read_at > 0) json["readAt"] = facts.read_at;
  return json;
}

Json trial_json(const TrialReport& trial) {
  Json json;
  json["target"] = trial.target;
  json["admitted"] = trial.admitted;
  if (trial.facts) json["facts"] = facts_json(*trial.facts);
  json["factsAgeSeconds"] = trial.facts_age_seconds;
  if (trial.fault) json["fault"] = std::string(to_string(*trial.fault));
  json["detail"] = trial.detail;
  return json;
}

std::optional<PostgresFault> read_fault(Reader& reader) {
  const std::string fault = reader.text_or_empty("fault");
  if (fault.empty()) return std::nullopt;
  return parse_postgres_fault(fault).value_or(PostgresFault::kOther);
}

TrialReport read_trial(Reader& reader) {
  TrialReport trial;
  trial.target = reader.text_or_empty("target");
  trial.admitted = reader.boolean_or_false("admitted");
  trial.facts = reader.object_or_none("facts", read_facts);
  trial.facts_age_seconds = reader.integer_or_zero("factsAgeSeconds");
  trial.fault = read_fault(reader);
  trial.detail = reader.text_or_empty("detail");
  return trial;
}

Json journal_json(const JournalReport& journal) {
  Json json;
  json["waitingEvents"] = journal.waiting_events;
  json["waitingUnits"] = journal.waiting_units;
  json["setAsideUnits"] = journal.set_aside_units;
  json["oldestSeconds"] = journal.oldest_seconds;
  json["takesEvents"] = journal.takes_events;
  json["reason"] = journal.reason;
  return json;
}

JournalReport read_journal(Reader& reader) {
  JournalReport journal;
  journal.waiting_events = reader.integer_or_zero("waitingEvents");
  journal.waiting_units = reader.integer_or_zero("waitingUnits");
  journal.set_aside_units = reader.integer_or_zero("setAsideUnits");
  journal.oldest_seconds = reader.integer_or_zero("oldestSeconds");
  journal.takes_events = reader.boolean_or_false("takesEvents");
  journal.reason = reader.text_or_empty("reason");
  return journal;
}

LogRestart read_restart(Reader& reader) {
  return {.epoch = reader.integer("epoch", 2), .reason = reader.text("reason")};
}

LogFacts read_log(Reader& reader) {
  return {.size = reader.integer("size"),
          .floor = reader.integer_or_zero("floor"),
          .alarm = reader.text_or_empty("alarm"),
          .detail = reader.text_or_empty("detail"),
          .epoch = reader.optional_integer("epoch", 1).value_or(1),
          .vkeys = reader.texts_or_none("vkeys"),
          .signatures = reader.optional_integer("signatures")};
}

}  // namespace

std::string_view to_string(PostgresFault fault) {
  for (const auto& [candidate, text] : kFaults) {
    if (candidate == fault) return text;
  }
  return "other";
}

std::optional<PostgresFault> parse_postgres_fault(std::string_view text) {
  for (const auto& [fault, name] : kFaults) {
    if (name == text) return fault;
  }
  return std::nullopt;
}

Given known_to(const SettingsReport& report, Given settings) {
  for (const std::string& key : report.not_known) settings.erase(key);
  return settings;
}

bool has_in_force(const SettingsReport& report, const Settings& granted) {
  return report.settings == granted ||
         known_to(report, to_given(report.settings)) == known_to(report, to_given(granted));
}

std::string to_json(const SettingsChange& change) {
  Json json;
  json["generation"] = change.generation;
  json["settings"] = settings_json(change.settings);
  return dump(json);
}

std::string to_json(const LeavingChange& change) {
  return dump({{"leaving", change.leaving}});
}

std::string to_json(const SettingsReport& report) {
  Json json;
  json["appliedGeneration"] = report.applied_generation;
  json["settings"] = settings_json(known_to(report, to_given(report.settings)));
  if (!report.ignored.empty()) json["ignoredSettings"] = report.ignored;
  json["open"] = report.open;
  json["opening"] = report.opening;
  json["closing"] = report.closing;
  json["inUse"] = report.in_use;
  json["idle"] = report.idle;
  json["waiting"] = report.waiting;
  json["waitCount"] = report.wait_count;
  json["openHighWater"] = report.open_high_water;
  json["leaving"] = report.leaving;
  json["notReady"] = report.not_ready;
  if (report.journal) json["journal"] = journal_json(*report.journal);
  return dump(json);
}

std::string to_json(const FactsReport& report) {
  Json json;
  json["target"] = report.target;
  json["elsewhere"] = report.elsewhere;
  json["reachable"] = report.reachable;
  if (report.facts) json["facts"] = facts_json(*report.facts);
  json["factsAgeSeconds"] = report.facts_age_seconds;
  if (report.fault) json["fault"] = std::string(to_string(*report.fault));
  json["detail"] = report.detail;
  if (const auto& refused = report.refused)
    json["refused"] = {{"count", refused->count}, {"at", refused->at}, {"detail", refused->detail}};
  if (report.trial) json["trial"] = trial_json(*report.trial);
  if (report.mounted > 0) json["mounted"] = report.mounted;
  if (report.sessions_by_pod) json["sessionsByPod"] = *report.sessions_by_pod;
  if (const auto& log = report.log) {
    json["log"] = {{"size", log->size},     {"floor", log->floor}, {"alarm", log->alarm},
                   {"detail", log->detail}, {"epoch", log->epoch}, {"vkeys", log->vkeys}};
    if (log->signatures) json["log"]["signatures"] = *log->signatures;
  }
  if (!report.log_key_refusal.empty()) json["logKeyRefusal"] = report.log_key_refusal;
  return dump(json);
}

std::string to_json(const LogFloor& floor) {
  Json json = {{"checkpoint", floor.checkpoint}, {"grow", floor.grow}};
  if (const auto& restart = floor.restart)
    json["restart"] = {{"epoch", restart->epoch}, {"reason", restart->reason}};
  if (floor.from) json["from"] = *floor.from;
  return dump(json);
}

std::string to_json(const LogReport& report) {
  return dump({{"checkpoint", report.checkpoint}, {"vkey", report.vkey}, {"proof", report.proof}});
}

tl::expected<SettingsChange, Problems> parse_settings_change(std::string_view text) {
  const auto json = parse_object(text);
  if (!json) return tl::unexpected(json.error());
  Reader reader(*json, "");
  SettingsChange change;
  change.generation = reader.integer("generation", 1);
  change.settings = reader.settings("settings", change.ignored);
  for (const auto& [key, value] : json->items()) {
    if (key != "generation" && key != "settings") reader.append({problem(key, "there is no such key")});
  }
  if (auto problems = reader.take(); !problems.empty()) return tl::unexpected(std::move(problems));
  return change;
}

tl::expected<LeavingChange, Problems> parse_leaving_change(std::string_view text) {
  const auto json = parse_object(text);
  if (!json) return tl::unexpected(json.error());
  Reader reader(*json, "");
  const LeavingChange change{reader.boolean("leaving")};
  if (auto problems = reader.take(); !problems.empty()) return tl::unexpected(std::move(problems));
  return change;
}

tl::expected<SettingsReport, Problems> parse_settings_report(std::string_view text) {
  const auto json = parse_object(text);
  if (!json) return tl::unexpected(json.error());
  Reader reader(*json, "");
  SettingsReport report;
  report.applied_generation = reader.integer("appliedGeneration");
  Ignored of_newer_pod;
  const Given given = reader.settings("settings", of_newer_pod);
  for (const Setting& setting : table()) {
    if (!given.contains(setting.key)) report.not_known.emplace_back(setting.key);
  }
  auto settings = resolve(given);
  // Every release knows it, and what is not told must not pass for what was granted.
  if (!given.contains("maxOpenConns")) reader.append({problem("settings.maxOpenConns", "is not told")});
  if (settings) {
    report.settings = *settings;
  } else {
    reader.append(std::move(settings.error()));
  }
  report.ignored = reader.texts_or_none("ignoredSettings");
  report.open = reader.integer("open");
  report.opening = reader.integer("opening");
  report.closing = reader.integer("closing");
  report.in_use = reader.integer("inUse");
  report.idle = reader.integer("idle");
  report.waiting = reader.integer("waiting");
  report.wait_count = reader.integer("waitCount");
  report.open_high_water = reader.integer("openHighWater");
  report.leaving = reader.boolean_or_false("leaving");
  report.not_ready = reader.texts_or_none("notReady");
  report.journal = reader.object_or_none("journal", read_journal);
  if (auto problems = reader.take(); !problems.empty()) return tl::unexpected(std::move(problems));
  return report;
}

tl::expected<FactsReport, Problems> parse_facts_report(std::string_view text) {
  const auto json = parse_object(text);
  if (!json) return tl::unexpected(json.error());
  Reader reader(*json, "");
  FactsReport report;
  report.target = reader.text_or_empty("target");
  report.elsewhere = reader.integer_or_zero("elsewhere");
  report.reachable = reader.boolean("reachable");
  report.facts_age_seconds = reader.integer("factsAgeSeconds");
  report.detail = reader.text("detail");
  report.facts = reader.object_or_none("facts", read_facts);
  report.refused = reader.object_or_none("refused", read_refusals);
  report.fault = read_fault(reader);
  report.trial = reader.object_or_none("trial", read_trial);
  report.mounted = reader.integer_or_zero("mounted");
  report.sessions_by_pod = reader.object_or_none("sessionsByPod", read_counts);
  if (auto& pods = report.sessions_by_pod; pods && pods->size() > FactsReport::kMostPodsTold) pods.reset();
  report.log = reader.object_or_none("log", read_log);
  report.log_key_refusal = reader.text_or_empty("logKeyRefusal");
  if (auto problems = reader.take(); !problems.empty()) return tl::unexpected(std::move(problems));
  return report;
}

tl::expected<LogFloor, Problems> parse_log_floor(std::string_view text) {
  const auto json = parse_object(text);
  if (!json) return tl::unexpected(json.error());
  Reader reader(*json, "");
  LogFloor floor;
  floor.checkpoint = reader.text("checkpoint");
  floor.grow = reader.boolean_or_false("grow");
  floor.restart = reader.object_or_none("restart", read_restart);
  floor.from = reader.optional_integer("from", 1);
  if (auto problems = reader.take(); !problems.empty()) return tl::unexpected(std::move(problems));
  return floor;
}

tl::expected<LogReport, Problems> parse_log_report(std::string_view text) {
  const auto json = parse_object(text);
  if (!json) return tl::unexpected(json.error());
  Reader reader(*json, "");
  LogReport report;
  report.checkpoint = reader.text("checkpoint");
  report.vkey = reader.text_or_empty("vkey");
  report.proof = reader.texts_or_none("proof");
  if (auto problems = reader.take(); !problems.empty()) return tl::unexpected(std::move(problems));
  return report;
}

}  // namespace storagepool::settings
