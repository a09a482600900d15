// What an entry and a row have to do with each other. Pure; nothing of a row is trusted.
#pragma once

#include <array>
#include <chrono>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>

#include "pool/common/runtime/timestamp.h"
#include "pool/event/event.h"
#include "pool/evidence/entry.h"

namespace storagepool::evidence {

struct AuditedRow {
  std::optional<event::Event> event{};  // no value: it cannot be read
  std::optional<std::int64_t> batch{};  // that it names
};

enum class Finding {
  kFine,
  kMissing,
  kAltered,
  kUnlogged,
  kWithoutBatch,  // the row names none
  kLate,          // likewise, and it is of a time when the log had begun
};

// Which entries must have their rows, at this moment.
class Wanted {
 public:
  // By how much clocks that decide what has expired may differ.
  static constexpr std::chrono::hours kMargin{1};
  // What has expired is kept, since when.
  using Held = std::map<std::array<std::uint8_t, kTagBytes>, runtime::Timestamp>;

  Wanted(runtime::Timestamp now, Held held) : now_(now), held_(std::move(held)) {}
  bool operator()(const Entry& entry) const;

 private:
  runtime::Timestamp now_;
  Held held_;
};

// Of an entry of the log whose row is wanted; null: its key finds none.
Finding judge_entry(std::string_view entry, const AuditedRow* row, EntryWriter& writer);

// The entries that a batch keeps, by their events.
class BatchEntries {
 public:
  BatchEntries() = default;  // of a batch that no pod has written
  explicit BatchEntries(std::string kept);
  // Of the event with this id; empty: none.
  std::string_view find(const std::string& event_id) const;

 private:
  std::string kept_;
  std::unordered_map<std::string, std::size_t> places_;
};

// Of a row of the heap, by the batch that it names. `log_began`: events of a later time can only have been
// stored since.
Finding judge_row(const AuditedRow& row, const BatchEntries& batch, runtime::Timestamp log_began,
                  EntryWriter& writer);

}  // namespace storagepool::evidence
