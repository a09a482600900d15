#include "pool/recording/replay_pacing.h"

#include <algorithm>
#include <string_view>
#include <unordered_set>

namespace storagepool::recording {
namespace {

using std::chrono::nanoseconds;

constexpr int kShareOfPutOff = 4;  // of the time goes to the others for each part

}  // namespace

std::optional<ReplayPacing::TimePoint> ReplayPacing::ready_at(const Workspace& workspace,
                                                              std::int64_t waiting_units) const {
  const bool more = waiting_units > workspace.passed;
  if (!more && workspace.passed == 0) return std::nullopt;
  const TimePoint wanted = more ? TimePoint::min() : workspace.again_at;
  return std::max({wanted, workspace.backoff.until, journal_.until, not_before_});
}

ReplayPacing::Action ReplayPacing::next(Lane lane, TimePoint now,
                                        std::span<const journal::WaitingWorkspace> waiting) {
  forget_others(waiting);
  Workspace* first = nullptr;
  const journal::WaitingWorkspace* found = nullptr;
  Wait wait;
  for (const journal::WaitingWorkspace& one : waiting) {
    Workspace& workspace = workspaces_[one.workspace];
    if (workspace.taken || (workspace.backoff.failures > 0) != (lane == Lane::kFailing)) continue;
    const auto ready = ready_at(workspace, one.amount.units);
    if (!ready) continue;
    if (*ready > now) {
      wait.until = std::min(wait.until.value_or(TimePoint::max()), *ready);
    } else if (first == nullptr || workspace.turn < first->turn) {
      first = &workspace;
      found = &one;
    }
  }
  if (first == nullptr) return wait;
  if (now >= first->again_at) {
    first->position = 0;
    first->passed = 0;
    first->spent = {};
    first->again_at = TimePoint::max();
  }
  first->taken = true;
  first->turn = ++turns_;
  first->passed_before = first->passed;
  first->waiting_before = found->amount.units;
  return Take{.workspace = found->workspace,
              .max_events = first->events,
              .max_bytes = limits_.max_bytes,
              .after = first->position};
}

void ReplayPacing::forget_others(std::span<const journal::WaitingWorkspace> waiting) {
  if (workspaces_.empty()) return;
  std::unordered_set<std::string_view> names;
  for (const journal::WaitingWorkspace& one : waiting) names.insert(one.workspace);
  std::erase_if(workspaces_,
                [&](const auto& one) { return !one.second.taken && !names.contains(one.first); });
}

void ReplayPacing::put_off(const std::string& name, std::int64_t sequence, TimePoint now) {
  Workspace& workspace = workspaces_.at(name);
  workspace.position = std::max(workspace.position, sequence);
  ++workspace.passed;
  look_again(workspace, now);
}

// What waits all the same, as a unit that was put back, is found from the oldest on.
void ReplayPacing::reached_end(const std::string& name, TimePoint now) {
  Workspace& workspace = workspaces_.at(name);
  workspace.passed = std::max(workspace.passed, workspace.waiting_before);
  look_again(workspace, now);
}

void ReplayPacing::look_again(Workspace& workspace, TimePoint now) const {
  workspace.again_at = std::min(workspace.again_at, now + limits_.put_off);
}

void ReplayPacing::done(const std::string& name, TimePoint now, nanoseconds took, bool live_requests) {
  Workspace& workspace = workspaces_.at(name);
  workspace.taken = false;
  workspace.backoff = {};
  journal_ = {};
  const std::size_t most = live_requests ? limits_.max_events_beside_live : limits_.max_events;
  workspace.events = std::min({workspace.events * 2, most, limits_.max_events});
  if (workspace.passed > workspace.passed_before) {
    workspace.spent += took;
    workspace.again_at = std::max(workspace.again_at, now + workspace.spent * kShareOfPutOff);
  }
  not_before_ = live_requests ? now + took : now;
}

bool ReplayPacing::failed(const std::string& name, TimePoint now, std::mt19937_64& random) {
  Workspace& workspace = workspaces_.at(name);
  workspace.taken = false;
  workspace.events = std::max<std::size_t>(workspace.events / 2, 1);
  back_off(workspace.backoff, now, random);
  return workspace.backoff.failures == 1;
}

void ReplayPacing::journal_failed(const std::optional<std::string>& name, TimePoint now,
                                  std::mt19937_64& random) {
  back_off(journal_, now, random);
  if (name) workspaces_.at(*name).taken = false;
}

void ReplayPacing::back_off(Backoff& backoff, TimePoint now, std::mt19937_64& random) const {
  // Doubled each time, and the lower half of it is left to chance.
  constexpr int kDoublings = 20;
  const nanoseconds shortest = limits_.shortest_backoff;
  const nanoseconds longest = limits_.longest_backoff;
  const int doublings = std::min(backoff.failures, kDoublings);
  const nanoseconds full = std::min(shortest * (std::int64_t{2} << doublings), longest);
  std::uniform_int_distribution<std::int64_t> delay(std::max(full / 2, shortest).count(), full.count());
  backoff.until = now + nanoseconds(delay(random));
  ++backoff.failures;
}

void ReplayPacing::hurry() {
  not_before_ = TimePoint::min();
  journal_ = {};
  for (auto& [name, workspace] : workspaces_) {
    if (!workspace.taken) workspace.backoff = {};
  }
}

bool ReplayPacing::failing() const {
  return std::ranges::any_of(workspaces_, [](const auto& one) { return one.second.backoff.failures > 0; });
}

}  // namespace storagepool::recording
