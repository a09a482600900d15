// Pods that are gone and whose sessions PostgreSQL may still hold: a pod whose node vanished says no
// good-bye, and its server finds out when it misses the answers. Until then the StoragePool's claim counts
// them. Pure.
//
// They are known to hold nothing, and peak_pods may fall (next_step.h), when
//   - a pod has read the server's sessions after the API server listed the pods that are left, and all belong
//     to these; the StatefulSet's controller had seen the replicas by then, so that no more can come; or
//   - nobody reads them, and as long has passed since as PostgreSQL takes to let go; or
//   - each of them was seen to have ended by itself, with all its sessions closed.
// What is believed of a pod that came and went between two looks is what the server shows; nothing else can
// tell of it. Sessions that are shown count for as long as they are: a node that is cut off from the API
// server only may have its pods at work.
#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "operator/reconcile/view/pod_state.h"

namespace storagepool::reconcile {

class Departed {
 public:
  using Time = std::chrono::steady_clock::time_point;
  // PostgreSQL lets go of a vanished client's session within 30 s (pool/postgres/connect.cc).
  static constexpr std::chrono::seconds kLetGo{35};

  struct Seen {
    const std::vector<PodState>& pods;
    std::int64_t replicas = 0;
    std::int64_t peak_pods = 0;
    bool settled = false;  // Workload::settled
    // When `pods` had been listed from the API server, after the numbers were read; absent: from a cache.
    std::optional<Time> listed{};
  };
  // At each look, and when pods were listed anew.
  void follow(const Seen& seen, Time now);
  // PostgreSQL has shown so many sessions of each pod (FactsReport::sessions_by_pod) to one that is there.
  void read(const std::map<std::string, std::int64_t>& sessions, Time at);

  // The pods were listed, and peak_pods may not fall to them yet.
  bool may_linger(Time now) const;
  // A pod has gone that was not seen to end, or may have before the first look, and nobody has told since
  // that PostgreSQL has let go of it. It may hold as much as any pod could.
  bool has_vanished(Time now) const;
  // What people are told meanwhile; empty: it does not take long so far.
  std::string words(Time now) const;

 private:
  struct Pod {
    std::string name;
    bool started = false;
    bool ended = false;
  };
  struct Listed {
    Time at;
    std::int64_t missing = 0;
  };
  void notice(const std::vector<PodState>& pods, Time now);
  // Nobody has read since then that no session is left, and time alone has not told.
  bool is_unknown_since(Time since, Time now) const;

  bool began_ = false;
  std::map<std::string, Pod> there_;  // by uid
  std::set<std::string> ended_;       // uids of those that have ended by themselves since peak_pods was right
  Time vanished_{};                   // the last time
  std::optional<Listed> listed_;
  std::optional<Time> cleared_;  // all sessions were of pods that are there
  std::optional<Time> seen_;     // some were not
  std::map<std::string, std::int64_t> shown_;
};

}  // namespace storagepool::reconcile
