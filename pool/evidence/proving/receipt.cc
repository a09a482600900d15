#include "pool/evidence/proving/receipt.h"

#include <utility>

#include "pool/common/encoding/encoding.h"
#include "pool/common/runtime/check.h"

namespace storagepool::evidence {
namespace {

constexpr std::string_view kReceiptForm = "storagepool.dev/receipt/v1";

}  // namespace

ReceiptTree::ReceiptTree(tlog::Hasher& hasher, std::vector<tlog::Hash> leaves) : hasher_(hasher) {
  STORAGEPOOL_INVARIANT(!leaves.empty(), "a receipt of no calls", {"leaves", leaves.size()});
  levels_.push_back(std::move(leaves));
  while (levels_.back().size() > 1) {
    const std::vector<tlog::Hash>& below = levels_.back();
    std::vector<tlog::Hash> above;
    for (std::size_t i = 0; i + 1 < below.size(); i += 2)
      above.push_back(hasher.node(below[i], below[i + 1]));
    levels_.push_back(std::move(above));
  }
}

tlog::Hash ReceiptTree::subtree(const tlog::Subtree& subtree) const {
  return levels_.at(subtree.height).at(subtree.index);
}

tlog::Hash ReceiptTree::root() const {
  return tlog::make_proof(hasher_, tlog::root_plan(size()),
                          [this](const tlog::Subtree& one) { return subtree(one); })
      .front();
}

tlog::Proof ReceiptTree::path(std::uint64_t index) const {
  return tlog::make_proof(hasher_, tlog::inclusion_plan(index, size()),
                          [this](const tlog::Subtree& one) { return subtree(one); });
}

std::string receipt_text(std::string_view origin, const Promise& promise, runtime::Timestamp now,
                         const ReceiptTree& tree) {
  const tlog::Hash root = tree.root();
  std::string text(kReceiptForm);
  text += "\n" + std::string(origin) + "\n" + promise.place;
  text += promise.journalled ? "\njournalled\n" : "\nstored\n";
  text += runtime::format_timestamp(now) + "\n" + std::to_string(tree.size()) + "\n";
  return text + encoding::encode_base64({reinterpret_cast<const char*>(root.data()), root.size()}) + "\n";
}

}  // namespace storagepool::evidence
