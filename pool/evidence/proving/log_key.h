// The key of a log as pods hold it.
#pragma once

#include "pool/common/tlog/note_key.h"
#include "pool/evidence/entry.h"

namespace storagepool::evidence {

struct LogKey {
  tlog::NoteKey signer;
  Keys keys;
};

}  // namespace storagepool::evidence
