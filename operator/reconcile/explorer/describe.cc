#include "operator/reconcile/explorer/describe.h"

#include <array>
#include <string_view>
#include <vector>

namespace storagepool::reconcile::explorer {
namespace {

std::string number(int value) {
  return std::to_string(value);
}

std::string grant(Grant grant) {
  if (grant == 0) return "none";
  return number(limit_of(grant)) + " (generation " + number(generation_of(grant)) + ")";
}

std::string write(const Write& write) {
  switch (write.kind) {
    case kGrant:
      return "ConfigMap: limit " + grant(write.grant) + ", ceiling " + number(write.ceiling) +
             (write.leads_to != 0 ? ", server " + number(write.leads_to) : "") +
             (write.candidate != 0 ? ", to try server " + number(write.candidate - 1) : "") +
             (write.tried != 0 ? ", tried servers " + number(write.tried) : "") +
             (write.leaving != 0 ? ", leaving servers " + number(write.leaving) : "");
    case kScale:
      return "StatefulSet: replicas " + number(write.replicas) + ", peak " + number(write.peak);
    case kPush:
      return "push the grant";
    case kList:
      return "list the pods";
    default:
      return "nothing";
  }
}

std::string config_map(const ConfigMap& config_map) {
  if (config_map.grant == 0) return "none";
  return "limit " + grant(config_map.grant) + ", ceiling " + number(config_map.ceiling) +
         (config_map.leads_to != 0 ? ", server " + number(config_map.leads_to) : "") +
         (config_map.candidate != 0 ? ", to try server " + number(config_map.candidate - 1) : "") +
         (config_map.tried != 0 ? ", tried servers " + number(config_map.tried) : "") +
         (config_map.leaving != 0 ? ", leaving servers " + number(config_map.leaving) : "");
}

std::string stateful_set(const StatefulSet& set) {
  if (set.exists == 0) return "none";
  return "replicas " + number(set.replicas) + ", peak " + number(set.peak) +
         (set.settled != 0 ? ", seen by its controller" : "");
}

std::string pod(const Pod& pod) {
  static constexpr std::array<std::string_view, 4> kPhases{"", "pending", "on its node", "running"};
  if (pod.phase == kNoPod) return "none";
  std::string text(kPhases[pod.phase]);
  if (pod.terminating != 0) text += ", terminating";
  if (pod.partitioned != 0) text += ", not reachable";
  if (pod.applied != 0) text += ", limit " + grant(pod.applied);
  if (pod.over != 0) text += ", still " + number(pod.over) + " sockets";
  if (pod.mount != 0) text += ", mounted " + grant(pod.mount);
  if (pod.late != 0) text += ", on its way to it " + grant(pod.late);
  if (pod.leads_to != 0) text += ", server " + number(pod.leads_to);
  if (pod.mount_candidate != 0) text += ", tries server " + number(pod.mount_candidate - 1);
  if (pod.left_behind != 0) text += ", left behind " + number(pod.left_behind) + " sockets";
  if (pod.mount_is_newest != 0) text += ", has the newest ConfigMap";
  if (pod.left != 0) text += ", sockets on servers left " + number(pod.left);
  return text;
}

std::string seen(const Pod& pod) {
  static constexpr std::array<std::string_view, 3> kSeen{"not seen", "seen pending", "seen on a node"};
  std::string text(kSeen[pod.seen]);
  if (pod.seen != kNotSeen && pod.seen_is_this == 0) text += " (it is gone)";
  if (pod.report != 0) text += ", says limit " + grant(pod.report);
  if (pod.report_over != 0) text += " with " + number(pod.report_over) + " sockets";
  if (pod.pushed != 0) text += ", pushed to";
  return text;
}

std::vector<std::string> lines(const State& state, const Configuration& configuration) {
  std::vector<std::string> all;
  std::string servers = "usable";
  for (const Byte size : state.size) servers += " " + number(configuration.sizes[size]);
  all.push_back(servers + (state.excused != 0 ? ", it shrank just now" : ""));
  all.push_back("a write that comes late: " + write(state.late) +
                (state.late.on_newest != 0 ? "" : " (on something old)"));
  const Other& other = state.other;
  if (!configuration.other.replicas.empty())
    all.push_back("other workload: replicas " + number(other.replicas) + ", of at most " +
                  number(other.most) + ", pods " + number(other.pods) + " and " + number(other.terminating) +
                  " terminating; as known: replicas " + number(other.known_replicas) + ", of at most " +
                  number(other.known_most) + ", pods " + number(other.known_pods) + "; counts " +
                  number(other.now) + ", until lately " + number(other.left));
  for (int i = 0; i < configuration.pools(); ++i) {
    const Pool& pool = state.pools[static_cast<std::size_t>(i)];
    const Spec& spec = configuration.spec_of(state, i);
    const std::string name = "pool " + number(i) + " ";
    all.push_back(name +
                  (spec.deleting ? "is deleted"
                   : !spec.valid ? "has an invalid spec"
                                 : "wants ") +
                  (spec.deleting || !spec.valid ? "" : number(spec.replicas) + " x " + number(spec.limit)) +
                  (spec.server != 0 ? " on server " + number(spec.server) : "") +
                  (pool.gone != 0 ? " and released" : "") + (pool.counted != 0 ? ", and counts" : ""));
    all.push_back(name + "ConfigMap: " + config_map(pool.config_map));
    all.push_back(name + "ConfigMap as known: " + config_map(pool.known_config_map) +
                  (pool.config_map_is_newest != 0 ? "" : " (old)"));
    all.push_back(name + "StatefulSet: " + stateful_set(pool.stateful_set) + ", controller goes by " +
                  number(pool.controller_replicas));
    all.push_back(name + "StatefulSet as known: " + stateful_set(pool.known_stateful_set) +
                  (pool.stateful_set_is_newest != 0 ? "" : " (old)"));
    all.push_back(name + "about to write " + write(pool.write));
    all.push_back(name + "in doubt: ceiling " + number(pool.ceiling_in_doubt) + ", peak " +
                  number(pool.peak_in_doubt));
    all.push_back(name + "remembers ceiling " + number(pool.last_ceiling) + ", peak " +
                  number(pool.last_peak) + ", generation " + number(generation_of(pool.status_grant)));
    all.push_back(name + (pool.live != 0 ? "pods are seen live" : "pods are seen in a cache"));
    if (pool.nodes_are_lost != 0)
      all.push_back(name + "pods missing when listed " + number(pool.listed - 1) + ", ended " +
                    number(pool.ended) + (pool.cleared != 0 ? ", none has a session" : "") +
                    (pool.vanished != 0 ? ", one has vanished" : ""));
    all.push_back(name + "leaving servers " + number(pool.leaving) + ", tried " + number(pool.tried) +
                  (pool.there.known != 0 ? ", knows its destination" : ""));
    all.push_back(name + "facts: " +
                  (pool.facts.known == 0 ? "none"
                                         : number(configuration.sizes[pool.facts.known - 1]) + ", age " +
                                               number(pool.facts.age)));
    for (std::size_t k = 0; k < pool.pods.size(); ++k) {
      const std::string ordinal = name + "pod " + number(static_cast<int>(k)) + ": ";
      all.push_back(ordinal + pod(pool.pods[k]));
      all.push_back(ordinal + seen(pool.pods[k]));
    }
  }
  return all;
}

std::string_view words(What what) {
  switch (what) {
    case What::kDecide:
      return "the operator decides";
    case What::kWrite:
      return "the operator writes";
    case What::kCacheConfigMap:
      return "the operator's cache hears of the ConfigMap";
    case What::kCacheStatefulSet:
      return "the operator's cache hears of the StatefulSet";
    case What::kCachePods:
      return "the operator's cache hears of the pods";
    case What::kAsk:
      return "the operator asks the pod";
    case What::kController:
      return "the StatefulSet's controller reads it";
    case What::kCreate:
      return "the StatefulSet's controller creates the pod";
    case What::kCondemn:
      return "the StatefulSet's controller deletes the pod";
    case What::kToNode:
      return "the pod comes to a node";
    case What::kStart:
      return "the pod starts";
    case What::kEnd:
      return "the pod ends";
    case What::kDeliver:
      return "a pushed grant arrives";
    case What::kRelease:
      return "the pod closes what it has too many of";
    case What::kMount:
      return "the node hears of the ConfigMap";
    case What::kRestart:
      return "the pod's container restarts";
    case What::kEvict:
      return "somebody deletes the pod";
    case What::kLoseNode:
      return "the pod's node is lost, and the pod deleted";
    case What::kLetGo:
      return "PostgreSQL lets go of the one that is gone";
    case What::kWaitedLong:
      return "it was so long ago that PostgreSQL has let go";
    case What::kPartition:
      return "the pod's network is cut, or whole again";
    case What::kLoseMessage:
      return "a pushed grant is lost";
    case What::kRefuse:
      return "the write is refused";
    case What::kLoseAnswer:
      return "the operator writes, and the answer is lost";
    case What::kLoseWrite:
      return "the write is lost, and the operator does not know";
    case What::kGiveUp:
      return "the write is under way, and the operator waits for it no longer";
    case What::kForgetDoubt:
      return "what the write in doubt may make counts no longer";
    case What::kCrash:
      return "the operator crashes and is there again";
    case What::kPause:
      return "the operator loses its place to another one while its write is under way";
    case What::kLateWrite:
      return "the write under way arrives";
    case What::kNoLateWrite:
      return "the write under way never arrives";
    case What::kSpec:
      return "somebody changes the spec";
    case What::kServer:
      return "max_connections changes";
    case What::kDeleteConfigMap:
      return "somebody deletes the ConfigMap";
    case What::kDeleteStatefulSet:
      return "somebody deletes the StatefulSet";
    case What::kCollect:
      return "its objects go with it";
    case What::kOtherAsks:
      return "the other workload is to have another number of replicas";
    case What::kAutoscaler:
      return "an autoscaler of the other workload comes or goes";
    case What::kOtherCreates:
      return "the other workload gets a pod";
    case What::kOtherCondemns:
      return "a pod of the other workload is deleted";
    case What::kOtherEnds:
      return "a pod of the other workload ends";
    case What::kCacheOther:
      return "the operator's cache hears of the other workload";
    case What::kCacheAutoscaler:
      return "the operator's cache hears of its autoscaler";
    case What::kOtherLongGone:
      return "it was so long ago that pods of the other workload have ended";
    case What::kCount:
      break;
  }
  return "?";
}

bool is_of_a_pod(What what) {
  return what == What::kAsk || what == What::kCreate ||
         (what >= What::kCondemn && what <= What::kLoseMessage && what != What::kWaitedLong);
}

bool is_of_all(What what) {
  return what == What::kCrash || what == What::kServer || what >= What::kOtherAsks;
}

}  // namespace

std::string describe(const Event& event, const State& before, const Configuration& configuration) {
  std::string text;
  if (!is_of_all(event.what)) text += "pool " + number(event.pool) + ", ";
  if (is_of_a_pod(event.what)) text += "pod " + number(event.pod) + ": ";
  text += words(event.what);
  if (event.what == What::kWrite)
    text += ": " + write(before.pools[static_cast<std::size_t>(event.pool)].write);
  if (event.what == What::kServer) text += " to " + number(configuration.sizes[event.to]) + " usable";
  return text + "\n";
}

std::string describe(const State& state, const Configuration& configuration) {
  std::string text;
  for (const std::string& line : lines(state, configuration)) text += "     " + line + "\n";
  return text;
}

std::string describe_change(const State& before, const State& after, const Configuration& configuration) {
  const std::vector<std::string> old_lines = lines(before, configuration);
  const std::vector<std::string> new_lines = lines(after, configuration);
  std::string text;
  for (std::size_t i = 0; i < new_lines.size(); ++i) {
    if (old_lines[i] != new_lines[i]) text += "     " + new_lines[i] + "\n";
  }
  return text;
}

}  // namespace storagepool::reconcile::explorer
