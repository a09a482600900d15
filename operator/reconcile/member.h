// Keeps a StoragePool's entry in the fleet up to date from its spec, its objects and what is remembered.
#pragma once

#include <optional>

#include "operator/reconcile/memory.h"
#include "operator/render/storage_pool.h"

namespace storagepool::reconcile {

// Takes over the spec's server; facts of another target are dropped, and the server that the pods leave is
// kept in mind. `status` is the StoragePool's, for the first look after the operator has started.
void follow_spec(Memory& memory, const render::Identity& identity, const render::Spec& spec,
                 const Status& status);

// Recomputes what the StoragePool may hold from the remembered objects. `last_ceiling` counts where the
// ConfigMap is lost.
void follow_objects(Memory& memory, const sizing::Request& request, std::int64_t last_ceiling);

// Takes over facts that a pod has read, unless newer ones are known.
void follow_facts(Memory& memory, const KnownFacts& facts);

}  // namespace storagepool::reconcile
