// spec.auth: who may use the API, and for what. Pure.
#pragma once

#include "operator/render/storage_pool.h"

namespace storagepool::render {

// Absent, it lets the service accounts of the StoragePool's own namespace read and write.
void read_auth(const Json& object, const Identity& pool, Spec& spec, FieldProblems& problems);

}  // namespace storagepool::render
