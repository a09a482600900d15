#include "operator/reconcile/reconcile.h"

#include <algorithm>
#include <chrono>
#include <utility>

#include "operator/kube/object.h"
#include "operator/reconcile/look.h"
#include "operator/render/render.h"
#include "pool/common/json/json.h"
#include "pool/common/runtime/log.h"

namespace storagepool::reconcile {
namespace {

constexpr std::chrono::seconds kSettledAtMost{30};

Status read_status(const Json& object) {
  return parse_status(json::member(object, "status"));
}

}  // namespace

Reconciler::Reconciler(Cluster& cluster, pods::Pods& pods, Options options)
    : cluster_(cluster), pods_(pods), options_(std::move(options)) {}
Reconciler::~Reconciler() = default;

Reconciler::Known& Reconciler::known(const kube::ObjectKey& key) {
  const std::lock_guard lock(mutex_);
  return known_[key];
}

// What a StoragePool may hold counts for its neighbours before it is looked at itself.
ReadSpec Reconciler::remember(const kube::ObjectKey& key, Known& known, const kube::ObjectPtr& object,
                              const Moment& now) {
  Memory& memory = known.memory;
  const render::Identity identity = render::identity_of(*object);
  const std::string before = memory.uid;
  const auto until = in_doubt_until(memory);
  if (before != identity.uid) {
    memory = Memory{};
    memory.uid = identity.uid;
    const std::lock_guard lock(mutex_);
    key_by_uid_[identity.uid] = key;
  }
  const Status status = memory.status.update(object, read_status).value_or(Status{});
  see_objects(memory, cluster_, identity, now.steady);
  ReadSpec spec = read_spec(cluster_, *object);
  const Subject subject{.identity = identity,
                        .created = kube::created_at(*object),
                        .spec = spec ? &*spec : nullptr,
                        .deleting = kube::is_deleting(*object)};
  follow_servers(memory, subject, status, now.steady);
  Observed observed = known_objects(memory, status);
  observed.pods.resize(count_pods(key));
  ledger_.put(account_of(memory, subject, observed));
  // Not before: in between, others could take what both hold.
  if (before != identity.uid && !before.empty()) {
    turns_.remove(before);
    known.before[before] = until.value_or(now.steady);
    const std::lock_guard lock(mutex_);
    key_by_uid_.erase(before);
  }
  forget_before(known, now);
  return spec;
}

// Once there is a StatefulSet of this name, no write of before makes another; and whoever made it has listed
// the pods of this name, and counts them.
void Reconciler::forget_before(Known& known, const Moment& now) {
  std::erase_if(known.before, [&](const auto& gone) {
    if (gone.second > now.steady && !known.memory.workload.view()) return false;
    wake(ledger_.remove(gone.first, now.steady));
    return true;
  });
}

std::size_t Reconciler::count_pods(const kube::ObjectKey& key) const {
  const auto names = cluster_.cached_names(kube::resources::kPods, key);
  return static_cast<std::size_t>(std::count_if(
      names.begin(), names.end(), [&](const std::string& name) { return ordinal_of(name, key.name); }));
}

void Reconciler::prime(const Moment& now) {
  for (const kube::ObjectPtr& object : cluster_.cached_storage_pools()) {
    const kube::ObjectKey key = kube::key_of(*object);
    Known& known = this->known(key);
    remember(key, known, object, now);
    const Memory& memory = known.memory;
    const auto& workload = memory.workload.view();
    if (!workload || workload->rollout.empty() || kube::is_deleting(*object)) continue;
    const bool rolls = workload->rollout == workload->pod_template;
    turns_.put(memory.uid,
               {.key = key,
                .stage = rolls ? Turns::Stage::kRolls : Turns::Stage::kWaits,
                .ready = rolls && workload->was_ready},
               now.steady);
  }
}

// A StoragePool that went without being drained counts until its pods are gone, and one of which a write is
// in doubt until no pod comes of that.
bool Reconciler::forget(const kube::ObjectKey& key, Known& known, const Moment& now) {
  const Memory& memory = known.memory;
  if (!memory.uid.empty() && count_pods(key) > 0) return false;
  pods_.follow(key, {});
  turns_.remove(memory.uid);
  wake(turns_.next());
  forget_before(known, now);
  if (!known.before.empty() || may_still_start(key, memory, now)) return false;
  wake(ledger_.remove(memory.uid, now.steady));
  const std::lock_guard lock(mutex_);
  key_by_uid_.erase(memory.uid);
  known_.erase(key);
  return true;
}

// Pods of a write that found no end: none starts without the ConfigMap, which goes with the StoragePool. That
// it has gone is so, however late the cache hears of it; of pods that is not so.
bool Reconciler::may_still_start(const kube::ObjectKey& key, const Memory& memory, const Moment& now) {
  const auto until = in_doubt_until(memory);
  if (!until || *until <= now.steady) return false;
  const kube::ObjectKey config{key.name_space, render::config_map_name(key.name)};
  if (cached_own(cluster_, kube::resources::kConfigMaps, config, memory.uid)) return true;
  const auto listed = cluster_.list_pods(key);
  return !listed || !listed->pods.empty();
}

void Reconciler::wake(const std::vector<std::string>& uids) {
  if (!options_.wake) return;
  for (const std::string& uid : uids) {
    std::optional<kube::ObjectKey> key;
    {
      const std::lock_guard lock(mutex_);
      const auto known = key_by_uid_.find(uid);
      if (known != key_by_uid_.end()) key = known->second;
    }
    if (key) options_.wake(*key);
  }
}

bool Reconciler::is_settled(const kube::ObjectKey& key, const Known& known, const Moment& now) {
  const auto& settled = known.settled;
  return settled && now.steady < settled->until && settled->objects == cluster_.version(key) &&
         settled->reports == pods_.version(key) && settled->issuer == options_.token_issuer().issuer &&
         settled->outlook == ledger_.outlook(known.memory.uid, now.steady);
}

std::optional<runtime::TimePoint> Reconciler::follow_workloads(const Moment& now) {
  const std::lock_guard lock(workloads_mutex_);
  const std::uint64_t version = cluster_.workloads_version();
  const auto next = workloads_.next();
  const bool is_due = next && *next <= now.steady;
  if (version == workloads_version_ && !is_due) return next;
  workloads_version_ = version;
  workloads_.follow(
      cluster_.cached_workloads(), [&](const std::string& server) { return ledger_.has_server(server); },
      now.steady);
  const std::vector<CountedWorkload> counted = workloads_.counted();
  std::vector<sizing::OtherWorkload> counts;
  for (const CountedWorkload& workload : counted) counts.push_back(workload.counts);
  ledger_.put_workloads(counts);
  for (const kube::Event& event : workloads_.take_events()) {
    if (event.type == kube::EventType::kWarning) {
      log::warn("what a workload declares cannot be read",
                {{"kind", json::text_of(event.regarding["kind"])},
                 {"workload", kube::key_of({{"metadata", event.regarding}}).to_string()},
                 {"detail", event.note}});
    }
    cluster_.record(event);
  }
  if (options_.tell_workloads) options_.tell_workloads(counted);
  return workloads_.next();
}

// Less that others hold is noticed without a change.
tl::expected<Outcome, kube::ApiError> Reconciler::reconcile(const kube::ObjectKey& key, const Moment& now) {
  std::call_once(primed_, [&] { prime(now); });
  const auto until = follow_workloads(now);
  auto outcome = look_at(key, now);
  if (until && outcome && outcome->requeue_after) {
    outcome->requeue_after =
        std::min(*outcome->requeue_after, std::chrono::ceil<std::chrono::milliseconds>(*until - now.steady));
  }
  return outcome;
}

tl::expected<Outcome, kube::ApiError> Reconciler::look_at(const kube::ObjectKey& key, const Moment& now) {
  Known& known = this->known(key);
  if (is_settled(key, known, now)) return known.settled->outcome;
  known.settled.reset();
  // Before anything is read: what changes meanwhile is looked at once more.
  Settled seen{.objects = cluster_.version(key),
               .reports = pods_.version(key),
               .issuer = options_.token_issuer().issuer,
               .outlook = {},
               .until = {},
               .outcome = {}};
  kube::ObjectPtr object = cluster_.cached(kube::resources::kStoragePools, key);
  if (!object) {
    if (forget(key, known, now)) return Outcome{};
    return Outcome{.requeue_after = options_.resync, .budget = {}, .complaints = {}};
  }
  ReadSpec spec = remember(key, known, object, now);
  seen.outlook = ledger_.outlook(known.memory.uid, now.steady);
  auto outcome =
      Look(cluster_, pods_, options_, ledger_, turns_, known.memory, std::move(object), std::move(spec), now)
          .run();
  wake(ledger_.concerned(known.memory.uid, now.steady));
  wake(turns_.next());
  if (outcome && outcome->settled) {
    seen.until = now.steady + kSettledAtMost;
    seen.outcome = *outcome;
    known.settled = std::move(seen);
  }
  return outcome;
}

}  // namespace storagepool::reconcile
