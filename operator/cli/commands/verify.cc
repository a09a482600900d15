#include "operator/cli/commands/verify.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdint>
#include <functional>
#include <optional>

#include "operator/cli/commands/command.h"
#include "operator/reconcile/status/conditions.h"
#include "operator/render/storage_pool.h"
#include "pool/common/json/json.h"

namespace storagepool::cli {
namespace {

using reconcile::Truth;

constexpr std::int64_t kHighestPercent = 80;
constexpr std::int64_t kOldestServer = 130000;
constexpr double kClockSeconds = 60;

struct Finding {
  Verdict verdict = Verdict::kUnknown;
  std::string reason;
};

Finding pass(std::string reason) {
  return {Verdict::kPass, std::move(reason)};
}
Finding fail(std::string reason) {
  return {Verdict::kFail, std::move(reason)};
}
Finding unknown(std::string reason) {
  return {Verdict::kUnknown, std::move(reason)};
}

// Passes where the condition has this status; fails where it has another, in its own words.
Finding by_condition(const Evidence& evidence, const char* type, Truth wanted) {
  const auto* condition = reconcile::find_condition(evidence.pool.status, type);
  if (condition == nullptr) return unknown(std::string("the status has no condition ") + type);
  if (condition->status == Truth::kUnknown) return unknown(condition->reason + ": " + condition->message);
  return condition->status == wanted ? pass(condition->reason)
                                     : fail(condition->reason + ": " + condition->message);
}

// Of each pod: empty when all is well, else what is not. One that does not answer leaves it unknown.
using OfPod =
    std::function<std::string(const reconcile::PodStatus& pod, const Samples& before, const Samples& after)>;

Finding by_pods(const Evidence& evidence, const OfPod& problem_of, const std::string& good) {
  if (!evidence.pool.status.pods || evidence.pool.status.pods->pods.empty())
    return unknown("there are no pods");
  std::string silent;
  for (const auto& pod : evidence.pool.status.pods->pods) {
    const std::string key = evidence.pool.name_space + "/" + pod.name;
    const auto before = evidence.before.find(key);
    const auto after = evidence.after.find(key);
    if (before == evidence.before.end() || after == evidence.after.end() || !before->second ||
        !after->second) {
      silent = pod.name + " does not tell its numbers";
      if (after != evidence.after.end() && !after->second) silent += ": " + after->second.error().message;
      continue;
    }
    std::string problem = problem_of(pod, *before->second, *after->second);
    if (!problem.empty()) return fail(pod.name + " " + problem);
  }
  return silent.empty() ? pass(good) : unknown(silent);
}

std::string number(double value) {
  return std::to_string(std::llround(value));
}

Finding check_ready(const Evidence& evidence) {
  return by_condition(evidence, reconcile::kReady, Truth::kTrue);
}

Finding check_replicas(const Evidence& evidence) {
  const auto replicas = json::integer_at(evidence.pool.object, "/spec/replicas", 1);
  if (replicas >= 2) return pass(std::to_string(replicas) + " pods");
  return fail("spec.replicas is " + std::to_string(replicas) +
              ": with fewer than 2 a rollout or a lost node is an outage");
}

Finding check_limits(const Evidence& evidence) {
  const auto& pods = evidence.pool.status.pods;
  if (!pods || !pods->budget.server) return unknown("the limits of the server are not known yet");
  const std::int64_t holds = pods->budget.granted + pods->budget.server->other_pools;
  const std::string sum =
      std::to_string(holds) + " may be held of " + std::to_string(pods->budget.server->usable) + " usable";
  if (holds > pods->budget.server->usable) return fail(sum);
  const auto& server = *pods->budget.server;
  const std::int64_t all = holds + server.other_workloads;
  if (all > server.server_max - server.reserved)
    return fail(std::to_string(all) + " may be held of the server's " +
                std::to_string(server.server_max - server.reserved) + ", by other workloads " +
                std::to_string(server.other_workloads));
  Finding finding = by_condition(evidence, reconcile::kBudgetExceeded, Truth::kFalse);
  if (finding.verdict == Verdict::kPass) finding.reason = sum;
  return finding;
}

// What follows `beginning`, which ends within a label's value, up to that value's end; of the first such
// sample.
std::optional<std::string> label_after(const Samples& samples, const std::string& beginning) {
  const auto found = samples.lower_bound(beginning);
  if (found == samples.end() || !found->first.starts_with(beginning)) return std::nullopt;
  const std::string rest = found->first.substr(beginning.size());
  return rest.substr(0, rest.find('"'));
}

// Empty where the setting is in force with this value.
std::string setting_problem(const Samples& samples, const settings::Setting& setting, std::int64_t wanted) {
  const std::string key(setting.key);
  const std::string value = settings::format_value(setting, wanted);
  const auto in_force = label_after(samples, "storagepool_pool_setting_info{key=\"" + key + "\",value=\"");
  if (!in_force) return "does not tell its " + key;
  return *in_force == value ? "" : "has " + key + " " + *in_force + " in force, " + value + " is granted";
}

Finding check_settings(const Evidence& evidence) {
  const auto& pods = evidence.pool.status.pods;
  const auto generation = json::integer_at(evidence.pool.object, "/metadata/generation", 0);
  if (evidence.pool.status.observed_generation < generation)
    return fail("the operator has not looked at the newest spec yet");
  if (!pods) return unknown("nothing is granted yet");
  const auto spec = render::parse_spec(evidence.pool.object);
  if (!spec) return unknown("the spec cannot be read");
  const settings::Given granted =
      settings::to_given(settings::with_limit(spec->pool, std::max<std::int64_t>(pods->budget.per_pod, 1)));
  return by_pods(
      evidence,
      [&](const reconcile::PodStatus& pod, const Samples&, const Samples& after) -> std::string {
        const std::int64_t applied = pod.numbers ? pod.numbers->applied_generation : 0;
        if (applied != pods->settings_generation)
          return "has generation " + std::to_string(applied) + " of the settings in force, " +
                 std::to_string(pods->settings_generation) + " is granted";
        const auto limit = count_of(after, "storagepool_pool_max_open");
        if (limit != pods->budget.per_pod) {
          return "has the limit " + (limit ? std::to_string(*limit) : "?") + " in force, " +
                 std::to_string(pods->budget.per_pod) + " is granted";
        }
        for (const settings::Setting& setting : settings::table()) {
          const std::string problem = setting_problem(after, setting, granted.at(std::string(setting.key)));
          if (!problem.empty()) return problem;
        }
        return "";
      },
      "generation " + std::to_string(pods->settings_generation) +
          " and each of its settings are in force on every pod");
}

Finding check_utilisation(const Evidence& evidence) {
  return by_pods(
      evidence,
      [](const reconcile::PodStatus&, const Samples&, const Samples& after) -> std::string {
        const double limit = value_of(after, "storagepool_pool_max_open").value_or(0);
        const double used = value_of(after, "storagepool_pool_in_use").value_or(0);
        if (used * 100 < limit * kHighestPercent) return "";
        return "uses " + number(used) + " of " + number(limit) +
               " connections: " + std::to_string(kHighestPercent) + " % or more";
      },
      "below " + std::to_string(kHighestPercent) + " % on every pod");
}

Finding check_waits(const Evidence& evidence) {
  return by_pods(
      evidence,
      [](const reconcile::PodStatus&, const Samples& before, const Samples& after) -> std::string {
        const char* name = "storagepool_pool_wait_count_total";
        const double more = value_of(after, name).value_or(0) - value_of(before, name).value_or(0);
        return more > 0 ? "had " + number(more) + " requests wait for a connection meanwhile" : "";
      },
      "nobody waited for a connection");
}

Finding check_tls(const Evidence& evidence) {
  const std::string secret = json::text_at(evidence.pool.object, "/spec/tls/secretRef/name");
  return secret.empty() ? fail("spec.tls.secretRef is not set: clients' tokens travel in clear text")
                        : pass("certificate in the Secret " + secret);
}

Finding check_postgres_tls(const Evidence& evidence) {
  std::string mode = json::text_at(evidence.pool.object, "/spec/postgres/sslMode");
  if (mode.empty()) mode = "require";
  if (mode.starts_with("verify-")) return pass("sslMode " + mode);
  return fail("spec.postgres.sslMode is " + mode +
              ": the server is not verified; set verify-full and caSecretRef");
}

Finding check_auth(const Evidence& evidence) {
  const std::string mode = json::text_at(evidence.pool.object, "/spec/auth/mode");
  return mode == "None" ? fail("spec.auth.mode is None: everybody reads and writes")
                        : pass("mode " + (mode.empty() ? "ServiceAccount" : mode));
}

Finding check_journal(const Evidence& evidence) {
  const auto spec = render::parse_spec(evidence.pool.object);
  if (!spec) return unknown("the spec cannot be read");
  if (spec->journal_bytes == 0)
    return fail("spec.journal.size is 0: while PostgreSQL is away events are refused");
  if (!spec->journal_is_persistent)
    return fail("spec.journal.persistence is Ephemeral: a lost node takes acknowledged events along");
  Finding durable = by_condition(evidence, reconcile::kJournalNotDurable, Truth::kFalse);
  if (durable.verdict != Verdict::kPass) return durable;
  return by_pods(
      evidence,
      [](const reconcile::PodStatus&, const Samples&, const Samples& after) -> std::string {
        const double waiting = value_of(after, "storagepool_journal_waiting_events").value_or(0);
        const double aside = value_of(after, "storagepool_journal_set_aside_units").value_or(0);
        if (waiting > 0) return "has " + number(waiting) + " events in its journal";
        if (aside > 0) return "has " + number(aside) + " units set aside";
        return value_of(after, "storagepool_journal_durable") == 0 ? "has a journal that is not durable" : "";
      },
      "durable and empty on every pod");
}

Finding check_postgres(const Evidence& evidence) {
  Finding reachable = by_condition(evidence, reconcile::kPostgresReachable, Truth::kTrue);
  const auto& facts = evidence.pool.status.server_facts;
  if (reachable.verdict != Verdict::kPass || !facts) return reachable;
  const std::int64_t version = facts->facts.server_version;
  if (version < kOldestServer)
    return fail("version " + std::to_string(version) + "; supported: PostgreSQL 13 and newer");
  if (reachable.reason == "SynchronousCommitOff")
    return fail("role, database or server have synchronous_commit off");
  return pass("reachable, version " + std::to_string(version / 10000));
}

Finding check_encoding(const Evidence& evidence) {
  return by_pods(
      evidence,
      [](const reconcile::PodStatus&, const Samples&, const Samples& after) -> std::string {
        const auto encoding = label_after(after, "storagepool_postgres_info{encoding=\"");
        if (!encoding) return "does not tell the encoding";
        return *encoding == "UTF8" ? ""
                                   : "is on a database with the encoding " + *encoding +
                                         ": it refuses events with other characters; make it with UTF8";
      },
      "UTF8");
}

// One pod looks after the partitions, and any may be the one.
Finding check_locks(const Evidence& evidence) {
  double needed = 0;
  double available = 0;
  Finding asked = by_pods(
      evidence,
      [&](const reconcile::PodStatus&, const Samples&, const Samples& after) -> std::string {
        needed = std::max(needed, value_of(after, "storagepool_postgres_locks_needed").value_or(0));
        available = std::max(available, value_of(after, "storagepool_postgres_locks_available").value_or(0));
        return "";
      },
      "");
  if (available == 0) return unknown("no pod tells that it has looked after the partitions");
  std::string sum = "a dump needs " + number(needed) + " locks of " + number(available);
  if (needed > available / 2) return fail(sum + ": raise max_locks_per_transaction");
  return asked.verdict == Verdict::kPass ? pass(std::move(sum)) : asked;
}

Finding check_clock(const Evidence& evidence) {
  return by_pods(
      evidence,
      [](const reconcile::PodStatus&, const Samples&, const Samples& after) -> std::string {
        const double offset = value_of(after, "storagepool_clock_offset_seconds").value_or(0);
        return std::abs(offset) > kClockSeconds
                   ? "has a clock that is " + number(offset) + " s behind PostgreSQL's"
                   : "";
      },
      "pods and PostgreSQL agree within a minute");
}

Finding check_invariants(const Evidence& evidence) {
  return by_pods(
      evidence,
      [](const reconcile::PodStatus&, const Samples&, const Samples& after) -> std::string {
        for (const auto& [name, value] : after) {
          if (name.starts_with("storagepool_check_violations_total") && value > 0)
            return "has found its own state impossible " + number(value) +
                   " times; see its log, and report it";
        }
        return "";
      },
      "none was violated");
}

Finding check_disruption_budget(const Evidence& evidence) {
  if (evidence.disruption_budget) return pass("there is one");
  const Failure& failure = evidence.disruption_budget.error();
  return failure.kind == FailureKind::kNotFound
             ? fail("there is no PodDisruptionBudget " + evidence.pool.name)
             : unknown(failure.message);
}

Finding check_alerts(const Evidence& evidence) {
  if (!evidence.alert_rules) {
    const Failure& failure = evidence.alert_rules.error();
    if (failure.kind != FailureKind::kNotFound) return unknown(failure.message);
    return fail(
        "this cluster knows no PrometheusRules; if alerts are kept elsewhere, leave this out by --skip "
        "alerts");
  }
  const bool ours =
      std::any_of(evidence.alert_rules->begin(), evidence.alert_rules->end(), [](const Json& rule) {
        return json::member(rule, "spec").dump().find("storagepool_") != std::string::npos;
      });
  return ours ? pass("a PrometheusRule watches storagepool_ metrics")
              : fail("no PrometheusRule watches storagepool_ metrics: set the chart's alerts on");
}

struct Named {
  const char* name;
  Finding (*check)(const Evidence&);
};
constexpr auto kChecks = std::to_array<Named>({{"ready", check_ready},
                                               {"replicas", check_replicas},
                                               {"limits", check_limits},
                                               {"settings", check_settings},
                                               {"utilisation", check_utilisation},
                                               {"waits", check_waits},
                                               {"tls", check_tls},
                                               {"postgres-tls", check_postgres_tls},
                                               {"auth", check_auth},
                                               {"journal", check_journal},
                                               {"postgres", check_postgres},
                                               {"encoding", check_encoding},
                                               {"locks", check_locks},
                                               {"clock", check_clock},
                                               {"invariants", check_invariants},
                                               {"pdb", check_disruption_budget},
                                               {"alerts", check_alerts}});

const char* word_of(Verdict verdict) {
  return verdict == Verdict::kPass ? "pass" : verdict == Verdict::kFail ? "fail" : "unknown";
}

}  // namespace

std::vector<std::string> check_names() {
  std::vector<std::string> names;
  for (const Named& named : kChecks) names.emplace_back(named.name);
  return names;
}

VerifiedPool verify(const Evidence& evidence, const std::vector<std::string>& skipped) {
  VerifiedPool verified{.title = evidence.pool.title(), .checks = {}};
  for (const Named& named : kChecks) {
    if (std::find(skipped.begin(), skipped.end(), named.name) != skipped.end()) continue;
    Finding finding = named.check(evidence);
    verified.checks.push_back({named.name, finding.verdict, std::move(finding.reason)});
  }
  return verified;
}

int exit_code_of(const std::vector<VerifiedPool>& pools) {
  int code = kGood;
  for (const VerifiedPool& pool : pools) {
    for (const Check& check : pool.checks) {
      if (check.verdict == Verdict::kFail) return kBad;
      if (check.verdict == Verdict::kUnknown) code = kError;
    }
  }
  return code;
}

Json to_json(const std::vector<VerifiedPool>& pools) {
  Json list = Json::array();
  for (const VerifiedPool& pool : pools) {
    Json checks = Json::array();
    for (const Check& check : pool.checks)
      checks.push_back({{"name", check.name}, {"result", word_of(check.verdict)}, {"reason", check.reason}});
    list.push_back({{"storagePool", pool.title}, {"checks", std::move(checks)}});
  }
  return {{"storagePools", std::move(list)}};
}

std::string to_table(const std::vector<VerifiedPool>& pools, const Paint& paint) {
  Table table;
  table.add_texts({"STORAGEPOOL", "CHECK", "RESULT", "WHY"});
  for (const VerifiedPool& pool : pools) {
    for (const Check& check : pool.checks) {
      const Color color = check.verdict == Verdict::kPass   ? Color::kGood
                          : check.verdict == Verdict::kFail ? Color::kBad
                                                            : Color::kHint;
      table.add({{pool.title}, {check.name}, {word_of(check.verdict), color}, {check.reason}});
    }
  }
  return table.text(paint);
}

}  // namespace storagepool::cli
