// How the journal's events get into PostgreSQL: by the ingest, into the database of their workspace. Says by
// cause whether an entry can ever be stored; only what certainly cannot is set aside.
#pragma once

#include <functional>
#include <string>

#include "pool/ingest/ingest.h"
#include "pool/recording/replay.h"
#include "pool/workspaces/workspaces.h"

namespace storagepool::recording {

// What a workspace that cannot be resolved means for its entries: kDatabaseMissing when it is gone for good.
tables::StoreError replay_error(const workspaces::WorkspaceError& error);

// For Replay; what is referred to must outlive it. While `away` says that PostgreSQL takes no events
// none is tried: a drain waits for the try under way.
Replay::Store make_replay_store(ingest::Ingest& ingest, workspaces::Workspaces& workspaces,
                                std::string system_database, std::function<bool()> away);

}  // namespace storagepool::recording
