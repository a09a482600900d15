// Whose pods are replaced because a newer operator makes other pods of the same spec: one StoragePool's at a
// time, over all of the cluster. The next begins when the one before is Ready again with all its pods made
// anew; while one does not come back, all others stay as they are.
//
// What is so is with the StatefulSets (render::kRolloutAnnotation names the template that waits, or that was
// rolled out and whose pods are not all back), and is put in here before anything is decided: so it outlives
// the operator. A StoragePool that is not Ready to begin with comes last, and those that are Ready do not
// wait for it for long.
//
// Thread-safe.
#pragma once

#include <chrono>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "operator/kube/resource.h"
#include "pool/common/runtime/clock.h"

namespace storagepool::reconcile {

class Turns {
 public:
  // So long one that is not Ready waits at least, until it is known who else waits; so long those that are
  // Ready wait for it.
  static constexpr std::chrono::seconds kLastAfter{60};

  enum class Stage { kNone, kWaits, kRolls };
  struct Place {
    kube::ObjectKey key;
    Stage stage = Stage::kNone;
    bool ready = false;  // of one that rolls: when it began
  };
  void put(const std::string& uid, Place place, runtime::TimePoint now);
  void remove(const std::string& uid) { put(uid, {}, {}); }

  // True: this one rolls from now on, until it is put in otherwise.
  bool take(const std::string& uid, Place place, runtime::TimePoint now);

  struct Ahead {
    kube::ObjectKey key;
    runtime::TimePoint since;
  };
  // Another that rolls, and that it waits for.
  std::optional<Ahead> ahead_of(const std::string& uid, runtime::TimePoint now) const;
  // Whose turn it may be, once after each that has ended, or none.
  std::vector<std::string> next();

 private:
  struct Entry {
    Place place;
    runtime::TimePoint since;  // in this stage
  };
  const Entry* rolling_beside(const std::string& uid, bool ready, runtime::TimePoint now) const;
  void set(const std::string& uid, Place place, runtime::TimePoint now);

  mutable std::mutex mutex_;
  std::map<std::string, Entry> entries_;  // by uid; none of stage kNone
  bool ended_ = false;
};

}  // namespace storagepool::reconcile
