// What the operator knows of a StoragePool's objects, put into the words of the real next_step and Ledger.
#pragma once

#include <string>

#include "operator/reconcile/explorer/configuration.h"
#include "operator/reconcile/explorer/faults.h"
#include "operator/reconcile/step/next_step.h"
#include "operator/sizing/ledger.h"

namespace storagepool::reconcile::explorer {

const settings::Settings& settings_with(Byte limit);
sizing::Request request_of(const Spec& spec);
std::string server_name(Byte server);
settings::PostgresTarget target_of(Byte server);

// As account.cc makes it: what is known of the objects, and what a write of which the end is not known may
// have made of them.
Observed known_objects(const Pool& pool, Fault fault);
// As account.cc and Ledger::raise make it.
sizing::Account account_of(const Configuration& configuration, const State& state, int pool, Fault fault);

}  // namespace storagepool::reconcile::explorer
