#include "operator/reconcile/cluster/other_workloads.h"

#include <algorithm>
#include <set>

#include "operator/kube/object.h"
#include "operator/reconcile/cluster/join.h"

namespace storagepool::reconcile {

OtherWorkloads::Held OtherWorkloads::Known::counts() const {
  Held most = now;
  for (const Left& before : left) {
    most.pods = std::max(most.pods, before.held.pods);
    most.connections = std::max(most.connections, before.held.connections);
  }
  return most;
}

void OtherWorkloads::follow(const std::vector<DeclaredWorkload>& there,
                            const std::function<bool(const std::string& server)>& has_server,
                            runtime::TimePoint now) {
  std::map<Id, Held> before;
  for (auto& [id, known] : known_) {
    before[id] = std::exchange(known.now, {});
    known.there = false;
  }
  std::set<std::string> uids;
  for (const DeclaredWorkload& workload : there) {
    uids.insert(kube::metadata_string(*workload.object, "uid"));
    take(workload, has_server);
  }
  const auto is_gone = [&](const auto& entry) { return !uids.contains(entry.first); };
  std::erase_if(declared_, is_gone);
  std::erase_if(told_, is_gone);

  for (auto& [id, known] : known_) {
    const Held held = before[id];
    const bool fewer = held.pods > known.now.pods || held.connections > known.now.connections;
    if (fewer && held.connections > 0) {
      std::erase_if(known.left, [&](const Left& other) {
        return other.held.pods <= held.pods && other.held.connections <= held.connections;
      });
      known.left.push_back({.until = now + known.time_to_end, .held = held});
    }
    std::erase_if(known.left, [&](const Left& other) { return other.until <= now; });
  }
  std::erase_if(known_, [](const auto& entry) { return !entry.second.there && entry.second.left.empty(); });
}

void OtherWorkloads::take(const DeclaredWorkload& workload,
                          const std::function<bool(const std::string& server)>& has_server) {
  const Json& object = *workload.object;
  const std::string uid = kube::metadata_string(object, "uid");
  const auto declared = read_declaration(object);
  if (declared) declared_[uid] = *declared;
  const auto last = declared_.find(uid);
  if (!declared) {
    tell(workload, kube::EventType::kWarning, "InvalidDeclaration",
         join(declared.error()) + (last == declared_.end()
                                       ? ". Until then its connections are not counted"
                                       : ". Until then it counts with what was declared before"));
  }
  const Declaration declaration = last == declared_.end() ? Declaration{} : last->second;
  Known& known = known_[{uid, declaration.server}];
  known.kind = workload.type.kind;
  known.key = kube::key_of(object);
  known.there = true;
  known.readable = declared.has_value();
  known.time_to_end = time_to_end(object);
  const std::int64_t pods = pods_that_may_exist(object, workload.max_replicas);
  known.now = {.pods = pods, .connections = pods * declaration.per_pod};
  if (!declared) return;
  if (has_server(declaration.server)) {
    told_.erase(uid);
  } else {
    tell(workload, kube::EventType::kNormal, "NotCounted",
         std::string(kServerAnnotation) + " is " + declaration.server +
             " for a workload in this namespace, and no StoragePool is led to a server by that name: its "
             "connections are not counted. If there is one, name the server as its spec.postgres does, and "
             "its namespace, as in db.team:5432");
  }
}

void OtherWorkloads::tell(const DeclaredWorkload& workload, kube::EventType type, const char* reason,
                          std::string note) {
  if (std::exchange(told_[kube::metadata_string(*workload.object, "uid")], note) == note) return;
  const kube::ObjectKey key = kube::key_of(*workload.object);
  events_.push_back({.regarding = {{"apiVersion", workload.type.api_version()},
                                   {"kind", workload.type.kind},
                                   {"namespace", key.name_space},
                                   {"name", key.name},
                                   {"uid", kube::metadata_string(*workload.object, "uid")}},
                     .type = type,
                     .reason = reason,
                     .action = "Count",
                     .note = std::move(note)});
}

std::vector<CountedWorkload> OtherWorkloads::counted() const {
  std::vector<CountedWorkload> counted;
  for (const auto& [id, known] : known_) {
    const Held held = known.counts();
    counted.push_back({.kind = known.kind,
                       .key = known.key,
                       .counts = {.server = id.second, .pods = held.pods, .connections = held.connections},
                       .readable = known.readable});
  }
  return counted;
}

std::optional<runtime::TimePoint> OtherWorkloads::next() const {
  std::optional<runtime::TimePoint> next;
  for (const auto& [id, known] : known_) {
    for (const Left& left : known.left) next = std::min(next.value_or(left.until), left.until);
  }
  return next;
}

}  // namespace storagepool::reconcile
