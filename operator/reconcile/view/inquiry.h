// Whom to ask why pods do not come up, and what of all that is said to tell. A pod's status, which is in the
// cache, says most of it. Why a pod is not there at all, or is long in being created, only events say: these
// are asked for, of one object at a time, some seconds after it has begun to look wrong and ever more rarely.
// Pure.
#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <vector>

#include "operator/reconcile/view/pod_state.h"
#include "operator/reconcile/view/trouble.h"
#include "operator/reconcile/view/view.h"

namespace storagepool::reconcile {

// The object whose events may tell.
struct Suspect {
  std::string kind;  // StatefulSet or Pod
  std::string uid;
  std::string pod;  // that is not there, or being created
  friend bool operator==(const Suspect&, const Suspect&) = default;
};

// Of the StoragePool `pool`; nothing when each pod that is to be there is, and says itself what it lacks.
std::optional<Suspect> find_suspect(const std::string& pool, const std::optional<WorkloadView>& workload,
                                    const std::vector<PodState>& pods);

// What was found out about one suspect so far.
class Inquiry {
 public:
  using TimePoint = std::chrono::steady_clock::time_point;
  static constexpr std::chrono::seconds kMissingGrace{2};
  static constexpr std::chrono::seconds kCreatingGrace{5};
  static constexpr std::chrono::seconds kIntervalMin{5};
  static constexpr std::chrono::seconds kIntervalMax{60};

  // Whether to ask for the suspect's events now. With another suspect than before it starts anew.
  bool is_due(const std::optional<Suspect>& suspect, TimePoint now);
  std::optional<TimePoint> next() const { return next_; }
  void answered(const std::vector<Json>& events);
  const std::optional<Trouble>& trouble() const { return trouble_; }

 private:
  std::optional<Suspect> suspect_;
  TimePoint since_{};
  std::optional<TimePoint> next_;
  std::optional<Trouble> trouble_;
};

// What the scheduler says of a new pod may be over in a moment, as when it waits for the pod's volume.
class SchedulerWords {
 public:
  using TimePoint = Inquiry::TimePoint;
  static constexpr std::chrono::seconds kGrace{5};

  // `trouble`, unless it is the scheduler's and young. `told`: people know already that pods fail.
  std::optional<Trouble> weigh(std::optional<Trouble> trouble, bool told, TimePoint now);
  // When it is not young any more.
  std::optional<TimePoint> next(TimePoint now) const;

 private:
  std::optional<TimePoint> since_;
};

// What to tell of the pods below `replicas`: what time does not mend goes first, then the lowest ordinal; the
// others that have a trouble too are named.
std::optional<Trouble> worst_trouble(const std::vector<PodState>& pods, std::int64_t replicas,
                                     const std::optional<Trouble>& of_events, runtime::Timestamp now);

}  // namespace storagepool::reconcile
