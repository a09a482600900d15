// The account of a StoragePool in the Ledger, made of its objects and of what is remembered of it: where its
// pods may hold connections, and how many.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "operator/reconcile/step/holding.h"
#include "operator/reconcile/memory.h"
#include "operator/reconcile/step/next_step.h"
#include "operator/reconcile/step/server_name.h"
#include "operator/render/storage_pool.h"
#include "operator/sizing/ledger.h"
#include "pool/common/runtime/clock.h"

namespace storagepool::reconcile {

// What an account is made of beside what is remembered.
struct Subject {
  render::Identity identity;
  std::int64_t created = 0;            // Unix time in seconds
  const render::Spec* spec = nullptr;  // null: it cannot be read
  bool deleting = false;
};

// The spec of a StoragePool, with what its autoscalers may make of the number of replicas.
using ReadSpec = tl::expected<render::Spec, render::FieldProblems>;
ReadSpec read_spec(const Cluster& cluster, const Json& object);

// Takes over where the ConfigMap leads the pods and where the spec does: facts of another target are dropped,
// and where the pods may still be is kept in mind. Before that, `memory` has seen the ConfigMap. Without one
// they are led where the spec says, or where `status` was written of.
void follow_servers(Memory& memory, const Subject& subject, const Status& status,
                    sizing::KnownFacts::Time now);

// Where the ConfigMap lets pods be besides: the server that it has them try.
std::vector<std::string> tried_servers(const Memory& memory, const render::Identity& identity);

// All pods are where the ConfigMap leads, try what it names, and hold nothing anywhere else.
void forget_left_servers(Memory& memory, const render::Identity& identity);

// Takes over facts that a pod has read, unless newer ones are known.
void follow_facts(std::optional<sizing::KnownFacts>& known, const sizing::KnownFacts& facts);

// Takes over what the cache shows of the ConfigMap and the StatefulSet. A doubt ends with another version,
// and one begins when the version is older than it was: what pods were allowed before may be in force.
void see_objects(Memory& memory, const Cluster& cluster, const render::Identity& identity,
                 runtime::TimePoint now);

// Of two writes in doubt that were to change the same version, either may have been made.
void put_in_doubt(std::optional<Doubt>& doubt, const Doubt& more);

// Until when a write of the StatefulSet that found no end may still be made; absent: there is none.
std::optional<runtime::TimePoint> in_doubt_until(const Memory& memory);

// Of them, with what is in doubt: what next_step sees, without pods.
Observed known_objects(const Memory& memory, const Status& status);

sizing::Account account_of(const Memory& memory, const Subject& subject, const Observed& observed);

}  // namespace storagepool::reconcile
