// What other workloads (other_workload.h) count with in the Ledger, followed over time: what there is, and
// what was there until so lately that its pods may still hold connections. Of the latter nothing is known
// after a restart. One whose annotations have become unreadable goes on counting by what they said last.
// Pure: the time is given. Not safe by itself for several threads.
#pragma once

#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "operator/kube/events.h"
#include "operator/reconcile/cluster/cluster.h"
#include "operator/reconcile/cluster/other_workload.h"
#include "operator/sizing/ledger.h"
#include "pool/common/runtime/clock.h"

namespace storagepool::reconcile {

struct CountedWorkload {
  std::string_view kind;  // "Deployment"
  kube::ObjectKey key;
  sizing::OtherWorkload counts;
  bool readable = true;  // its annotations
};

class OtherWorkloads {
 public:
  // `there`: all that there are. `has_server`: whether a StoragePool has a server by this name.
  void follow(const std::vector<DeclaredWorkload>& there,
              const std::function<bool(const std::string& server)>& has_server, runtime::TimePoint now);

  std::vector<CountedWorkload> counted() const;
  // When less counts without a change; absent: it does not.
  std::optional<runtime::TimePoint> next() const;
  // For people, of what `follow` has found since this was last called; each once while it is so.
  std::vector<kube::Event> take_events() { return std::exchange(events_, {}); }

 private:
  struct Held {
    std::int64_t pods = 0;
    std::int64_t connections = 0;
  };
  struct Left {
    runtime::TimePoint until;
    Held held;
  };
  struct Known {
    std::string_view kind;
    kube::ObjectKey key;
    bool there = false;
    bool readable = true;
    std::chrono::seconds time_to_end{};
    Held now;
    std::vector<Left> left;  // less and less

    Held counts() const;
  };
  using Id = std::pair<std::string, std::string>;  // uid of the workload, server

  void take(const DeclaredWorkload& workload,
            const std::function<bool(const std::string& server)>& has_server);
  void tell(const DeclaredWorkload& workload, kube::EventType type, const char* reason, std::string note);

  std::map<Id, Known> known_;
  std::map<std::string, Declaration> declared_;  // what was last readable, by uid
  std::map<std::string, std::string> told_;      // notes, by uid
  std::vector<kube::Event> events_;
};

}  // namespace storagepool::reconcile
