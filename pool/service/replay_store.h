// How the journal's events get into PostgreSQL: by the ingest, into the database of their workspace. Says by
// cause whether an entry can ever be stored; only what certainly cannot is set aside.
#pragma once

#include <functional>
#include <string>

#include "pool/audit/ingest.h"
#include "pool/audit/replay.h"
#include "pool/audit/workspaces.h"

namespace storagepool::service {

// What a workspace that cannot be resolved means for its entries: kDatabaseMissing when it is gone for good.
audit::StoreError replay_error(const audit::WorkspaceError& error);

// For audit::Replay; what is referred to must outlive it. While `away` says that PostgreSQL takes no events
// none is tried: a drain waits for the try under way.
audit::Replay::Store make_replay_store(audit::Ingest& ingest, audit::Workspaces& workspaces,
                                       std::string system_database, std::function<bool()> away);

}  // namespace storagepool::service
