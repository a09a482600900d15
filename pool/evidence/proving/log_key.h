// The key of a log as pods hold it.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "pool/common/tlog/note_key.h"
#include "pool/evidence/entry.h"

namespace storagepool::evidence {

struct LogKey {
  tlog::NoteKey signer;
  Keys keys;
  std::vector<tlog::NoteKey> others{};  // that sign besides, under the same name; `keys` has theirs too

  // Under the name of another epoch, or of a workspace's log. REQUIRES: it is one (tlog::is_key_name).
  LogKey named(std::string_view name) const;
  // Adds the signature of each.
  void sign(tlog::Note& note) const;
  // What others verify with; that of the signer first.
  std::vector<std::string> vkeys() const;
};

}  // namespace storagepool::evidence
