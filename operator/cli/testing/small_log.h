// A log as a StoragePool has it, and what its API answers of the events in it.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "operator/cli/commands/log/anchor.h"
#include "operator/cli/commands/log/proofs.h"
#include "pool/common/encoding/encoding.h"
#include "pool/common/encoding/sha256.h"
#include "pool/common/tlog/checkpoint.h"
#include "pool/common/tlog/inclusion_proof.h"
#include "pool/common/tlog/note_key.h"
#include "pool/common/tlog/testing/kept_tree.h"

namespace storagepool::cli::testing {

inline constexpr const char* kOrigin = "storagepool.dev/team/audit";

// A log of some events, and what its API answers of them.
class SmallLog {
 public:
  explicit SmallLog(const std::string& origin = kOrigin)
      : key_(*tlog::NoteKey::of_seed(tlog::KeyKind::kLog, origin, std::string(tlog::kSeedBytes, 's'))) {}

  // An event with this event_data; returns its number.
  std::size_t add(const std::string& data, Json more = Json::object()) {
    Json head{{"event_id", "id-" + std::to_string(items_.size())},
              {"event_action", "create"},
              {"event_data_sha256", encoding::sha256_hex(data)},
              {"retention_days", 30}};
    Json item = head;
    item.erase("event_data_sha256");
    item["event_date"] = "2026-01-31";
    item["actor_id"] = nullptr;
    for (const auto& [name, value] : more.items()) {
      if (name == "salt") {
        head[name] = value;
      } else if (name == "error_message") {
        item[name] = value;
        head["error_message_sha256"] = encoding::sha256_hex(value.get<std::string>());
      } else {
        head[name] = item[name] = value;
      }
    }
    std::string text = item.dump();
    text.insert(text.size() - 1, ",\"event_data\":" + data);
    items_.push_back(text);
    heads_.push_back(head.dump());
    const auto digest = encoding::sha256(heads_.back());
    entries_.push_back(std::string(35, 'e') + std::string(digest.begin(), digest.end()));
    tree_.append(entries_.back());
    return items_.size() - 1;
  }
  const std::string& item(std::size_t event) const { return items_.at(event); }
  const std::string& entry(std::size_t event) const { return entries_.at(event); }
  std::string proof(std::size_t event, bool shows_head = true, const std::string& origin = {}) {
    const tlog::Checkpoint checkpoint{
        .origin = origin.empty() ? key_.name() : origin, .size = entries_.size(), .root = tree_.root()};
    tlog::Note note{.text = checkpoint.write()};
    note.signatures.push_back(key_.sign(note.text, {}));
    return tlog::InclusionProof{.extra = entries_.at(event) + (shows_head ? heads_.at(event) : ""),
                                .index = event,
                                .path = tree_.prove(tlog::inclusion_plan(event, entries_.size())),
                                .checkpoint = note}
        .write();
  }
  std::string line(std::size_t event) { return proven_line(items_.at(event), proof(event)); }
  // The same, its checkpoint cosigned then.
  std::string cosigned_proof(std::size_t event, const tlog::NoteKey& witness, std::chrono::sys_seconds at) {
    auto proof = tlog::InclusionProof::read(this->proof(event)).value();
    proof.checkpoint.signatures.push_back(witness.sign(proof.checkpoint.text, at));
    return proof.write();
  }
  const tlog::NoteKey& key() const { return key_; }
  tlog::testing::KeptTree& tree() { return tree_; }
  // The event_data by which a pod tells where this log is, in the database's own.
  std::string anchor() {
    const tlog::Hash root = tree_.root();
    const std::string text(root.begin(), root.end());
    const Json other{{"origin", "another"}, {"size", 1}, {"root", encoding::encode_base64(text)}};
    const Json here{
        {"origin", key_.name()}, {"size", entries_.size()}, {"root", encoding::encode_base64(text)}};
    return Json{{"logs", {other, here}}}.dump();
  }
  // That it continues what it was.
  Step step(std::uint64_t from, std::uint64_t to) {
    return {from, to, tree_.prove(tlog::consistency_plan(from, to))};
  }

 private:
  tlog::NoteKey key_;
  std::vector<std::string> items_;
  std::vector<std::string> heads_;
  std::vector<std::string> entries_;
  tlog::testing::KeptTree tree_;
};

inline std::string replaced(std::string text, const std::string& what, const std::string& by) {
  const auto at = text.find(what);
  EXPECT_NE(at, std::string::npos) << what;
  return text.replace(at, what.size(), by);
}

}  // namespace storagepool::cli::testing
