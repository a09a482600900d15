// What to do next for one StoragePool, as a pure function of what is wanted and what was observed. The caller
// carries the one action out, observes again and asks again, until it is told to wait or that all is done. It
// may crash, restart or be answered late at any point: everything that must be remembered is in the objects
// themselves.
//
// The ledger. Two numbers are kept with the objects, each raised before what it allows and lowered only once
// what it allowed is known to be gone:
//   ceiling    (ConfigMap)    the highest limit that any pod may still have in force
//   peak_pods  (StatefulSet)  the most pods that may exist at this moment
// So the pods hold at most claim = peak_pods * ceiling connections, whatever is lost or late, and S1 holds
// for all StoragePools of a server as long as nobody raises its claim above usable less the others' claims
// (operator/sizing/ledger.h): who carries an action out raises the claim in the Ledger before.
//
// Order that follows. Scale-out: shrink the limit -> every pod confirms (applied, and sockets within it) ->
// lower the ceiling -> more replicas. Scale-in: fewer replicas -> pods are gone, and their sessions
// (departed.h) -> lower peak_pods -> grow the limit. Beside others: who has more than its share shrinks, who
// has less grows as that is confirmed. A pod that does not answer keeps the ceiling up, and so holds back
// growth that would not fit with it, and nothing else.
//
// A server that has refused a connection (53300) has less than the sum says: until that is over, neither
// limits nor replicas grow.
//
// Servers. The ConfigMap leads the pods to a server, and the grant is for it. Where the spec names another,
// the destination, the pods go on where they are until one of them was admitted there: they try it, with one
// connection each. Then the limit comes down to what fits there as well, and once that is confirmed the
// ConfigMap leads there. So a typing error costs nothing. Pods that serve from nowhere (abandoned) are led
// on without having been admitted: at a server of which nothing is known with one connection each.
//
// Journals. A pod that is to go (scale-in, deletion) is told so first; it goes when its journal is empty
// (leaving.h), or when a volume keeps what it holds and waiting for it has been long or useless. Which claims
// hold nothing is written with the number of replicas that lets their pods go, and these are removed. Without
// volumes, replacing a pod by a rollout takes its journal along as well: the StatefulSet's partition holds
// every pod back but the one whose journal is empty.
//
// What a new pod starts with is the ConfigMap as it was when the pod came to its node, or later; a pod keeps
// the highest generation it has seen over restarts of its container.
//
// Reports. What a pod has said is as old as the cache (operator/pods/pods.h): some seconds, of one run of its
// container. That is enough wherever what it says cannot become untrue without an act of the operator that
// comes after it:
//   confirmed       A pod applies generations in their order and never opens a socket beyond its limit. So
//                   one that has had generation G in force with sockets within G's limit holds no more until
//                   a higher one is written, and no older report names G.
//   contradicted, next_generation, lost_ceiling
//                   The highest generation and limit seen count. Of an older report they may be too low: then
//                   the pod refuses what is pushed, and its next report says why.
//   behind          A push too many changes nothing.
//   leaving with an empty journal (leaving.h)
//                   Stays empty until the pod is told to stay. From the moment that this is wanted no report
//                   says `leaving` that began before.
//   who may be told to leave, where waiting is useless, what is out of reach of PostgreSQL
//                   Only decide what to try next; nothing goes by them that a volume does not keep.
//   admitted, abandoned
//                   Only decide what to try next: wherever pods may be, they are counted.
// That no pod is missing (pods_are_live) is not for reports to say. That all pods have left a server is
// believed of reports that tell of the latest ConfigMap, behind which no node falls again (Look::as_led).
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "operator/render/render.h"
#include "operator/sizing/sizing.h"
#include "pool/common/settings/admin_wire.h"
#include "pool/common/settings/config_file.h"
#include "pool/common/settings/settings.h"

