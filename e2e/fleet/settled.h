// Where StoragePools are when each has gone where its plan leads and confirmed it, by the operator's planner
// and Ledger.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "operator/sizing/ledger.h"

namespace storagepool::e2e {

// One that asks for so many pods on a server with so many connections, which its pods have told.
sizing::Account asking(const std::string& uid, const std::string& server, std::int64_t pods,
                       std::int64_t max_open_conns, std::int64_t max_connections);

// Changes `accounts` to what they come to, and puts them. What is short, as a condition says it; empty:
// nothing.
std::string settle(sizing::Ledger& ledger, std::vector<sizing::Account>& accounts);

}  // namespace storagepool::e2e
