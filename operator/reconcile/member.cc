#include "operator/reconcile/member.h"

#include <algorithm>

#include "operator/reconcile/next_step.h"

namespace storagepool::reconcile {
namespace {

std::string server_part(const std::string& target) {
  return target.substr(0, target.find('/'));
}

}  // namespace

void follow_spec(Memory& memory, const render::Identity& identity, const render::Spec& spec,
                 const Json& status) {
  Member& member = memory.member;
  const std::string target = render::target_of(spec.postgres);
  const std::string server = render::server_of(spec.postgres);
  member.uid = identity.uid;
  member.role = identity.name_space + "/" + spec.credentials_secret;
  member.database = spec.postgres.database;
  if (target != memory.target) {
    const std::string before = memory.target.empty() ? text_at(status, "/serverFacts/target") : memory.target;
    if (!before.empty() && server_part(before) != server) member.leaving = server_part(before);
    member.facts = read_facts(status, target);
    memory.target = target;
  }
  member.server = server;
}

void follow_objects(Memory& memory, const sizing::Request& request, std::int64_t last_ceiling) {
  Member& member = memory.member;
  Observed observed;
  observed.granted = memory.granted.view();
  if (memory.workload.view()) observed.workload = memory.workload.view()->workload;
  observed.last_ceiling = last_ceiling;
  member.held = claim(observed);
  member.replicas = observed.workload ? observed.workload->replicas : 0;
  const std::int64_t peak = observed.workload ? observed.workload->peak_pods : 0;
  // With Observe nothing is ever taken back for others.
  member.least = request.policy == sizing::Policy::kObserve
                     ? member.held
                     : std::min(member.held, peak * request.min_conns_per_pod);
}

std::int64_t last_ceiling(const Json& status) {
  const std::int64_t pods = integer_at(status, "/connectionBudget/peakPods", 0);
  return pods > 0 ? integer_at(status, "/connectionBudget/granted", 0) / pods : 0;
}

void follow_facts(Memory& memory, const KnownFacts& facts) {
  auto& known = memory.member.facts;
  if (!known || facts.as_of > known->as_of) known = facts;
}

}  // namespace storagepool::reconcile
