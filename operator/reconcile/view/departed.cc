#include "operator/reconcile/view/departed.h"

#include <algorithm>

namespace storagepool::reconcile {
namespace {

// Pods that end as they should are known to have after a report or two.
constexpr std::chrono::seconds kUsual{5};

}  // namespace

void Departed::follow(const Seen& seen, Time now) {
  if (!began_ && seen.peak_pods > 0) vanished_ = now;
  began_ = true;
  notice(seen.pods, now);
  const auto beside = std::count_if(seen.pods.begin(), seen.pods.end(),
                                    [&](const PodState& pod) { return pod.view.ordinal >= seen.replicas; });
  const std::int64_t missing = seen.peak_pods - seen.replicas - beside;
  if (missing <= 0) {
    ended_.clear();
    shown_.clear();
  }
  if (listed_ && (listed_->missing != missing || !seen.settled)) listed_.reset();
  if (missing > 0 && seen.settled && seen.listed && !listed_) listed_ = {*seen.listed, missing};
}

void Departed::notice(const std::vector<PodState>& pods, Time now) {
  std::map<std::string, Pod> there;
  for (const auto& [pod, answer, settings, leaving] : pods) {
    there.emplace(pod.uid, Pod{pod.name, pod.started, pod.ended});
    ended_.erase(pod.uid);
  }
  for (const auto& [uid, pod] : there_) {
    if (there.contains(uid)) continue;
    if (pod.ended) {
      ended_.insert(uid);
    } else {
      vanished_ = now;
    }
  }
  there_ = std::move(there);
}

void Departed::read(const std::map<std::string, std::int64_t>& sessions, Time at) {
  const auto& known = std::max(cleared_, seen_);
  if (known && at <= *known) return;
  shown_.clear();
  for (const auto& [name, count] : sessions) {
    // PostgreSQL keeps the end of a long one. What one of this name has that has not started is another's.
    const bool there = std::any_of(there_.begin(), there_.end(), [&](const auto& pod) {
      return pod.second.started && pod.second.name.ends_with(name);
    });
    if (!there && count > 0) shown_.emplace(name, count);
  }
  (shown_.empty() ? cleared_ : seen_) = at;
}

bool Departed::is_unknown_since(Time since, Time now) const {
  const bool cleared = cleared_ >= since && cleared_ > seen_;
  return !cleared && now < std::max(since, seen_.value_or(since)) + kLetGo;
}

bool Departed::has_vanished(Time now) const {
  return is_unknown_since(vanished_, now);
}

bool Departed::may_linger(Time now) const {
  if (!listed_) return false;
  const bool all_ended = std::ssize(ended_) >= listed_->missing && now >= vanished_ + kLetGo;
  return !all_ended && is_unknown_since(listed_->at, now);
}

std::string Departed::words(Time now) const {
  if (!listed_ || now < listed_->at + kUsual) return {};
  if (shown_.empty() && vanished_ == Time{}) return {};  // they were never there
  if (shown_.empty()) {
    return "pods are gone, and none that is left tells whether PostgreSQL has let go of their sessions: "
           "for " +
           std::to_string(kLetGo.count()) + " s they count";
  }
  std::string pods;
  for (const auto& [name, count] : shown_)
    pods += (pods.empty() ? "" : ", ") + name + " (" + std::to_string(count) + ")";
  return "PostgreSQL shows sessions of pods that are gone, and they count until it lets go of them: " + pods;
}

}  // namespace storagepool::reconcile
