#include "operator/cli/commands/rehearsal.h"

#include <algorithm>
#include <utility>
#include <variant>

#include "operator/reconcile/step/holding.h"

namespace storagepool::cli {
namespace {

using reconcile::Granted;
using reconcile::Observed;
using reconcile::Step;

constexpr int kMostRounds = 10'000;  // of one step each; there are far fewer

std::string counted(std::int64_t count, const std::string& noun) {
  return std::to_string(count) + " " + noun + (count == 1 ? "" : "s");
}

struct Pod {
  std::int64_t ordinal = 0;
  Granted applied;
  bool leaving = false;
};

// One actor on the stage.
class Part {
 public:
  Part(Actor actor, std::size_t number) : actor_(std::move(actor)), number_(number) {
    for (std::int64_t i = 0; i < actor_.pods; ++i)
      pods_.push_back({i, actor_.granted.value_or(Granted{}), false});
  }

  const std::string& uid() const { return actor_.account.uid; }

  void put_account(sizing::Ledger& ledger) const {
    sizing::Account account = actor_.account;
    if (!account.facts && !pods_.empty()) account.facts = actor_.told_by_pods;
    const reconcile::Holding held = reconcile::holding(objects());
    account.existing = held.existing;
    account.ceiling = held.ceiling;
    ledger.put(std::move(account));
  }

  // One step, if there is one.
  bool act(sizing::Ledger& ledger, std::vector<RehearsedStep>& steps) {
    if (actor_.rests) return rest(ledger);
    put_account(ledger);
    Observed observed = objects();
    observed.outlook = ledger.outlook(uid(), kNow);
    last_ = reconcile::next_step(actor_.desired, observed);
    std::string what;
    if (!std::visit([&](const auto& action) { return carry_out(action, ledger, what); }, last_.action))
      return false;
    listed_ = std::holds_alternative<reconcile::ListPods>(last_.action);
    put_account(ledger);
    if (what.empty()) return true;
    std::int64_t claimed = 0;
    for (const std::string& server : actor_.account.servers)
      claimed = std::max(claimed, ledger.claimed(server));
    steps.push_back({.actor = number_, .what = std::move(what), .claimed = claimed});
    return true;
  }

  Outcome outcome() const {
    const auto& blocked = last_.stalled   ? last_.stalled
                          : last_.blocked ? last_.blocked
                                          : last_.awaits_journal;
    Outcome outcome{.plan = last_.plan, .granted = actor_.granted.value_or(Granted{}), .waits = {}};
    if (actor_.workload) {
      outcome.replicas = actor_.workload->replicas;
      outcome.peak_pods = actor_.workload->peak_pods;
    }
    if (blocked) outcome.waits = blocked->reason + ": " + blocked->message;
    return outcome;
  }

 private:
  static constexpr sizing::Ledger::Now kNow{};

  bool rest(sizing::Ledger& ledger) {
    const auto held = reconcile::holding(objects());
    last_.plan = sizing::plan(actor_.desired.request, ledger.outlook(uid(), kNow), held.existing);
    return false;
  }

  Observed objects() const {
    Observed observed;
    observed.granted = actor_.granted;
    observed.workload = actor_.workload;
    observed.last_generation = actor_.last_generation;
    if (observed.workload) observed.workload->settled = true;
    observed.pods_are_live = listed_;
    for (const Pod& pod : pods_) {
      settings::SettingsReport report;
      report.applied_generation = pod.applied.generation;
      report.settings = pod.applied.settings;
      report.leaving = pod.leaving;
      report.journal = settings::JournalReport{.takes_events = true, .reason = {}};
      observed.pods.push_back({.name = name_of(pod),
                               .ordinal = pod.ordinal,
                               .started = true,
                               .ready = true,
                               .reaches_postgres = true,
                               .report = report});
    }
    return observed;
  }
  std::string name_of(const Pod& pod) const {
    return actor_.desired.name + "-" + std::to_string(pod.ordinal);
  }
  std::string names_of(const std::vector<std::size_t>& indices) const {
    std::string text;
    for (const std::size_t i : indices) text += (text.empty() ? "" : ", ") + name_of(pods_.at(i));
    return text;
  }

