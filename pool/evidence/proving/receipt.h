// Receipts: what a pod promises of the calls that it answers at one moment, that their events are stored, or
// are in its journal and will be. All of them have one note, signed by the log's key: the root of a tree (as
// RFC 6962 has them) with a leaf for each call, over the entries that the log has, or will have, of the
// call's events. Its text, a line each:
//
//   storagepool.dev/receipt/v1
//   <origin of the log of the StoragePool's own database>
//   <the workspace, or _system>
//   stored | journalled
//   <time of the answer, RFC 3339>
//   <calls>
//   <root, base64>
//
// Pure.
#pragma once

#include <compare>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "pool/common/runtime/timestamp.h"
#include "pool/common/tlog/proofs.h"
#include "pool/common/tlog/tlog.h"

namespace storagepool::evidence {

// What is promised of each call.
struct Promise {
  std::string place{};  // the workspace, or _system
  bool journalled = false;
  friend auto operator<=>(const Promise&, const Promise&) = default;
};

// Of some leaves, at least one.
class ReceiptTree {
 public:
  ReceiptTree(tlog::Hasher& hasher, std::vector<tlog::Hash> leaves);

  std::uint64_t size() const { return levels_.front().size(); }
  tlog::Hash root() const;
  tlog::Proof path(std::uint64_t index) const;  // REQUIRES: index < size()

 private:
  tlog::Hash subtree(const tlog::Subtree& subtree) const;

  tlog::Hasher& hasher_;
  std::vector<std::vector<tlog::Hash>> levels_;  // the roots of full subtrees, by height
};

std::string receipt_text(std::string_view origin, const Promise& promise, runtime::Timestamp now,
                         const ReceiptTree& tree);

}  // namespace storagepool::evidence
