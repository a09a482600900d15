// How the ledger names servers.
#pragma once

#include <string>

#include "operator/render/storage_pool.h"
#include "pool/common/settings/config_file.h"

namespace storagepool::reconcile {

// "host:port" of a target, the same however a Service is written: "db", "db.team" and "db.team.svc" are one
// server for a StoragePool in the namespace "team", and "db" is another one for a StoragePool elsewhere.
std::string qualified_server(const std::string& target, const std::string& name_space);
std::string server_name(const settings::PostgresTarget& target, const render::Identity& identity);

}  // namespace storagepool::reconcile
