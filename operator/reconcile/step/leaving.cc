#include "operator/reconcile/step/leaving.h"

#include <algorithm>
#include <optional>

namespace storagepool::reconcile {
namespace {

using Verdict = Departure::Verdict;

std::string counted(std::int64_t count, const char* one, const char* many) {
  return std::to_string(count) + " " + (count == 1 ? one : many);
}

// What stands against an empty journal, nothing when it is empty.
std::optional<std::string> contents(const Desired& desired, const PodObserved& pod) {
  const auto& report = pod.report;
  if (!report && pod.holds_nothing) return std::nullopt;
  if (!report) return pod.name + " does not say what its journal holds: " + pod.failure;
  const auto& journal = report->journal;
  if (!journal) {
    if (!desired.journals) return std::nullopt;
    return pod.name + " does not say what its journal holds: it has not opened one, or runs an older version";
  }
  if (journal->waiting_units > 0) {
    return pod.name + " holds " + counted(journal->waiting_events, "event", "events") +
           " that PostgreSQL has not taken";
  }
  if (journal->set_aside_units > 0) {
    return pod.name + " holds " + counted(journal->set_aside_units, "unit", "units") +
           " set aside, for a person to put back or drop";
  }
  // What a journal holds that cannot be used is not known.
  if (desired.journals && !journal->takes_events)
    return pod.name + " does not know what its journal holds: " + journal->reason;
  return std::nullopt;
}

// Nothing more comes of waiting: the pod does not answer, or has only what waits for a person.
bool waiting_is_useless(const PodObserved& pod) {
  return !pod.report || !pod.report->journal || pod.report->journal->waiting_units == 0;
}

bool only_set_aside(const PodObserved& pod) {
  const auto& report = pod.report;
  return report && report->journal && report->journal->waiting_units == 0 &&
         report->journal->set_aside_units > 0;
}

bool given_up(const Desired& desired, const std::string& pod) {
  const auto names = [&](const std::string& name) { return name == "*" || name == pod; };
  return std::any_of(desired.given_up.begin(), desired.given_up.end(), names);
}

bool has_volume(const Observed& observed, std::int64_t ordinal) {
  return std::any_of(observed.claims.begin(), observed.claims.end(),
                     [&](const ClaimObserved& claim) { return claim.ordinal == ordinal && claim.bound; });
}

Departure of_missing(const Desired& desired, const Observed& observed, std::int64_t ordinal) {
  if (!desired.journals || !has_volume(observed, ordinal)) return {Verdict::kHoldsNothing};
  const std::string name = desired.name + "-" + std::to_string(ordinal);
  const bool enough = desired.patience_over || given_up(desired, name);
  return {enough ? Verdict::kVolumeIsKept : Verdict::kWaits,
          name + " is not there, and its volume may hold events"};
}

}  // namespace

Departure departure(const Desired& desired, const Observed& observed, std::int64_t ordinal) {
  const PodObserved* pod = find_pod(observed, ordinal);
  if (pod == nullptr) return of_missing(desired, observed, ordinal);
  const bool volumes = observed.workload && observed.workload->volumes;
  if (const auto why = contents(desired, *pod)) {
    const bool enough = desired.patience_over && (desired.deleting || waiting_is_useless(*pod));
    if (given_up(desired, pod->name))
      return {volumes ? Verdict::kVolumeIsKept : Verdict::kHoldsNothing, *why};
    if (volumes && (enough || only_set_aside(*pod))) return {Verdict::kVolumeIsKept, *why};
    return {Verdict::kWaits, *why};
  }
  if (pod->report && pod->report->journal && !pod->report->leaving) {
    return {Verdict::kWaits, pod->name + " has not confirmed that it takes no more events"};
  }
  return {Verdict::kHoldsNothing};
}

std::vector<std::string> filled_journals(const Desired& desired, const Observed& observed) {
  std::vector<std::string> filled;
  for (const PodObserved& pod : observed.pods) {
    if (!given_up(desired, pod.name) && contents(desired, pod)) filled.push_back(pod.name);
  }
  return filled;
}

const PodObserved* find_pod(const Observed& observed, std::int64_t ordinal) {
  const auto found = std::find_if(observed.pods.begin(), observed.pods.end(),
                                  [&](const PodObserved& pod) { return pod.ordinal == ordinal; });
  return found == observed.pods.end() ? nullptr : &*found;
}

}  // namespace storagepool::reconcile
