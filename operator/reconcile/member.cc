#include "operator/reconcile/member.h"

#include <algorithm>

#include "operator/reconcile/next_step.h"

namespace storagepool::reconcile {
namespace {

// A name for the server that is the same however a Service is written: "db", "db.team" and "db.team.svc" are
// one server for a StoragePool in the namespace "team", and "db" is another one for a StoragePool elsewhere.
std::string qualified_server(const std::string& target, const std::string& name_space) {
  const std::string server = target.substr(0, target.find('/'));
  const std::size_t colon = server.rfind(':');
  std::string host = server.substr(0, colon);
  for (const std::string_view suffix : {".cluster.local", ".svc"}) {
    if (host.ends_with(suffix)) host.resize(host.size() - suffix.size());
  }
  if (host.find_first_of(".:") == std::string::npos) host += "." + name_space;
  return host + server.substr(colon);
}

}  // namespace

void follow_spec(Memory& memory, const render::Identity& identity, const render::Spec& spec,
                 const Status& status) {
  Member& member = memory.member;
  const std::string target = settings::target_of(spec.postgres);
  const std::string server = qualified_server(target, identity.name_space);
  member.uid = identity.uid;
  member.role = identity.name_space + "/" + spec.credentials_secret;
  member.database = spec.postgres.database;
  if (target != memory.target) {
    const auto& facts = status.server_facts;
    const std::string before = memory.target.empty() && facts ? facts->target : memory.target;
    const std::string old = before.empty() ? server : qualified_server(before, identity.name_space);
    if (old != server) member.leaving = old;
    member.facts = known_facts(status, target);
    memory.target = target;
  }
  member.server = server;
}

void follow_objects(Memory& memory, const sizing::Request& request, std::int64_t last_ceiling) {
  Member& member = memory.member;
  Observed observed;
  observed.granted = memory.granted.view();
  if (const auto& view = memory.workload.view()) observed.workload = view->workload;
  observed.last_ceiling = last_ceiling;
  member.held = claim(observed);
  member.replicas = observed.workload ? observed.workload->replicas : 0;
  const std::int64_t peak = observed.workload ? observed.workload->peak_pods : 0;
  // With Observe nothing is ever taken back for others.
  member.least = request.policy == sizing::Policy::kObserve
                     ? member.held
                     : std::min(member.held, peak * request.min_conns_per_pod);
}

void follow_facts(Memory& memory, const KnownFacts& facts) {
  auto& known = memory.member.facts;
  if (!known || facts.as_of > known->as_of) known = facts;
}

}  // namespace storagepool::reconcile
