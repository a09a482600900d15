// The text by which anybody can see offline that a log has an entry (c2sp.org/tlog-proof). Pure; takes
// hostile text.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include <tl/expected.hpp>

#include "pool/common/tlog/note.h"
#include "pool/common/tlog/proofs.h"

namespace storagepool::tlog {

inline constexpr std::size_t kMaxExtraBytes = 64 * 1024;
inline constexpr std::size_t kMaxProofHashes = 64;  // that a tree of 64 bits can need

struct InclusionProof {
  std::string extra{};      // any bytes beside it, which nothing vouches for; empty if there are none
  std::uint64_t index = 0;  // of the entry
  Proof path{};
  Note checkpoint{};  // of the tree (checkpoint.h)

  // One sentence on what is wrong; never shows the text. What is read is written back the same. Says nothing
  // on whether the path leads to the checkpoint's root (verify_inclusion) and who has signed that (NoteKey).
  static tl::expected<InclusionProof, std::string> read(std::string_view text);
  // REQUIRES: within the bounds above.
  std::string write() const;
  friend bool operator==(const InclusionProof&, const InclusionProof&) = default;
};

}  // namespace storagepool::tlog
