// Which pod to ask or tell next, and what its answer is worth. Pure: no thread, socket or clock; the caller
// carries tasks out and says how they ended.
//
// A pod has one exchange under way at most. It is asked at once when it is new, has come to another address
// or run, becomes ready or ceases to be, or something else is wanted of it; else after its period,
// or, while it does not answer or do what it is told, after a back-off of its own. Pods that answered
// last time and all others have places of their own, so that silent ones take nobody's time but each
// other's.
#pragma once

#include <array>
#include <chrono>
#include <cstdint>
#include <map>
#include <optional>
#include <random>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "operator/pods/pods.h"

namespace storagepool::pods {

inline constexpr std::size_t kAnsweringAtOnce = 64;
inline constexpr std::size_t kOthersAtOnce = 128;
inline constexpr std::chrono::milliseconds kBackoffBase{500};
inline constexpr std::chrono::milliseconds kBackoffMax{30'000};
// One that fails once is still believed: a single lost answer, or half of one, changes nothing.
inline constexpr int kSilentAfter = 2;
// Of each text of an answer; what is longer is cut.
inline constexpr std::size_t kMaxTextBytes = 1024;

// One exchange with a pod: telling it what is wanted, then asking what is in force and what it knows.
struct Task {
  std::uint64_t id = 0;
  kube::ObjectKey storage_pool = {};
  std::string uid = {};
  std::string ip = {};
  std::optional<settings::SettingsChange> settings = {};
  std::optional<bool> leaving = {};
};

class Schedule {
 public:
  using TimePoint = runtime::TimePoint;

  // `seed`: of the jitter, a tenth up or down.
  explicit Schedule(std::uint32_t seed) : random_(seed) {}

  void follow(const kube::ObjectKey& storage_pool, const WantedPods& wanted, TimePoint now);
  Answer latest(const kube::ObjectKey& storage_pool, const PodRun& run) const;
  std::uint64_t version(const kube::ObjectKey& storage_pool) const;

  // Those that are due, as far as there are places. Each ends with `finished`.
  std::vector<Task> take(TimePoint now);
  struct Finished {
    std::optional<kube::ObjectKey> changed;              // the StoragePool, if what reconciling reads differs
    std::optional<std::chrono::milliseconds> age = {};   // of the report whose place another has taken
    std::optional<std::chrono::milliseconds> next = {};  // until it is due again; absent: it was forgotten
  };
  Finished finished(std::uint64_t id, Answer answer, TimePoint now);
  // Tasks of which none comes again, since this was called last.
  std::vector<std::uint64_t> take_forgotten() { return std::exchange(forgotten_, {}); }
  // When `take` gives something next, unless something changes.
  std::optional<TimePoint> next_due() const;

  std::size_t pods() const { return pods_.size(); }
  std::size_t silent() const { return silent_; }  // were asked and have no report that counts

 private:
  enum Kind { kAnswering, kOther };
  struct Pod {
    kube::ObjectKey storage_pool;
    WantedPod wanted;
    Answer answer;
    TimePoint begun{};  // its last exchange
    TimePoint ended{};
    int failures = 0;  // in a row
    int refusals = 0;  // exchanges in a row after which something was still wanted
    std::optional<std::pair<Kind, TimePoint>> queued = {};
    bool under_way = false;
    bool facts_lost = false;  // the last time, without which its answer did not count
    bool again = false;       // to be asked at once after what is under way
    bool superseded = false;  // what is under way began before it was last said whether the pod leaves
  };
  struct StoragePool {
    std::uint64_t version = 0;
    std::map<std::string, std::uint64_t> pods;  // by uid
  };

  std::uint64_t add(const kube::ObjectKey& storage_pool, const WantedPod& wanted, TimePoint now);
  void update(Pod& pod, std::uint64_t id, const WantedPod& wanted);
  void forget(std::uint64_t id);
  void ask_at(Pod& pod, std::uint64_t id, TimePoint due);
  void take_out(Pod& pod, std::uint64_t id);
  Task begin(Pod& pod, std::uint64_t id, TimePoint now);
  std::chrono::milliseconds take_answer(Pod& pod, Answer answer);
  std::chrono::milliseconds jittered(std::chrono::milliseconds delay);

  std::map<kube::ObjectKey, StoragePool> storage_pools_;
  std::map<std::uint64_t, Pod> pods_;  // by the id of their tasks
  std::vector<std::uint64_t> forgotten_;
  std::uint64_t last_id_ = 0;
  std::uint64_t last_version_ = 0;
  std::array<std::set<std::pair<TimePoint, std::uint64_t>>, 2> queues_;
  std::array<std::size_t, 2> at_work_{};
  std::map<std::uint64_t, Kind> under_way_;
  std::size_t silent_ = 0;
  std::minstd_rand random_;
};

}  // namespace storagepool::pods
