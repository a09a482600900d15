// How the journal's events get into PostgreSQL: into the database of their workspace. Says by cause whether
// a unit can ever be stored; only what certainly cannot is set aside.
#pragma once

#include "pool/recording/destinations.h"
#include "pool/recording/event_store.h"
#include "pool/recording/replay.h"

namespace storagepool::recording {

// What a workspace that cannot be resolved means for its units: kDatabaseMissing when it is gone for good.
tables::StoreError replay_error(const workspaces::Error& error);

// For Replay; what is referred to must outlive it. While PostgreSQL is away none is tried.
Replay::Store make_replay_store(EventStore& store, Destinations& destinations);

}  // namespace storagepool::recording
