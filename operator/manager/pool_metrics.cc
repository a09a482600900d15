#include "operator/manager/pool_metrics.h"

#include <string>

#include "operator/manager/gauge.h"

namespace storagepool::manager {
namespace {

using Labels = std::map<std::string, std::string>;

}  // namespace

PoolMetrics::PoolMetrics(runtime::Metrics& metrics)
    : managed_(gauge(metrics, "storagepool_managed", "StoragePools with a known budget").Add({})),
      usable_(gauge(metrics, "storagepool_connections_usable",
                    "Connections of the server that StoragePools may use")),
      share_(
          gauge(metrics, "storagepool_connections_share",
                "Connections that the pods of a StoragePool are to hold beside the others' on their server")),
      granted_(gauge(metrics, "storagepool_connections_granted",
                     "Connections that the pods of a StoragePool may hold")),
      per_pod_(gauge(metrics, "storagepool_connections_per_pod", "Connections granted to each pod")),
      condition_(gauge(metrics, "storagepool_condition",
                       "1 for each condition of a StoragePool that is not as it should be")) {}

void PoolMetrics::publish(const kube::ObjectKey& key, const reconcile::Outcome& outcome) {
  const std::lock_guard lock(mutex_);
  Known& known = known_[key];
  publish_complaints(key, known, outcome.complaints);
  if (!outcome.requeue_after) {
    remove_budget(known);
    known_.erase(key);
  } else if (outcome.budget) {
    publish_budget(key, known, *outcome.budget);
  }
}

void PoolMetrics::publish_budget(const kube::ObjectKey& key, Known& known,
                                 const reconcile::BudgetNumbers& numbers) {
  if (known.budget && known.budget->server != numbers.server) remove_budget(known);
  if (!known.budget) {
    const Labels labels{{"namespace", key.name_space}, {"name", key.name}, {"server", numbers.server}};
    known.budget = Budget{.server = numbers.server,
                          .usable = &usable_.Add(labels),
                          .share = &share_.Add(labels),
                          .granted = &granted_.Add(labels),
                          .per_pod = &per_pod_.Add(labels)};
    managed_.Increment();
  }
  known.budget->usable->Set(static_cast<double>(numbers.usable));
  known.budget->share->Set(static_cast<double>(numbers.share));
  known.budget->granted->Set(static_cast<double>(numbers.granted));
  known.budget->per_pod->Set(static_cast<double>(numbers.per_pod));
}

void PoolMetrics::publish_complaints(const kube::ObjectKey& key, Known& known,
                                     const std::vector<reconcile::Complaint>& complaints) {
  if (known.complaints == complaints) return;
  for (prometheus::Gauge* condition : known.conditions) condition_.Remove(condition);
  known.conditions.clear();
  known.complaints = complaints;
  for (const reconcile::Complaint& complaint : complaints) {
    const Labels labels{{"namespace", key.name_space},
                        {"name", key.name},
                        {"type", complaint.type},
                        {"status", complaint.status},
                        {"reason", complaint.reason}};
    known.conditions.push_back(&condition_.Add(labels, 1));
  }
}

void PoolMetrics::remove_budget(Known& known) {
  if (!known.budget) return;
  usable_.Remove(known.budget->usable);
  share_.Remove(known.budget->share);
  granted_.Remove(known.budget->granted);
  per_pod_.Remove(known.budget->per_pod);
  known.budget.reset();
  managed_.Decrement();
}

}  // namespace storagepool::manager
