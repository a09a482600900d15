// How far the full audit has come, and the text and MAC by which the database keeps it. Pure.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "pool/common/runtime/timestamp.h"
#include "pool/common/tlog/frontier.h"
#include "pool/evidence/auditing/auditing.h"
#include "pool/evidence/auditing/compare.h"
#include "pool/evidence/digest.h"
#include "pool/evidence/entry.h"

namespace storagepool::evidence {

// A place in the heap of a partition, from which on it was not read yet.
struct HeapPlace {
  std::int64_t partition = 0;  // its oid; those with lower ones were read
  std::int64_t block = 0;
  std::int64_t offset = 0;
  friend bool operator==(const HeapPlace&, const HeapPlace&) = default;
};

struct AuditProgress {
  enum class Phase { kEntries, kRows, kEnded };
  Phase phase = Phase::kEntries;
  runtime::Timestamp began{};
  runtime::Timestamp stepped{};  // last
  std::int64_t pod = 0;          // that did so
  runtime::Timestamp log_began{};
  std::int64_t size = 0;         // of the log that is looked at
  std::int64_t at = 0;           // entries that were
  tlog::Frontier frontier{};     // of these
  bool log_is_altered = false;   // it is not the log any more, and of no use
  std::int64_t blocks = 0;       // of the heap, when the pass began
  std::int64_t blocks_read = 0;  // as far as full
  HeapPlace heap{};
  std::int64_t missing = 0;
  std::int64_t altered_by_key = 0;
  std::int64_t altered_in_heap = 0;
  std::int64_t unlogged = 0;
  std::int64_t without_batch = 0;
  std::int64_t late = 0;
  std::optional<FullAudit> last{};  // the pass before; of kEnded, this one

  // An event that is stored once is counted once, whichever way it was found to be altered.
  std::int64_t altered() const { return std::max(altered_by_key, altered_in_heap); }
  void count(Finding finding);  // REQUIRES: kEntries or kRows, by which it is counted

  std::string write() const;
  static std::optional<AuditProgress> read(std::string_view text);
  friend bool operator==(const AuditProgress& one, const AuditProgress& other) {
    return one.write() == other.write();
  }
};

// A pass over a log of this size.
AuditProgress begin_pass(const std::optional<AuditProgress>& before, runtime::Timestamp now,
                         std::int64_t size, runtime::Timestamp log_began, std::int64_t blocks);
// All was looked at. Returns how many events more than by the pass before name no batch, though the log had
// begun; they are among `unlogged`.
std::int64_t end_pass(AuditProgress& progress, runtime::Timestamp now);

// By which it is known that a pod wrote it. One thread at a time.
class ProgressMac {
 public:
  // `name`: of the database, a line.
  ProgressMac(const Keys& keys, std::string_view name);
  std::string of(std::string_view text);
  bool is_of(std::string_view text, std::string_view mac);

 private:
  std::vector<Authenticator> keys_;  // the one first with which MACs are made
  std::string before_;               // the text
};

}  // namespace storagepool::evidence