  bool carry_out(const reconcile::WriteGrant& write, sizing::Ledger& ledger, std::string& what) {
    const auto held = reconcile::holding(objects());
    const std::int64_t ceiling = std::max(write.granted.ceiling, held.ceiling);
    if (!ledger.raise(uid(), held.existing.peak_pods, ceiling, kNow)) return false;
    what = describe(write.granted);
    actor_.granted = write.granted;
    return true;
  }
  std::string describe(const Granted& granted) const {
    const std::int64_t limit = granted.settings.max_open_conns;
    if (!actor_.granted) return "grants " + counted(limit, "connection") + " to each pod";
    const std::int64_t before = actor_.granted->settings.max_open_conns;
    if (limit != before)
      return (limit < before ? "shrinks" : "grows") + std::string(" the limit of each pod from ") +
             std::to_string(before) + " to " + std::to_string(limit);
    if (granted.settings == actor_.granted->settings)
      return granted.ceiling < actor_.granted->ceiling ? "has all confirmed: no pod may hold more than " +
                                                             std::to_string(granted.ceiling) + " any more"
                                                       : "";
    return "changes settings of the pool: " + changes(granted);
  }
  std::string changes(const Granted& granted) const {
    const settings::Given before = settings::to_given(actor_.granted->settings);
    std::string text;
    for (const auto& [key, value] : settings::to_given(granted.settings)) {
      const settings::Setting* setting = settings::find(key);
      if (setting == nullptr || before.at(key) == value) continue;
      text += (text.empty() ? "" : ", ") + key + " " + settings::format_value(*setting, before.at(key)) +
              " to " + settings::format_value(*setting, value);
    }
    return text;
  }
  bool carry_out(const reconcile::Push& push, sizing::Ledger& /*ledger*/, std::string& what) {
    for (const std::size_t i : push.pods) pods_.at(i).applied = *actor_.granted;
    what = "waits until " + counted(static_cast<std::int64_t>(push.pods.size()), "pod") + " confirm" +
           (push.pods.size() == 1 ? "s" : "") + ": sockets within " +
           std::to_string(actor_.granted->settings.max_open_conns);
    return true;
  }
  bool carry_out(const reconcile::Tell& tell, sizing::Ledger& /*ledger*/, std::string& what) {
    what = "tells " + names_of(tell.pods) +
           (tell.leaving ? " to leave, and waits until nothing is in their journals" : " to stay");
    for (const std::size_t i : tell.pods) pods_.at(i).leaving = tell.leaving;
    return true;
  }
  bool carry_out(const reconcile::Scale& scale, sizing::Ledger& ledger, std::string& what) {
    const auto held = reconcile::holding(objects());
    if (!ledger.raise(uid(), std::max(scale.peak_pods, held.existing.peak_pods), held.ceiling, kNow))
      return false;
    const std::int64_t before = actor_.workload ? actor_.workload->replicas : 0;
    if (scale.replicas != before)
      what = "scales from " + std::to_string(before) + " to " + counted(scale.replicas, "pod");
    else if (actor_.workload && scale.peak_pods < actor_.workload->peak_pods)
      what = "has seen the pods and their sessions gone: what they might have held is free";
    const bool volumes = !actor_.workload || actor_.workload->volumes;
    actor_.workload = reconcile::Workload{.replicas = scale.replicas,
                                          .peak_pods = scale.peak_pods,
                                          .settled = true,
                                          .volumes = volumes,
                                          .partition = scale.partition,
                                          .emptied = scale.emptied};
    std::erase_if(pods_, [&](const Pod& pod) { return pod.ordinal >= scale.replicas; });
    for (auto i = static_cast<std::int64_t>(pods_.size()); i < scale.replicas; ++i)
      pods_.push_back({i, actor_.granted.value_or(Granted{}), false});
    return true;
  }
  static bool carry_out(const reconcile::DeleteClaims& /*claims*/, sizing::Ledger& /*ledger*/,
                        std::string& /*what*/) {
    return false;
  }
  bool carry_out(const reconcile::ListPods& /*list*/, sizing::Ledger& /*ledger*/,
                 std::string& /*what*/) const {
    return !listed_;
  }
  static bool carry_out(const reconcile::Wait& /*wait*/, sizing::Ledger& /*ledger*/, std::string& /*what*/) {
    return false;
  }
  static bool carry_out(const reconcile::Done& /*done*/, sizing::Ledger& /*ledger*/, std::string& /*what*/) {
    return false;
  }

  Actor actor_;
  std::size_t number_;
  std::vector<Pod> pods_;
  bool listed_ = false;
  Step last_;
};

}  // namespace

Rehearsal rehearse(std::vector<Actor> actors, const std::vector<sizing::OtherWorkload>& workloads) {
  sizing::Ledger ledger;
  ledger.put_workloads(workloads);
  std::vector<Part> parts;
  for (std::size_t i = 0; i < actors.size(); ++i) parts.emplace_back(std::move(actors[i]), i);
  for (const Part& part : parts) part.put_account(ledger);
  Rehearsal rehearsal;
  bool moved = true;
  for (int round = 0; moved && round < kMostRounds; ++round) {
    moved = false;
    for (Part& part : parts) moved |= part.act(ledger, rehearsal.steps);
  }
  for (const Part& part : parts) rehearsal.outcomes.push_back(part.outcome());
  return rehearsal;
}

}  // namespace storagepool::cli
