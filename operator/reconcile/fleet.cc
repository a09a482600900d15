#include "operator/reconcile/fleet.h"

namespace storagepool::reconcile {
namespace {

// Roles behind different Secrets may still be one; an equal limit is taken as a sign of it, which errs to the
// safe side.
bool same_role(const Member& a, const Member& b) {
  if (a.role == b.role) return true;
  return a.facts && b.facts && a.facts->facts.role_limit &&
         a.facts->facts.role_limit == b.facts->facts.role_limit;
}

}  // namespace

bool same_server(const Member& self, const Member& other) {
  if (self.server == other.server || self.server == other.leaving) return true;
  return self.facts && other.facts && !self.facts->facts.system_identifier.empty() &&
         self.facts->facts.system_identifier == other.facts->facts.system_identifier;
}

Neighbourhood neighbourhood(const Member& self, std::span<const Member> all) {
  Neighbourhood result;
  const KnownFacts* newest = self.facts ? &*self.facts : nullptr;
  std::optional<std::int64_t> role_limit;
  std::optional<std::int64_t> database_limit;
  for (const Member& other : all) {
    if (other.uid == self.uid || !same_server(self, other)) continue;
    const bool role = same_role(self, other);
    const bool database = self.database == other.database;
    const auto add = [&](sizing::Claims& claims, std::int64_t connections) {
      claims.on_server += connections;
      if (role) claims.of_role += connections;
      if (database) claims.on_database += connections;
    };
    add(result.others.held, other.held);
    add(result.others.least, other.least);
    result.others.have_pods |= other.replicas > 0;
    if (!other.facts || other.leaving == self.server) continue;
    if (newest == nullptr || other.facts->as_of > newest->as_of) newest = &*other.facts;
    if (role && !role_limit) role_limit = other.facts->facts.role_limit;
    if (database && !database_limit) database_limit = other.facts->facts.database_limit;
  }
  if (newest == nullptr) return result;
  result.facts = newest->facts;
  result.facts->role_limit = self.facts ? self.facts->facts.role_limit : role_limit;
  result.facts->database_limit = self.facts ? self.facts->facts.database_limit : database_limit;
  return result;
}

}  // namespace storagepool::reconcile
