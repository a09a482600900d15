// Model check of what next_step does to journals: seeded random interleavings of outages, scale-ins taken
// back, changed templates, deletions, operator crashes, lost messages, stale caches, a late StatefulSet
// controller, partitioned and restarted pods, with and without volumes. Checked whenever something goes away:
//   J1  a pod without a volume that is removed for a scale-in, a rollout or a deletion holds no event
//   J2  a claim that is deleted holds no event
// and at the end, when PostgreSQL is back and all is calm: everything is done, and no journal holds an event.
//
// Left out, as none is the operator's: a pod without a volume that somebody else deletes, a pod that is
// started anew, and so forgets that it leaves, just when it was found empty and let go, and a controller so
// late that a pod which it should have started no more takes events.
#include <algorithm>
#include <map>
#include <random>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "operator/reconcile/step/leaving.h"
#include "operator/reconcile/step/next_step.h"
#include "operator/reconcile/step/holding.h"
#include "operator/sizing/testing/outlook.h"

namespace storagepool::reconcile {
namespace {

// For so many events after a restart a pod takes nothing: longer than from the operator's look to its write.
constexpr std::int64_t kStart = 8;

struct JournalPod {
  int uid = 0;
  std::int64_t ordinal = 0;
  int revision = 0;
  bool terminating = false;
  bool running = false;
  bool serves = false;  // clients have heard of it, and the operator can have
  bool partitioned = false;
  bool leaving = false;
  std::int64_t serves_since = 0;
  std::int64_t takes_after = 0;
  Granted applied = {};
};

class Journals {
 public:
  explicit Journals(std::uint32_t seed) : random_(seed), volumes_(chance(50)) {
    desired_.name = "audit";
    desired_.request = {.replicas = 3, .max_open_conns = 2};
    desired_.asked = {{"maxOpenConns", 2}, {"maxIdleConns", 2}};
  }

  void chaos(int events) {
    for (int i = 0; i < events && !testing::Test::HasFatalFailure(); ++i) {
      if (number(0, 2) == 0) {
        reconcile(true);
      } else {
        world_event();
      }
    }
  }

  void calm() {
    away_ = false;
    for (JournalPod& pod : pods_) pod.partitioned = false;
    for (int round = 0; round < 300 && !testing::Test::HasFatalFailure(); ++round) {
      control();
      for (JournalPod& pod : pods_) advance(pod, false);
      remove_ended();
      cache_ = pods_;
      cached_saw_ = saw_;
      reconcile(false);
    }
    if (testing::Test::HasFatalFailure()) return;
    cache_ = pods_;
    const Step step = next_step(desired_, observe(true));
    ASSERT_TRUE(std::holds_alternative<Done>(step.action))
        << "action " << step.action.index() << " " << step.awaits_journal.value_or(Reason{}).message;
    ASSERT_EQ(static_cast<std::int64_t>(pods_.size()), desired_.deleting ? 0 : desired_.request.replicas);
    for (const JournalPod& pod : pods_) {
      ASSERT_EQ(pod.revision, revision_) << pod.ordinal;
      ASSERT_EQ(disk_[pod.ordinal], 0);
      ASSERT_FALSE(pod.leaving);
    }
  }

 private:
  std::int64_t number(std::int64_t from, std::int64_t to) {
    return std::uniform_int_distribution<std::int64_t>(from, to)(random_);
  }
  bool chance(int percent) { return number(1, 100) <= percent; }
  JournalPod* find(std::int64_t ordinal) {
    const auto found = std::find_if(pods_.begin(), pods_.end(),
                                    [&](const JournalPod& pod) { return pod.ordinal == ordinal; });
    return found == pods_.end() ? nullptr : &*found;
  }

  // --- the StatefulSet's controller, which may act on what it read earlier
  void control() {
    if (!workload_) return;
    read_ = *workload_;
    read_revision_ = set_revision_;
    act();
    saw_ = generation_;
  }
  void act() {
    for (std::int64_t i = 0; i < read_.replicas; ++i) {
      if (find(i) != nullptr) continue;
      pods_.push_back(
          {.uid = ++last_uid_, .ordinal = i, .revision = read_revision_, .takes_after = now_ + kStart});
      if (volumes_) claims_[i] = true;
      if (!volumes_) disk_[i] = 0;
    }
    for (JournalPod& pod : pods_) {
      if (pod.ordinal >= read_.replicas) condemn(pod);
    }
    const std::int64_t partition = volumes_ ? 0 : read_.partition;
    for (std::int64_t i = read_.replicas - 1; i >= partition; --i) {
      JournalPod* pod = find(i);
      if (pod == nullptr) return;
      if (pod->revision != read_revision_) return condemn(*pod);
      if (!pod->running || pod->terminating) return;
    }
  }
  void condemn(JournalPod& pod) {
    if (!pod.terminating && !volumes_) {
      ASSERT_EQ(disk_[pod.ordinal], 0) << "J1: audit-" << pod.ordinal;
    }
    pod.terminating = true;
  }
  void remove_ended() {
    std::erase_if(pods_, [&](const JournalPod& pod) { return pod.terminating && !pod.running; });
  }

