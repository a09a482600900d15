// A log of a StoragePool as its pods tell it to the operator, for tests.
#pragma once

#include <cstdint>
#include <string>

#include "operator/kube/resource.h"
#include "operator/witness/witness.h"
#include "pool/common/encoding/encoding.h"
#include "pool/common/tlog/testing/kept_tree.h"

namespace storagepool::witness::testing {

inline const kube::ObjectKey kPool{"team", "audit"};
inline constexpr const char* kOrigin = "storagepool.dev/team/audit";

inline const tlog::NoteKey& witness_key() {
  static const auto key =
      tlog::NoteKey::of_seed(tlog::KeyKind::kWitness, "storagepool.dev/witness/system", std::string(32, 'w'));
  return *key;
}

class ToldLog {
 public:
  explicit ToldLog(const std::string& origin = kOrigin, char seed = 'l')
      : key_(tlog::NoteKey::of_seed(tlog::KeyKind::kLog, origin, std::string(32, seed)).value()) {}

  // Entries whose text begins so.
  void grow(int entries, const std::string& text = "entry ") {
    for (int i = 0; i < entries; ++i) tree_.append(text + std::to_string(size_++));
  }
  std::uint64_t size() const { return size_; }
  // With the proof from `kept`; 0: without.
  settings::LogReport told(std::uint64_t kept = 0) {
    const tlog::Checkpoint now{.origin = key_.name(), .size = size_, .root = tree_.root()};
    const std::string text = now.write();
    settings::LogReport report{
        .checkpoint = tlog::Note{.text = text, .signatures = {key_.sign(text, {})}}.write(),
        .vkey = key_.public_text(),
        .proof = {}};
    if (kept == 0) return report;
    for (const tlog::Hash& hash : tree_.prove(tlog::consistency_plan(kept, size_)))
      report.proof.push_back(
          encoding::encode_base64({reinterpret_cast<const char*>(hash.data()), hash.size()}));
    return report;
  }
  Floor floor() {
    const settings::LogReport now = told();
    return read_floor(now.checkpoint, now.vkey, kOrigin).value();
  }

 private:
  tlog::NoteKey key_;
  tlog::testing::KeptTree tree_;
  std::uint64_t size_ = 0;
};

}  // namespace storagepool::witness::testing
