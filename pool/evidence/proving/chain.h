// What there is to say of all events of one correlation: whether each is as the log has it, and whether the
// log has others that are gone. Pure: events, what the log's tables have of them, and entries are given.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "pool/common/runtime/timestamp.h"
#include "pool/common/tlog/tlog.h"
#include "pool/event/event.h"
#include "pool/evidence/entry.h"

namespace storagepool::evidence {

// What the log's tables have of an event.
struct Logged {
  enum class Kind {
    kNone,     // no batch is named: it was stored by an earlier release or without a key
    kProven,   // the checkpoint's log has the entry
    kPending,  // a batch that a pod wrote has it, which that log does not have yet
    kBroken,   // `fault` says why it is neither
  };
  Kind kind = Kind::kNone;
  std::string entry{};
  std::string fault{};                 // a phrase
  std::optional<std::uint64_t> seq{};  // its place in the log, once it is sealed
};

struct TamperedEvent {
  std::string event_id;
  runtime::Timestamp event_timestamp{};
  std::optional<tlog::Hash> expected{};  // leaf of the row, if a pod can have stored it
  std::optional<tlog::Hash> actual{};    // leaf in the log, if it has one
  std::optional<tlog::Hash> previous{};  // leaf in the log of the event before it, if there is one
  std::string message{};
};

struct ChainReport {
  std::int64_t total = 0;     // events that are stored
  std::int64_t verified = 0;  // proven, or pending
  std::int64_t pending = 0;
  std::int64_t skipped = 0;               // of kNone
  std::int64_t erased = 0;                // of verified, without what they held: somebody has erased it
  std::int64_t missing = 0;               // that the log has and nobody stores, though they have not expired
  std::vector<TamperedEvent> tampered{};  // the first kMaxTampered
  std::int64_t more_tampered = 0;         // those after them
  bool is_valid() const { return tampered.empty() && missing == 0; }
};

inline constexpr std::size_t kMaxTampered = 1000;
// Of each an id is remembered.
inline constexpr std::int64_t kMaxChainEvents = 100'000;

// One correlation, one thread.
class Chain {
 public:
  Chain(const Keys& keys, std::string correlation_id);

  // Events of the correlation, the newest first, each once; `batch`: that its row names.
  void take(const event::Event& event, std::optional<std::int64_t> batch, const Logged& logged);
  bool is_full() const { return report_.total >= kMaxChainEvents; }

  // Ids of batches between which those of its events lie: from 10 minutes before the first to 10 minutes
  // after the last. No value where there is none.
  std::optional<std::pair<std::int64_t, std::int64_t>> batches() const;
  // That its entries may have.
  const std::vector<std::array<std::uint8_t, kTagBytes>>& tags() const { return tags_; }

  // Of an entry with one of them: whether its event is to be looked for, which was not taken and has not
  // expired. An event that was taken without a batch is told as tampered with.
  bool is_wanted(const Entry& entry, runtime::Timestamp now);
  // What was found then: the event, of whatever correlation it is now, or none.
  void found(const Entry& entry, const std::optional<event::Event>& event, std::optional<std::int64_t> batch,
             const Logged& logged);

  const ChainReport& report() const { return report_; }

 private:
  using Id = std::array<std::uint8_t, 16>;

  std::optional<tlog::Hash> leaf_of(const event::Event& event);
  void judge(const event::Event& event, const Logged& logged);
  void tampered(TamperedEvent event);

  EntryWriter writer_;
  tlog::Hasher hasher_;
  std::string correlation_id_;
  std::vector<std::array<std::uint8_t, kTagBytes>> tags_;
  ChainReport report_;
  std::set<Id> taken_;
  std::set<Id> without_batch_;
  std::optional<std::pair<std::int64_t, std::int64_t>> batches_;  // the least and the greatest
  bool previous_wanted_ = false;  // by the last of `tampered`, the event after this one
};

}  // namespace storagepool::evidence
