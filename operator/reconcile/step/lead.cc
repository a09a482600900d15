#include "operator/reconcile/step/lead.h"

#include "operator/reconcile/step/holding.h"

namespace storagepool::reconcile {

Lead lead(const Desired& desired, const Observed& observed) {
  Lead lead{.postgres = desired.postgres, .candidate = {}, .room = {}};
  const std::int64_t pods = holding(observed).existing.peak_pods;
  if (!observed.granted || !observed.destination || pods == 0) return lead;
  const Granted& granted = *observed.granted;
  const auto there = observed.outlook.destination.value_or(sizing::Destination{});
  const std::int64_t room = there.room(pods, desired.request);
  const bool may_go = observed.destination->admitted || observed.destination->abandoned;
  if (may_go && room >= (there.known ? desired.request.min_conns_per_pod : 1)) lead.room = room;
  // Until the limit that fits there is confirmed.
  if (lead.room && granted.ceiling <= room) return lead;
  lead.postgres = granted.postgres;
  // The database is the spec's at once: pods with another one are replaced.
  lead.postgres.database = desired.postgres.database;
  if (granted.candidate || room >= 1) lead.candidate = desired.postgres;
  return lead;
}

}  // namespace storagepool::reconcile
