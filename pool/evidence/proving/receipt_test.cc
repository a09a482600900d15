#include "pool/evidence/proving/receipt.h"

#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "pool/common/tlog/frontier.h"

namespace storagepool::evidence {
namespace {

std::vector<tlog::Hash> some_leaves(tlog::Hasher& hasher, std::size_t count) {
  std::vector<tlog::Hash> leaves;
  for (std::size_t i = 0; i < count; ++i) leaves.push_back(hasher.leaf("call " + std::to_string(i)));
  return leaves;
}

TEST(Receipt, ATreeOfAnySizeProvesEachLeafAndNoOther) {
  tlog::Hasher hasher;
  for (std::size_t size = 1; size <= 40; ++size) {
    const auto leaves = some_leaves(hasher, size);
    const ReceiptTree tree(hasher, leaves);
    tlog::Frontier grown;
    std::vector<tlog::LevelNode> full;
    for (const tlog::Hash& leaf : leaves) grown.append(hasher, leaf, full);
    EXPECT_EQ(tree.root(), grown.root(hasher)) << size;
    const tlog::Hash other = hasher.leaf("another call");
    for (std::size_t i = 0; i < size; ++i) {
      const tlog::Proof path = tree.path(i);
      EXPECT_TRUE(tlog::verify_inclusion(hasher, leaves[i], i, size, path, tree.root()))
          << i << " of " << size;
      EXPECT_FALSE(tlog::verify_inclusion(hasher, other, i, size, path, tree.root())) << i << " of " << size;
    }
  }
}

TEST(Receipt, ItsTextSaysWhatIsPromisedWhereAndWhen) {
  tlog::Hasher hasher;
  const ReceiptTree tree(hasher, {hasher.leaf("")});
  const auto now = *runtime::parse_timestamp("2026-11-30T19:45:00.123456Z");
  EXPECT_EQ(receipt_text("storagepool.dev/team/audit", {.place = "_system"}, now, tree),
            "storagepool.dev/receipt/v1\nstoragepool.dev/team/audit\n_system\nstored\n"
            "2026-11-30T19:45:00.123456Z\n1\nbjQLnP+zepicpUTmu3gKLHiQHT+zNzh2hRGjBhevoB0=\n");
  EXPECT_EQ(receipt_text("o", {.place = "team-a", .journalled = true}, now, tree),
            "storagepool.dev/receipt/v1\no\nteam-a\njournalled\n2026-11-30T19:45:00.123456Z\n1\n"
            "bjQLnP+zepicpUTmu3gKLHiQHT+zNzh2hRGjBhevoB0=\n");
}

}  // namespace
}  // namespace storagepool::evidence
