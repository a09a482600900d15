// What the pods say of themselves, kept as an informer keeps objects: reading it costs nothing, and nobody
// waits for a pod. Each look at a StoragePool says which pods it has and what is wanted of them (`follow`);
// they are asked and told in the background (schedule.h decides when, client.h does it), and a StoragePool is
// looked at again when an answer differs in what reconciling reads.
//
// A pod is not trusted: it may be any image a user named. What it answers is bounded on the wire and here.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "operator/kube/resource.h"
#include "pool/common/runtime/clock.h"
#include "pool/common/settings/admin_wire.h"

namespace storagepool::pods {

enum class Outcome {
  kNotAsked,
  kAnswered,
  kUnauthorized,  // it does not take our signature
  kRefused,       // any other status but 200
  kUnreadable,    // not HTTP, too large, or not a report
  kUnreachable,   // refused, reset, or silent until the deadline
};

// How an outside witness stands to the log, as the operator knows it (operator/witness).
struct WitnessWord {
  std::string name;               // of its key
  std::string state = "Waiting";  // or Cosigning, Failing, Inconsistent: it has cosigned another history
  std::string failing = {};       // why it does not cosign; empty in the first two
  friend bool operator==(const WitnessWord&, const WitnessWord&) = default;
};

struct Answer {
  Outcome outcome = Outcome::kNotAsked;
  std::optional<settings::SettingsReport> report = {};
  std::optional<settings::FactsReport> facts = {};
  runtime::TimePoint asked = {};  // when the exchange that brought it began
  std::string failure = {};       // why there is no report, one clause that begins with "it" or "its"
  std::vector<WitnessWord> witnesses = {};
  friend bool operator==(const Answer&, const Answer&) = default;
};

// One run of a pod's container at one address. What another run or address has said says nothing of it.
struct PodRun {
  std::string uid;
  std::string ip;             // empty: none yet, or one that is not only its own
  std::int64_t restarts = 0;  // of its container
  friend bool operator==(const PodRun&, const PodRun&) = default;
};

struct WantedPod {
  PodRun run;
  bool ready = false;                        // in Kubernetes; a change of it is a reason to ask at once
  std::chrono::milliseconds period{10'000};  // while it answers it is asked this often
  // To be put in force, of which the pod is sent the settings that it knows, and whether it leaves. Tried
  // until a report shows it or a look no longer wants it.
  std::optional<settings::SettingsChange> settings = {};
  std::optional<bool> leaving = {};
};

using WantedPods = std::vector<WantedPod>;  // with different uids

// Thread-safe; no call blocks for longer than a lock.
class Pods {
 public:
  Pods() = default;
  Pods(const Pods&) = delete;
  Pods& operator=(const Pods&) = delete;
  virtual ~Pods() = default;

  // What that run has last said. A report once given stands until the pod is silent, which takes two failures
  // in a row, and never says `leaving` from before it was last wanted that the pod stays.
  virtual Answer latest(const kube::ObjectKey& storage_pool, const PodRun& run) const = 0;
  // Another number whenever a pod's word differs in what reconciling reads.
  virtual std::uint64_t version(const kube::ObjectKey& storage_pool) const = 0;
  // Takes the place of what was wanted before. Pods that are not named are forgotten.
  virtual void follow(const kube::ObjectKey& storage_pool, const WantedPods& wanted) = 0;
};

}  // namespace storagepool::pods
