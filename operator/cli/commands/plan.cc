#include "operator/cli/commands/plan.h"

#include <algorithm>
#include <limits>
#include <map>
#include <utility>

#include "operator/kube/object.h"
#include "operator/reconcile/account.h"
#include "operator/render/render.h"
#include "pool/common/json/json.h"

namespace storagepool::cli {
namespace {

constexpr sizing::KnownFacts::Time kNow{};

std::string join(const render::FieldProblems& problems) {
  std::string text;
  for (const std::string& problem : problems) text += (text.empty() ? "" : "; ") + problem;
  return text;
}

const Pool* find_live(const PlanInput& input, const render::Identity& identity) {
  const auto found = std::find_if(input.live.begin(), input.live.end(), [&](const Pool& pool) {
    return pool.name == identity.name && pool.name_space == identity.name_space;
  });
  return found == input.live.end() ? nullptr : &*found;
}

bool same_server(const Actor& a, const Actor& b) {
  if (a.account.servers == b.account.servers) return true;
  return a.account.facts && b.account.facts && !a.account.facts->facts.system_identifier.empty() &&
         a.account.facts->facts.system_identifier == b.account.facts->facts.system_identifier;
}

// What is granted and runs, as the status tells it.
void take_existing(const Pool& live, const render::Spec& spec, Actor& actor) {
  const auto& pods = live.status.pods;
  if (!pods || pods->budget.peak_pods <= 0 || pods->budget.per_pod <= 0) return;
  const auto before = render::parse_spec(live.object);
  actor.last_generation = pods->settings_generation;
  actor.granted = reconcile::Granted{
      .generation = pods->settings_generation,
      .settings = settings::with_limit(before ? before->pool : spec.pool, pods->budget.per_pod),
      .ceiling = std::max(pods->budget.granted / pods->budget.peak_pods, pods->budget.per_pod),
      .postgres = spec.postgres};
  actor.workload = reconcile::Workload{.replicas = pods->replicas,
                                       .peak_pods = pods->budget.peak_pods,
                                       .settled = true,
                                       .volumes = render::wants_volumes(spec)};
  actor.pods = pods->replicas;
}

Actor actor_of(const PlannedPool& pool, const Pool* live, const PlanInput& input) {
  const render::Spec& spec = pool.spec;
  Actor actor;
  sizing::Account& account = actor.account;
  account.uid = live != nullptr ? json::text_at(live->object, "/metadata/uid") : "";
  if (account.uid.empty()) account.uid = pool.title();
  account.created =
      live != nullptr ? kube::created_at(live->object) : std::numeric_limits<std::int64_t>::max();
  account.servers = {reconcile::server_name(spec.postgres, pool.identity)};
  account.database = spec.postgres.database;
  account.role = pool.identity.name_space + "/" + spec.credentials_secret;
  account.request = spec.sizing;
  if (live != nullptr) {
    account.facts = reconcile::known_facts(live->status, settings::target_of(spec.postgres), kNow);
    take_existing(*live, spec, actor);
  }
  if (input.told) actor.told_by_pods = sizing::KnownFacts{.facts = *input.told, .read = kNow};
  actor.desired = {.request = spec.sizing,
                   .asked = spec.pool,
                   .postgres = spec.postgres,
                   .deleting = live != nullptr && kube::is_deleting(live->object),
                   .name = pool.identity.name,
                   .journals = spec.journal_bytes > 0};
  if (actor.desired.deleting) account.request.reset();
  actor.rests = spec.sizing.paused && !actor.desired.deleting;
  return actor;
}

// On each server, as the statuses of the StoragePools there have it: all of them tell the same.
std::vector<sizing::OtherWorkload> other_workloads(const PlanInput& input) {
  std::map<std::string, std::int64_t> most;
  std::map<std::string, std::string> name_by_identifier;
  for (const Pool& live : input.live) {
    const auto spec = render::parse_spec(live.object);
    const auto& pods = live.status.pods;
    if (!spec || !pods || !pods->budget.server) continue;
    std::string server = reconcile::server_name(spec->postgres, render::identity_of(live.object));
    const auto& facts = live.status.server_facts;
    if (facts && !facts->facts.system_identifier.empty())
      server = name_by_identifier.emplace(facts->facts.system_identifier, server).first->second;
    most[server] = std::max(most[server], pods->budget.server->other_workloads);
  }
  std::vector<sizing::OtherWorkload> workloads;
  for (const auto& [server, connections] : most) {
    if (connections > 0) workloads.push_back({.server = server, .pods = 0, .connections = connections});
  }
  return workloads;
}

PlannedPool planned(const render::Identity& identity, render::Spec spec, const Pool* live, bool wanted) {
  PlannedPool pool{
      .identity = identity, .spec = std::move(spec), .wanted = wanted, .server = {}, .outcome = {}};
  pool.server = settings::server_of(pool.spec.postgres);
  if (live != nullptr && live->status.pods) {
    pool.replicas_before = live->status.pods->replicas;
    pool.per_pod_before = live->status.pods->budget.per_pod;
  }
  return pool;
}

void note_move(const PlannedPool& pool, const Pool* live, PlanReport& report) {
  if (live == nullptr || !live->status.server_facts) return;
  const std::string& target = live->status.server_facts->target;
  if (target.substr(0, target.find('/')) == pool.server) return;
  report.notes.push_back(
      pool.title() + " moves from " + target.substr(0, target.find('/')) + " to " + pool.server +
      ": the steps are as if it were there; the move itself takes place live, once a pod was "
      "admitted there");
}

std::string per_pod_text(const PlannedPool& pool) {
  const std::int64_t replicas = pool.outcome.replicas;
  return std::to_string(replicas) + (replicas == 1 ? " pod with " : " pods with ") +
         std::to_string(pool.outcome.granted.settings.max_open_conns) + " connections each";
}

std::int64_t usable_of(const PlannedPool& pool) {
  return pool.outcome.plan.budget ? pool.outcome.plan.budget->usable : 0;
}

}  // namespace

bool PlanReport::fits() const {
  return std::all_of(pools.begin(), pools.end(), [](const PlannedPool& pool) {
    return !pool.wanted || pool.outcome.plan.shortage == sizing::Shortage::kNone;
  });
}

Result<PlanReport> make_plan(const PlanInput& input) {
  PlanReport report;
  std::vector<Actor> actors;
  const auto add = [&](PlannedPool pool, const Pool* live) {
    actors.push_back(actor_of(pool, live, input));
    report.pools.push_back(std::move(pool));
  };
  for (const Json& object : input.wanted) {
    const render::Identity identity = render::identity_of(object);
    const Pool* live = find_live(input, identity);
    auto spec = render::parse_spec(object);
    if (!spec)
      return tl::unexpected(Failure{FailureKind::kUnreadable,
                                    identity.name_space + "/" + identity.name + ": " + join(spec.error())});
    add(planned(identity, std::move(*spec), live, true), live);
    note_move(report.pools.back(), live, report);
  }
  const std::size_t wanted = actors.size();
  for (const Pool& live : input.live) {
    const render::Identity identity = render::identity_of(live.object);
    const bool known = std::any_of(report.pools.begin(), report.pools.end(), [&](const PlannedPool& pool) {
      return pool.identity.name == identity.name && pool.identity.name_space == identity.name_space;
    });
    if (known) continue;
    auto spec = render::parse_spec(live.object);
    if (!spec) {
      report.notes.push_back(live.title() +
                             " has a spec that cannot be read, and is not counted: " + join(spec.error()));
      continue;
    }
    PlannedPool pool = planned(identity, std::move(*spec), &live, false);
    const Actor actor = actor_of(pool, &live, input);
    const auto end = actors.begin() + static_cast<std::ptrdiff_t>(wanted);
    if (std::any_of(actors.begin(), end, [&](const Actor& other) { return same_server(actor, other); }))
      add(std::move(pool), &live);
  }
  Rehearsal rehearsal = rehearse(std::move(actors), other_workloads(input));
  report.steps = std::move(rehearsal.steps);
  for (std::size_t i = 0; i < report.pools.size(); ++i)
    report.pools[i].outcome = std::move(rehearsal.outcomes[i]);
  return report;
}

Json to_json(const PlanReport& report) {
  Json pools = Json::array();
  for (const PlannedPool& pool : report.pools) {
    const sizing::Plan& plan = pool.outcome.plan;
    Json json{
        {"namespace", pool.identity.name_space},
        {"name", pool.identity.name},
        {"inFile", pool.wanted},
        {"server", pool.server},
        {"before", {{"replicas", pool.replicas_before}, {"perPod", pool.per_pod_before}}},
        {"after",
         {{"replicas", pool.outcome.replicas}, {"perPod", pool.outcome.granted.settings.max_open_conns}}},
        {"reason", sizing::to_string(plan.shortage)},
        {"message", plan.message},
        {"waits", pool.outcome.waits}};
    if (plan.budget)
      json["limits"] = {{"maxConnections", plan.budget->server_max},
                        {"reserved", plan.budget->reserved},
                        {"usable", plan.budget->usable}};
    pools.push_back(std::move(json));
  }
  Json steps = Json::array();
  for (const RehearsedStep& step : report.steps)
    steps.push_back({{"storagePool", report.pools.at(step.actor).title()},
                     {"what", step.what},
                     {"mayHold", step.claimed}});
  return {{"fits", report.fits()},
          {"storagePools", std::move(pools)},
          {"steps", std::move(steps)},
          {"notes", report.notes}};
}

std::string to_table(const PlanReport& report, const Paint& paint) {
  Table table;
  if (!report.steps.empty()) table.add_texts({"STEP", "STORAGEPOOL", "THE OPERATOR", "ALL MAY HOLD"});
  std::size_t number = 0;
  for (const RehearsedStep& step : report.steps) {
    const PlannedPool& pool = report.pools.at(step.actor);
    const std::int64_t usable = usable_of(pool);
    table.add({{std::to_string(++number)},
               {pool.title()},
               {step.what},
               {std::to_string(step.claimed) + (usable > 0 ? " of " + std::to_string(usable) : "")}});
  }
  std::string text = table.text(paint);
  if (report.steps.empty()) text = "Nothing changes.\n";
  for (const PlannedPool& pool : report.pools) {
    const bool all = pool.outcome.plan.shortage == sizing::Shortage::kNone;
    text += "\n" + pool.title() + ": " + per_pod_text(pool) + ", " +
            paint(all ? Color::kGood : Color::kBad, sizing::to_string(pool.outcome.plan.shortage)) + "\n  " +
            pool.outcome.plan.message + "\n";
    if (!pool.outcome.waits.empty()) text += "  " + pool.outcome.waits + "\n";
  }
  for (const std::string& note : report.notes) text += "\n" + note + "\n";
  return text;
}

std::vector<Json> children_of(const PlannedPool& pool, const std::string& default_image) {
  const reconcile::Granted& granted = pool.outcome.granted;
  const bool volumes = render::wants_volumes(pool.spec);
  return {render::service_account(pool.identity),
          render::config_map(pool.identity, {.generation = granted.generation,
                                             .settings = granted.settings,
                                             .ceiling = granted.ceiling,
                                             .postgres = pool.spec.postgres}),
          render::service(pool.identity, pool.spec),
          render::pods_service(pool.identity),
          render::stateful_set(pool.identity, pool.spec,
                               {.replicas = pool.outcome.replicas,
                                .peak_pods = pool.outcome.peak_pods,
                                .default_image = default_image,
                                .volumes = volumes}),
          render::pod_disruption_budget(pool.identity, true)};
}

}  // namespace storagepool::cli
