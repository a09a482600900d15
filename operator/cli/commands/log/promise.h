// What a pod has promised of the events of one call, by the receipt in its answer (docs/evidence.md), and
// whether they are among those that the log is shown to have. Pure; takes hostile text.
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include <tl/expected.hpp>

#include "operator/cli/commands/log/proof_verdict.h"
#include "pool/common/tlog/note_key.h"

namespace storagepool::cli {

class Promise {
 public:
  // `answer`: of the API to the call. The key is that of a database's own log, by which those of its
  // workspaces are signed too; empty: the call was of none. Or why it promises nothing.
  static tl::expected<Promise, std::string> read(std::string_view answer, const tlog::NoteKey& key,
                                                 std::string_view workspace);

  // The log has this entry.
  void has(std::string_view entry);
  Promised verdict() const;

 private:
  Promised receipt_{};
  std::map<std::string, bool> logged_{};  // whether the log has it, by what of an entry no key changes
};

}  // namespace storagepool::cli
