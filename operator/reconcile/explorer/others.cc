#include "operator/reconcile/explorer/others.h"

#include <algorithm>
#include <string>

#include "operator/reconcile/explorer/world.h"
#include "operator/reconcile/cluster/other_workloads.h"

namespace storagepool::reconcile::explorer {
namespace {

DeclaredWorkload declared(const Configuration& configuration, Byte replicas, Byte pods, Byte most) {
  const Json object{{"metadata",
                     {{"name", "shop"},
                      {"namespace", "team"},
                      {"uid", "u"},
                      {"annotations",
                       {{kServerAnnotation, "db:5432"},
                        {kConnectionsAnnotation, std::to_string(configuration.other.connections)}}}}},
                    {"spec", {{"replicas", replicas}}},
                    {"status", {{"replicas", pods}}}};
  return {.type = kube::resources::kStatefulSets,
          .object = std::make_shared<const Json>(object),
          .max_replicas = most};
}

Event other_event(What what, Byte to = 0) {
  return {.what = what, .pool = 0, .pod = 0, .to = to};
}

void create(Other& other) {
  ++other.pods;
}
void condemn(Other& other) {
  --other.pods;
  ++other.terminating;
}
void hear_of_workload(Other& other) {
  other.known_replicas = other.replicas;
  other.known_pods = other.pods;
}
void hear_of_autoscaler(Other& other) {
  other.known_most = other.most;
}

// As a StatefulSet, which makes no pod while one of the same name terminates.
bool lacks_a_pod(const Other& other) {
  return other.pods + other.terminating < other.replicas;
}
bool workload_is_heard(const Other& other) {
  return other.known_replicas == other.replicas && other.known_pods == other.pods;
}
bool is_long_gone(const Other& other) {
  return other.left != 0 && is_heard(other) && other.terminating == 0;
}

}  // namespace

bool is_heard(const Other& other) {
  return workload_is_heard(other) && other.known_most == other.most;
}

int counted(const Other& other, const Configuration& configuration) {
  return std::max(other.now, other.left) * configuration.other.connections;
}

int held(const Other& other, const Configuration& configuration) {
  return (other.pods + other.terminating) * configuration.other.connections;
}

Others::Counts Others::counts(const Other& other, bool later) const {
  OtherWorkloads workloads;
  runtime::TimePoint time{};
  const auto follow = [&](Byte replicas, Byte pods, Byte most) {
    workloads.follow(
        {declared(configuration_, replicas, pods, most)}, [](const std::string&) { return true; }, time);
  };
  if (other.left != 0) follow(other.left, 0, 0);
  follow(other.now, 0, 0);
  if (later) time += time_to_end(Json::object());
  const Byte pods = fault_ == Fault::kOthersCountByTheirReplicas ? 0 : other.known_pods;
  const Byte most = fault_ == Fault::kAutoscalersOfOthersDoNotCount ? 0 : other.known_most;
  follow(other.known_replicas, pods, most);
  const auto count = static_cast<Byte>(workloads.counted().front().counts.pods);
  const auto now = static_cast<Byte>(
      pods_that_may_exist(*declared(configuration_, other.known_replicas, pods, 0).object, most));
  const bool forgets = fault_ == Fault::kPodsOfOthersThatEndDoNotCount;
  return {.now = now, .left = count > now && !forgets ? count : Byte{0}};
}

void Others::follow(Other& other, bool later) {
  const std::array<Byte, 6> key{other.known_replicas, other.known_pods,         other.known_most, other.now,
                                other.left,           later ? Byte{1} : Byte{0}};
  const auto found = known_.find(key);
  const Counts counts = found != known_.end() ? found->second : this->counts(other, later);
  known_.emplace(key, counts);
  other.now = counts.now;
  other.left = counts.left;
}

void World::other_events() {
  const Other& other = from_->other;
  const auto& may_ask = configuration_.other.replicas;
  if (may_ask.empty()) return;
  const auto change = [&](What what, void (*how)(Other&)) {
    add(other_event(what), [&](State& next) { how(next.other); });
  };
  // Whoever asks for more than was to be expected is excused until the operator has come down to it.
  for (const Byte replicas : may_ask) {
    if (replicas == other.replicas || (other.most != 0 && replicas > other.most)) continue;
    add(other_event(What::kOtherAsks, replicas), [&](State& next) {
      if (replicas > other.replicas && other.most == 0) next.excused = 1;
      next.other.replicas = replicas;
    });
  }
  if (configuration_.other.most != 0) {
    add(other_event(What::kAutoscaler), [&](State& next) {
      next.other.most = other.most == 0 ? configuration_.other.most : Byte{0};
      if (other.most == 0) next.excused = 1;
    });
  }
  if (lacks_a_pod(other)) change(What::kOtherCreates, create);
  if (other.pods > other.replicas) change(What::kOtherCondemns, condemn);
  if (other.terminating != 0) change(What::kOtherEnds, [](Other& next) { --next.terminating; });
  const auto hear = [&](What what, void (*how)(Other&), bool later) {
    add(other_event(what), [&](State& next) {
      how(next.other);
      others_.follow(next.other, later);
    });
  };
  if (!workload_is_heard(other)) hear(What::kCacheOther, hear_of_workload, false);
  if (other.known_most != other.most) hear(What::kCacheAutoscaler, hear_of_autoscaler, false);
  if (is_long_gone(other))
    hear(
        What::kOtherLongGone, [](Other&) {}, true);
}

std::optional<Event> World::calm_other(State& state) {
  Other& other = state.other;
  const auto done = [&](What what, bool is_heard, bool later) {
    if (is_heard) others_.follow(other, later);
    return other_event(what);
  };
  if (other.terminating != 0) return --other.terminating, done(What::kOtherEnds, false, false);
  if (other.pods > other.replicas) return condemn(other), done(What::kOtherCondemns, false, false);
  if (lacks_a_pod(other)) return create(other), done(What::kOtherCreates, false, false);
  if (!workload_is_heard(other)) return hear_of_workload(other), done(What::kCacheOther, true, false);
  if (other.known_most != other.most)
    return hear_of_autoscaler(other), done(What::kCacheAutoscaler, true, false);
  if (is_long_gone(other)) return done(What::kOtherLongGone, true, true);
  return std::nullopt;
}

}  // namespace storagepool::reconcile::explorer