  void advance(JournalPod& pod, bool outage_possible) {
    if (pod.terminating) {
      pod.running = pod.serves = false;
    } else if (!pod.running) {
      pod.running = true;
      pod.applied = granted_.value_or(Granted{});
    } else if (outage_possible && takes_events(pod)) {
      disk_[pod.ordinal] += number(0, 2);
    } else if (!away_ && disk_[pod.ordinal] > 0) {
      --disk_[pod.ordinal];
    }
  }
  bool released(std::int64_t ordinal) const {
    return workload_ && (ordinal >= workload_->replicas || (!volumes_ && ordinal >= workload_->partition));
  }
  bool takes_events(const JournalPod& pod) const {
    const bool late = released(pod.ordinal) && pod.serves_since >= released_at_.at(pod.ordinal);
    return pod.serves && !pod.leaving && !pod.terminating && away_ && now_ > pod.takes_after && !late;
  }

  void world_event() {
    ++now_;
    JournalPod* pod =
        pods_.empty()
            ? nullptr
            : &pods_[static_cast<std::size_t>(number(0, static_cast<std::int64_t>(pods_.size()) - 1))];
    switch (number(0, 11)) {
      case 0:
        return control();
      case 1:
        return act();
      case 2:
        cache_ = pods_;
        cached_saw_ = saw_;
        for (JournalPod& one : pods_) {
          if (!one.serves) one.serves_since = now_;
          one.serves = one.running && !one.terminating;
        }
        return;
      case 3:
        return respec();
      case 4:
        away_ = chance(50);
        return;
      case 5:
        remove_ended();
        return;
      default:
        if (pod != nullptr) pod_event(*pod);
    }
  }
  void respec() {
    if (chance(40)) desired_.request.replicas = number(0, 4);
    if (chance(30)) ++revision_;
    if (chance(3)) desired_.deleting = true;
    desired_.patience_over = chance(30);
  }
  void pod_event(JournalPod& pod) {
    switch (number(0, 5)) {
      case 0:
        pod.partitioned = !pod.partitioned;
        return;
      case 1: {
        if (!pod.running || released(pod.ordinal) || pod.ordinal >= read_.replicas) return;
        pod.leaving = pod.serves = false;
        pod.takes_after = now_ + kStart;
        return;
      }
      case 2:
        if (volumes_ && chance(30)) pod.terminating = true;  // evicted
        return;
      default:
        return advance(pod, true);
    }
  }

