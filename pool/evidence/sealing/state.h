// The state of a log, and the MACs by which it and batches are known to be of a pod. Pure.
#pragma once

#include <array>
#include <cstdint>
#include <deque>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <string_view>

#include "pool/common/tlog/checkpoint.h"
#include "pool/common/tlog/frontier.h"
#include "pool/common/tlog/note.h"
#include "pool/common/tlog/note_key.h"
#include "pool/evidence/entry.h"
#include "pool/evidence/sealing/sealing.h"

namespace storagepool::evidence {

struct LogState {
  std::string origin{};  // which log: a line, not empty
  std::int64_t epoch = 1;
  std::int64_t incarnation = 1;
  BatchPlace last{};  // of the incarnation; what comes after it was not looked at yet
  tlog::Frontier frontier{};
  std::uint64_t min_index = 0;  // entries before it are pruned
  std::optional<std::string> published{};
  std::uint64_t written_by = 0;  // id of the transaction that wrote this row

  std::uint64_t size() const { return frontier.size(); }
};

using Mac = std::array<std::uint8_t, kMacBytes>;

// One thread at a time.
class LogMacs {
 public:
  // The first key makes MACs; all are accepted, earlier ones of each too. REQUIRES: one at least.
  explicit LogMacs(std::span<const Keys> keys);

  // Over every member; never that of a batch, whose id, with which its text begins, is not negative.
  Mac of_state(const LogState& state);
  bool is_of_state(const LogState& state, std::string_view mac);
  // Of all entries that were offered. A negative id is never a batch's.
  bool is_of_batch(std::int64_t batch, std::string_view entries, std::string_view mac);
  // Those that entries of the correlation have, one for each key.
  void add_tags(std::string_view correlation_id, std::set<std::array<std::uint8_t, kTagBytes>>& tags);

 private:
  struct Key {
    explicit Key(const Keys& keys) : batches(keys), states(keys.mac) {}
    EntryWriter batches;
    Authenticator states;
  };
  std::deque<Key> keys_;
};

// What the log has in this state.
tlog::Checkpoint checkpoint_of(const LogState& state, tlog::Hasher& hasher);
// REQUIRES: the checkpoint is of a state whose COMMIT was acknowledged; the key is of a seed.
tlog::Note sign(const tlog::Checkpoint& checkpoint, const tlog::NoteKey& key);

}  // namespace storagepool::evidence
