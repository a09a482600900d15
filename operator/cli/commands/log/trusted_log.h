// The log that an export is of, to who has the verifier key of a database's own log: all logs of a
// StoragePool are signed by one pair of keys, each under its own name, and that of a workspace is that of the
// database,
// `/ws/`, the workspace's name and an id that it has until it is removed. Pure; takes hostile text.
#pragma once

#include <optional>
#include <string>

#include <tl/expected.hpp>

#include "pool/common/tlog/checkpoint.h"
#include "pool/common/tlog/note_key.h"

namespace storagepool::cli {

class TrustedLog {
 public:
  // The database's own, whose key must outlive this; with a workspace, that of the one of this name of which
  // a checkpoint is shown first.
  explicit TrustedLog(const tlog::NoteKey& key, std::string workspace = {});

  // What the log's key has signed; or why the note is not that.
  tl::expected<tlog::Checkpoint, std::string> checkpoint(const tlog::Note& note);
  // Of the log; of a workspace's only once a checkpoint of it was shown.
  const tlog::NoteKey& key() const { return of_workspace_ ? *of_workspace_ : key_; }
  // Its origin, as far as it is known.
  std::string origin() const;
  bool is_of_workspace() const { return !workspace_.empty(); }
  const std::string& workspace() const { return workspace_; }

 private:
  bool is_of_workspace_named(const std::string& origin) const;

  const tlog::NoteKey& key_;
  std::string workspace_;
  std::optional<tlog::NoteKey> of_workspace_;
};

}  // namespace storagepool::cli