  // --- the operator
  Observed observe(bool live) {
    Observed observed;
    observed.granted = granted_;
    observed.workload = workload_;
    if (workload_) {
      observed.workload->settled = (live ? saw_ : cached_saw_) >= generation_;
      observed.workload->volumes = volumes_;
    }
    observed.pods_are_live = live;
    for (const JournalPod& known : live ? pods_ : cache_) observed.pods.push_back(see(known));
    for (const auto& [ordinal, bound] : claims_) observed.claims.push_back({ordinal, bound});
    settings::ServerFacts facts;
    facts.max_connections = 1000;
    const Holding held = holding(observed);
    observed.outlook = sizing::outlook_of(desired_.request, facts, held.existing, held.ceiling);
    return observed;
  }
  PodObserved see(const JournalPod& known) {
    PodObserved pod{.name = "audit-" + std::to_string(known.ordinal),
                    .ordinal = known.ordinal,
                    .started = true,
                    .terminating = known.terminating,
                    .ready = known.running,
                    .outdated = known.revision != set_revision_,
                    .reaches_postgres = !away_,
                    .holds_nothing = !volumes_ && !known.running};
    for (const JournalPod& real : pods_) {
      if (real.uid != known.uid || !real.running || real.partitioned) continue;
      settings::SettingsReport& report = pod.report.emplace();
      report.applied_generation = real.applied.generation;
      report.settings = real.applied.settings;
      report.leaving = real.leaving;
      report.journal = settings::JournalReport{.waiting_events = disk_[real.ordinal],
                                               .waiting_units = disk_[real.ordinal],
                                               .takes_events = true,
                                               .reason = {}};
    }
    return pod;
  }
  void reconcile(bool chaos) {
    bool live = false;
    std::vector<int> told;
    for (int i = 0; i < 8; ++i) {
      Observed observed = observe(live);
      const std::vector<JournalPod> seen = live ? pods_ : cache_;
      for (std::size_t n = 0; n < seen.size(); ++n)
        observed.pods[n].told = std::find(told.begin(), told.end(), seen[n].uid) != told.end();
      const Step step = next_step(desired_, observed);
      if (chaos) {
        for (std::int64_t n = number(0, 2); n > 0; --n) world_event();
        if (chance(10)) return;  // crash before the write
      }
      if (std::holds_alternative<Wait>(step.action) || std::holds_alternative<Done>(step.action)) break;
      live = std::holds_alternative<ListPods>(step.action) ||
             (live && !std::holds_alternative<Scale>(step.action));
      carry_out(step.action, seen, told, chaos);
      if (testing::Test::HasFatalFailure() || (chaos && chance(10))) return;
    }
    if (!workload_ || desired_.deleting || set_revision_ == revision_) return;
    write(*workload_);  // the new template
  }
  void carry_out(const Action& action, const std::vector<JournalPod>& seen, std::vector<int>& told,
                 bool chaos) {
    if (const auto* grant = std::get_if<WriteGrant>(&action)) {
      granted_ = grant->granted;
    } else if (const auto* push = std::get_if<Push>(&action)) {
      for (const std::size_t index : push->pods) {
        for (JournalPod& pod : pods_) {
          if (pod.uid == seen[index].uid) pod.applied = *granted_;
        }
      }
    } else if (const auto* tell = std::get_if<Tell>(&action)) {
      for (const std::size_t index : tell->pods) {
        told.push_back(seen[index].uid);
        for (JournalPod& pod : pods_) {
          const bool reached = pod.uid == seen[index].uid && pod.running && !pod.partitioned;
          if (reached && !(chaos && chance(20))) pod.leaving = tell->leaving;
        }
      }
    } else if (const auto* scale = std::get_if<Scale>(&action)) {
      write({.replicas = scale->replicas,
             .peak_pods = scale->peak_pods,
             .volumes = volumes_,
             .partition = scale->partition,
             .emptied = scale->emptied});
    } else if (const auto* unused = std::get_if<DeleteClaims>(&action)) {
      for (const std::int64_t ordinal : unused->ordinals) {
        ASSERT_EQ(disk_[ordinal], 0) << "J2: state-audit-" << ordinal;
        ASSERT_EQ(find(ordinal), nullptr) << "J2: audit-" << ordinal << " has it";
        claims_.erase(ordinal);
      }
    }
  }
  // As the StatefulSet is rendered: with another template no pod may be replaced. A drain patches it instead.
  void write(Workload workload) {
    if (!desired_.deleting) {
      if (set_revision_ != revision_) workload.partition = render::kNoRollout;
      set_revision_ = revision_;
    }
    const std::map<std::int64_t, std::int64_t> before = released_at_;
    workload_ = workload;
    ++generation_;
    released_at_.clear();
    for (std::int64_t ordinal = 0; ordinal < 5; ++ordinal) {
      if (!released(ordinal)) continue;
      const auto known = before.find(ordinal);
      released_at_[ordinal] = known == before.end() ? now_ : known->second;
    }
  }

  std::mt19937 random_;
  bool volumes_;
  bool away_ = false;
  std::int64_t now_ = 0;
  Desired desired_;
  std::optional<Granted> granted_;
  std::optional<Workload> workload_;
  int revision_ = 1, set_revision_ = 0, read_revision_ = 0, last_uid_ = 0;
  std::int64_t generation_ = 0, saw_ = 0, cached_saw_ = 0;
  Workload read_;
  std::vector<JournalPod> pods_, cache_;
  std::map<std::int64_t, std::int64_t> disk_;  // events, by ordinal
  std::map<std::int64_t, std::int64_t> released_at_;
  std::map<std::int64_t, bool> claims_;  // bound, by ordinal
};

TEST(JournalsModel, NoEventGoesWithAPodOrAClaim) {
  for (std::uint32_t seed = 1; seed <= 500; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    Journals world(seed);
    world.chaos(250);
    if (!HasFatalFailure()) world.calm();
    ASSERT_FALSE(HasFatalFailure());
  }
}

}  // namespace
}  // namespace storagepool::reconcile
