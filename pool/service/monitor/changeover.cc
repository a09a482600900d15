#include "pool/service/monitor/changeover.h"

#include <algorithm>

#include "pool/service/monitor/facts.h"

namespace storagepool::service {
namespace {

bool same(const Mounted& a, const Mounted& b) {
  if (a.target != b.target || a.access.has_value() != b.access.has_value()) return false;
  return a.access ? *a.access == *b.access : a.access.error().detail == b.access.error().detail;
}

}  // namespace

void Changeover::take(Mounted mounted) {
  in_force_ = std::move(mounted);
  admitted_ = false;
  mounted_.reset();
}

bool Changeover::look(Mounted mounted, std::optional<Mounted> candidate) {
  if (!candidate) {
    candidate_.reset();
  } else if (!candidate_ || !same(candidate_->wanted, *candidate)) {
    candidate_.emplace(Trial{.wanted = std::move(*candidate)});
  }
  if (same(mounted, in_force_)) {
    mounted_.reset();
    return false;
  }
  if (!admitted_) {
    take(std::move(mounted));
    return true;
  }
  if (!mounted_ || !same(mounted_->wanted, mounted)) mounted_.emplace(Trial{.wanted = std::move(mounted)});
  return false;
}

bool Changeover::Trial::is_due(TimePoint now, bool serves) const {
  if (!wanted.access) return false;
  if (!ended) return true;
  const auto doubled = kFirstPause * (1 << std::clamp(refusals - 1, 0, 4));
  const auto pause = why ? std::min<std::chrono::seconds>(doubled, kLongestPause) : kLongestPause;
  return now - *ended >= (serves || !why ? pause : kFirstPause);
}

std::optional<Changeover::Attempt> Changeover::due(TimePoint now, bool serves) const {
  if (mounted_ && mounted_->is_due(now, serves)) return Attempt{*mounted_->wanted.access, true};
  if (candidate_ && candidate_->is_due(now, serves)) return Attempt{*candidate_->wanted.access, false};
  return std::nullopt;
}

bool Changeover::tried(TimePoint now, const Attempt& attempt, const Outcome& outcome) {
  auto& trial = attempt.replaces ? mounted_ : candidate_;
  // The files may hold something else since.
  if (!trial || !trial->wanted.access || *trial->wanted.access != attempt.access) return false;
  trial->ended = now;
  if (!outcome) {
    trial->why = outcome.error();
    ++trial->refusals;
    return false;
  }
  trial->why.reset();
  trial->refusals = 0;
  trial->facts = *outcome;
  trial->facts_at = now;
  if (!attempt.replaces) return false;
  take(std::move(trial->wanted));
  admitted_ = true;
  return true;
}

std::optional<settings::TrialReport> Changeover::report(TimePoint now) const {
  const auto& trial = mounted_ ? mounted_ : candidate_;
  if (!trial) return std::nullopt;
  settings::TrialReport report;
  report.target = settings::target_of(trial->wanted.target);
  report.admitted = trial->ended && !trial->why;
  report.facts = trial->facts;
  if (trial->facts) {
    report.facts_age_seconds = std::chrono::floor<std::chrono::seconds>(now - trial->facts_at).count();
  }
  const auto& why = trial->wanted.access ? trial->why : trial->wanted.access.error();
  if (why) {
    report.fault = to_fault(*why);
    report.detail = why->detail;
  }
  return report;
}

std::string Changeover::refusal() const {
  if (!mounted_) return {};
  if (!mounted_->wanted.access) return mounted_->wanted.access.error().detail;
  return mounted_->why ? mounted_->why->detail : "";
}

}  // namespace storagepool::service