namespace storagepool::reconcile {

struct Desired {
  sizing::Request request;
  settings::Given asked;  // resolves
  settings::PostgresTarget postgres{};
  bool deleting = false;
  std::string name = {};                   // of the StoragePool
  bool journals = true;                    // its pods have one
  std::vector<std::string> given_up = {};  // pods whose events a person gives up; "*": any
  bool patience_over = false;              // pods that leave have been waited for long enough
};

// The ConfigMap.
struct Granted {
  std::int64_t generation = 0;
  settings::Settings settings;
  std::int64_t ceiling = 0;
  settings::PostgresTarget postgres{};                  // where it leads the pods
  std::optional<settings::PostgresTarget> candidate{};  // that they try
  friend bool operator==(const Granted&, const Granted&) = default;
};

// The StatefulSet.
struct Workload {
  std::int64_t replicas = 0;
  std::int64_t peak_pods = 0;
  bool settled = false;                 // its controller has seen this number of replicas, and this template
  std::string revision = {};            // of the template, once it is settled
  bool volumes = true;                  // each pod has a claim, which outlives it
  std::int64_t partition = 0;           // pods of this ordinal and above may be replaced by a rollout
  std::vector<std::int64_t> emptied{};  // ordinals at or above `replicas` whose claims hold nothing
};

struct PodObserved {
  std::string name;
  std::int64_t ordinal = 0;
  bool started = false;  // may have read its settings: it is on a node and has not ended
  bool terminating = false;
  bool ready = false;
  bool outdated = false;  // made from another template than the StatefulSet has
  bool reaches_postgres = false;
  bool holds_nothing = false;                           // by what is known of it while it does not report
  bool pushed = false;                                  // it is being sent the current grant
  bool told = false;                                    // or being told whether it leaves
  std::optional<settings::SettingsReport> report = {};  // the latest; absent: it does not answer
  std::string failure = {};                             // why it did not, one sentence
  std::string refused = {};  // why PostgreSQL refused it a connection (53300); empty: it has not
};

// The spec leads to another server than the ConfigMap.
struct DestinationObserved {
  bool admitted = false;   // a pod was, when it tried last
  bool abandoned = false;  // no pod serves from where it is
};

struct ClaimObserved {
  std::int64_t ordinal = 0;
  bool bound = false;  // there is a volume behind it
};

struct Observed {
  std::optional<Granted> granted;
  std::optional<Workload> workload;
  std::vector<PodObserved> pods;        // terminating ones included
  std::vector<ClaimObserved> claims{};  // those that are being deleted are left out
  // Pods are gone, and PostgreSQL may still hold sessions of theirs (departed.h); what people are told of it.
  std::optional<std::string> lingering{};
  bool vanished = false;             // one has gone, and may hold as much as a pod could
  bool pods_are_live = false;        // listed from the API server after the above was read, not from a cache
  std::int64_t last_generation = 0;  // the highest remembered elsewhere
  // Remembered from before the ConfigMap or the StatefulSet was lost; 0: not known.
  std::int64_t last_ceiling = 0;
  std::int64_t last_peak = 0;
  std::optional<DestinationObserved> destination{};
  sizing::Outlook outlook;
};

// Write the ConfigMap.
struct WriteGrant {
  Granted granted;
};
// Send the current grant to these pods (indices into Observed::pods).
struct Push {
  std::vector<std::size_t> pods;
};
// Tell these pods (indices into Observed::pods) that they leave, or that they stay.
struct Tell {
  std::vector<std::size_t> pods;
  bool leaving = false;
};
// Write the StatefulSet with these numbers, as Workload has them. The partition is for the template that it
// has: with another, no pod may be replaced.
struct Scale {
  std::int64_t replicas = 0;
  std::int64_t peak_pods = 0;
  std::int64_t partition = 0;
  std::vector<std::int64_t> emptied{};
};
// Delete the claims of these ordinals.
struct DeleteClaims {
  std::vector<std::int64_t> ordinals;
};
// Observe again with pods_are_live.
struct ListPods {};
// Nothing can be done until something changes: see Step::blocked.
struct Wait {};
// As wanted; for a deleted StoragePool: all pods are gone.
struct Done {};

using Action = std::variant<WriteGrant, Push, Tell, Scale, DeleteClaims, ListPods, Wait, Done>;

// Why something is not as wanted, in the words of a condition.
struct Reason {
  std::string reason;   // CamelCase
  std::string message;  // for people
};

// A reason travels with the decision: whoever tells people of it does not find it out a second time. To Wait
// without being blocked needs nothing but time, in which pods start, confirm or go.
struct Step {
  Action action;
  sizing::Plan plan;
  std::vector<std::string> unconfirmed;  // pods that have not confirmed the current grant
  std::optional<Reason> blocked;         // replicas or limits stay below what is wanted
  std::optional<Reason> stalled;         // and will, until a person or another StoragePool gives something up
  bool leaving = false;                  // pods are to go for good
  std::optional<Reason> awaits_journal;  // pods that are to go or to be replaced hold events
};

Step next_step(const Desired& desired, const Observed& observed);

}  // namespace storagepool::reconcile
