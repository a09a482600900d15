#include "operator/pods/schedule.h"

#include <algorithm>
#include <utility>

namespace storagepool::pods {
namespace {

using std::chrono::milliseconds;

// Ahead of all that is merely due.
constexpr Schedule::TimePoint kAtOnce = Schedule::TimePoint::min();
constexpr std::array<std::size_t, 2> kPlaces{kAnsweringAtOnce, kOthersAtOnce};

milliseconds back_off(int attempts) {
  const int doublings = std::min(attempts - 1, 6);  // 500 ms doubled 6 times is beyond 30 s
  return std::min<milliseconds>(kBackoffBase * (1LL << doublings), kBackoffMax);
}

void cut(std::string& text) {
  if (text.size() <= kMaxTextBytes) return;
  text.resize(kMaxTextBytes);
  text.shrink_to_fit();
}

// What is kept of an answer is bounded, whatever a pod says.
void trim(Answer& answer) {
  cut(answer.failure);
  if (auto& report = answer.report) {
    report->not_ready.clear();
    report->ignored.clear();
    if (report->journal) cut(report->journal->reason);
  }
  if (auto& facts = answer.facts) {
    cut(facts->target);
    cut(facts->detail);
    cut(facts->log_key_refusal);
    if (auto& refused = facts->refused) cut(refused->detail);
    if (facts->facts) cut(facts->facts->system_identifier);
    if (auto& log = facts->log) {
      cut(log->alarm);
      cut(log->detail);
      if (log->vkeys.size() > settings::LogFacts::kMostVkeys) log->vkeys.clear();
      for (std::string& vkey : log->vkeys) cut(vkey);
    }
    if (auto& trial = facts->trial) {
      cut(trial->target);
      cut(trial->detail);
      if (trial->facts) cut(trial->facts->system_identifier);
    }
  }
}

// An answer without what changes by itself and decides nothing.
Answer essence(Answer answer) {
  if (auto& report = answer.report) {
    const bool within = report->sockets() <= report->settings.max_open_conns;
    settings::SettingsReport kept;
    kept.applied_generation = report->applied_generation;
    kept.settings = report->settings;
    kept.not_known = std::move(report->not_known);
    kept.open = within ? 0 : 1;
    kept.leaving = report->leaving;
    kept.journal = std::move(report->journal);
    if (auto& journal = kept.journal) {
      journal->waiting_events = 0;
      journal->waiting_units = std::min<std::int64_t>(journal->waiting_units, 1);
      journal->oldest_seconds = 0;
    }
    *report = std::move(kept);
  }
  if (auto& facts = answer.facts) {
    facts->elsewhere = std::min<std::int64_t>(facts->elsewhere, 1);
    facts->facts_age_seconds = 0;
    if (auto& sessions = facts->sessions_by_pod) {
      for (auto& [pod, count] : *sessions) count = std::min<std::int64_t>(count, 1);
    }
    if (auto& refused = facts->refused) refused->count = refused->at = 0;
    if (facts->facts) facts->facts->forget_moment();
    if (auto& log = facts->log) {
      log->size = log->floor = 0;
      log->signatures.reset();
    }
    if (auto& trial = facts->trial) {
      trial->facts_age_seconds = 0;
      if (trial->facts) trial->facts->forget_moment();
    }
  }
  answer.asked = {};
  return answer;
}

bool is_silent(const Answer& answer) {
  return answer.outcome != Outcome::kNotAsked && !answer.report;
}

}  // namespace

void Schedule::follow(const kube::ObjectKey& storage_pool, const WantedPods& wanted, TimePoint now) {
  StoragePool& known = storage_pools_[storage_pool];
  std::map<std::string, std::uint64_t> before = std::exchange(known.pods, {});
  for (const WantedPod& next : wanted) {
    const auto found = before.find(next.run.uid);
    if (found == before.end() || pods_.at(found->second).wanted.run != next.run) {
      known.pods.emplace(next.run.uid, add(storage_pool, next, now));
      continue;
    }
    const std::uint64_t id = found->second;
    update(pods_.at(id), id, next);
    known.pods.emplace(next.run.uid, id);
    before.erase(found);
  }
  for (const auto& [uid, id] : before) forget(id);
  if (known.pods.empty()) storage_pools_.erase(storage_pool);
}

std::uint64_t Schedule::add(const kube::ObjectKey& storage_pool, const WantedPod& wanted, TimePoint now) {
  const std::uint64_t id = ++last_id_;
  Pod& pod = pods_[id];
  pod.storage_pool = storage_pool;
  pod.wanted = wanted;
  pod.answer.failure = wanted.run.ip.empty() ? "it has no address yet" : "it has not been asked yet";
  ask_at(pod, id, now);
  return id;
}

void Schedule::update(Pod& pod, std::uint64_t id, const WantedPod& wanted) {
  const bool leaving_changed = pod.wanted.leaving != wanted.leaving;
  const bool at_once = leaving_changed || (wanted.settings && pod.wanted.settings != wanted.settings) ||
                       pod.wanted.ready != wanted.ready;
  const bool sooner = wanted.period < pod.wanted.period && pod.queued && pod.failures == 0;
  pod.wanted = wanted;
  if (sooner) ask_at(pod, id, std::min(pod.queued->second, pod.ended + wanted.period));
  if (leaving_changed) {
    pod.superseded = pod.under_way;
    if (wanted.leaving == false && pod.answer.report) pod.answer.report->leaving = false;
  }
  if (at_once) ask_at(pod, id, kAtOnce);
}

void Schedule::forget(std::uint64_t id) {
  Pod& pod = pods_.at(id);
  take_out(pod, id);
  if (is_silent(pod.answer)) --silent_;
  pods_.erase(id);
  forgotten_.push_back(id);
}

void Schedule::take_out(Pod& pod, std::uint64_t id) {
  if (!pod.queued) return;
  queues_.at(pod.queued->first).erase({pod.queued->second, id});
  pod.queued.reset();
}

void Schedule::ask_at(Pod& pod, std::uint64_t id, TimePoint due) {
  if (pod.wanted.run.ip.empty()) return;
  if (pod.under_way) {
    pod.again = true;
    return;
  }
  take_out(pod, id);
  const Kind kind = pod.answer.report && pod.failures == 0 ? kAnswering : kOther;
  pod.queued = {kind, due};
  queues_.at(kind).emplace(due, id);
}

std::vector<Task> Schedule::take(TimePoint now) {
  std::vector<Task> tasks;
  for (const Kind kind : {kAnswering, kOther}) {
    auto& queue = queues_.at(kind);
    while (at_work_.at(kind) < kPlaces.at(kind) && !queue.empty() && queue.begin()->first <= now) {
      const std::uint64_t id = queue.begin()->second;
      Pod& pod = pods_.at(id);
      take_out(pod, id);
      under_way_.emplace(id, kind);
      ++at_work_.at(kind);
      tasks.push_back(begin(pod, id, now));
    }
  }
  return tasks;
}

Task Schedule::begin(Pod& pod, std::uint64_t id, TimePoint now) {
  pod.under_way = true;
  pod.begun = now;
  Task task{.id = id, .storage_pool = pod.storage_pool, .uid = pod.wanted.run.uid, .ip = pod.wanted.run.ip};
  task.leaving = pod.wanted.leaving;
  const auto& report = pod.answer.report;
  if (pod.wanted.settings && report) {
    task.settings = pod.wanted.settings;
    task.settings->settings = settings::known_to(*report, std::move(task.settings->settings));
  }
  return task;
}

Schedule::Finished Schedule::finished(std::uint64_t id, Answer answer, TimePoint now) {
  const auto place = under_way_.find(id);
  --at_work_.at(place->second);
  under_way_.erase(place);
  const auto found = pods_.find(id);
  if (found == pods_.end()) return {};  // forgotten meanwhile
  Pod& pod = found->second;
  Finished finished;
  if (pod.answer.report && answer.report) {
    finished.age = std::chrono::duration_cast<milliseconds>(now - pod.answer.asked);
  }
  pod.under_way = false;
  pod.ended = now;
  if (pod.superseded && answer.report) answer.report->leaving = false;
  answer.asked = pod.begun;
  trim(answer);
  const Answer before = essence(pod.answer);
  const bool was_silent = is_silent(pod.answer);
  const milliseconds delay = jittered(take_answer(pod, std::move(answer)));
  silent_ += static_cast<std::size_t>(is_silent(pod.answer)) - static_cast<std::size_t>(was_silent);
  const bool again = std::exchange(pod.again, false);
  ask_at(pod, id, again ? kAtOnce : now + delay);
  finished.next = again ? milliseconds(0) : delay;
  if (essence(pod.answer) != before) {
    finished.changed = pod.storage_pool;
    storage_pools_.at(pod.storage_pool).version = ++last_version_;
  }
  return finished;
}

// How long until the pod is asked again.
milliseconds Schedule::take_answer(Pod& pod, Answer answer) {
  const milliseconds period = pod.wanted.period;
  if (!answer.report) {
    pod.superseded = false;
    ++pod.failures;
    if (pod.failures >= kSilentAfter || !pod.answer.report) pod.answer = std::move(answer);
    return back_off(pod.failures);
  }
  pod.failures = 0;
  const bool facts_lost = !answer.facts && pod.answer.facts;
  if (facts_lost && !std::exchange(pod.facts_lost, true)) {
    pod.superseded = false;
    return back_off(1);
  }
  pod.facts_lost = false;
  pod.answer = std::move(answer);
  const settings::SettingsReport& report = *pod.answer.report;
  auto& settings = pod.wanted.settings;
  if (settings && report.applied_generation >= settings->generation) settings.reset();
  if (!std::exchange(pod.superseded, false) && pod.wanted.leaving == report.leaving) {
    pod.wanted.leaving.reset();
  }
  if (!settings && !pod.wanted.leaving) {
    pod.refusals = 0;
    return period;
  }
  return std::min(period, back_off(++pod.refusals));
}

Answer Schedule::latest(const kube::ObjectKey& storage_pool, const PodRun& run) const {
  const auto known = storage_pools_.find(storage_pool);
  if (known != storage_pools_.end()) {
    const auto found = known->second.pods.find(run.uid);
    if (found != known->second.pods.end()) {
      const Pod& pod = pods_.at(found->second);
      if (pod.wanted.run == run) return pod.answer;
    }
  }
  return {.failure = run.ip.empty() ? "it has no address yet" : "it has not been asked yet"};
}

std::uint64_t Schedule::version(const kube::ObjectKey& storage_pool) const {
  const auto known = storage_pools_.find(storage_pool);
  return known == storage_pools_.end() ? 0 : known->second.version;
}

std::optional<Schedule::TimePoint> Schedule::next_due() const {
  std::optional<TimePoint> next;
  for (const Kind kind : {kAnswering, kOther}) {
    const auto& queue = queues_.at(kind);
    if (queue.empty() || at_work_.at(kind) >= kPlaces.at(kind)) continue;
    if (!next || queue.begin()->first < *next) next = queue.begin()->first;
  }
  return next;
}

milliseconds Schedule::jittered(milliseconds delay) {
  std::uniform_int_distribution<std::int64_t> tenth(-delay.count() / 10, delay.count() / 10);
  return delay + milliseconds(tenth(random_));
}

}  // namespace storagepool::pods
