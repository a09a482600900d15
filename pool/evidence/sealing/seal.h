// What is written when batches are sealed. Pure: rows in, rows out.
#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "pool/common/runtime/timestamp.h"
#include "pool/evidence/sealing/state.h"

namespace storagepool::evidence {

// A batch holds no more; ingest makes none of a tenth of that.
inline constexpr std::int64_t kMaxBatchEntries = 15'000;

// A row of `audit_batches`, as it is there: nothing of it is trusted yet.
struct Batch {
  BatchPlace at{};
  std::int64_t events = 0;
  // Ordinals, from 1, of the entries whose events were stored; no value: all.
  std::optional<std::vector<std::int64_t>> kept{};
  std::string entries{};  // of all that were offered
  std::string mac{};
  std::string_view fault{};    // why the row could not be read; empty: it could
  bool sealed_before = false;  // a seal names it
};

// A row of `audit_seals`.
struct Seal {
  std::uint64_t first_seq = 0;  // of its first entry, from 0
  std::uint64_t size = 0;       // entries
  std::vector<std::int64_t> batches{};
  std::vector<std::int64_t> counts{};  // entries of each
  std::int64_t lo = 0;                 // the least id of a batch
  std::int64_t hi = 0;                 // the greatest
};

// What is added to a row of `audit_expiry`: events of a month that expire on the same day (UTC).
struct Expiry {
  runtime::Date month{};  // its first day
  runtime::Date expires{};
  std::int64_t events = 0;
  std::uint64_t first_seq = 0;
  std::uint64_t last_seq = 0;
  friend bool operator==(const Expiry&, const Expiry&) = default;
};

struct Sealed {
  LogState state{};            // the next; written_by is still that of the state before
  std::optional<Seal> seal{};  // no value: nothing is added to the log
  std::vector<tlog::LevelNode> nodes{};
  std::vector<Expiry> expiry{};        // by month and day
  std::vector<BatchEvents> batches{};  // of the seal
  std::vector<Alarm> alarms{};
};

// Takes batches of the state's incarnation in their order, all that there are after state.last up to some
// place: what is left out of one sealing is left out of all, so that however batches are parted into
// sealings, the log is the same. `macs` and `hasher` must outlive it.
class Sealing {
 public:
  Sealing(LogState state, LogMacs& macs, tlog::Hasher& hasher);

  // False: the batch does not come after the one before it. No other may be given then.
  bool take(const Batch& batch);
  const LogState& state() const { return sealed_.state; }  // so far; its `written_by` as in Sealed
  Sealed take_result();

 private:
  using Term = std::pair<runtime::Date, runtime::Date>;  // month, day of expiry
  void leave_out(const Batch& batch, Alarm::Kind kind, std::string_view why);
  void append(const Batch& batch);
  void append(std::string_view entry);

  LogMacs& macs_;
  tlog::Hasher& hasher_;
  Sealed sealed_;
  std::map<Term, Expiry> expiry_;
};

}  // namespace storagepool::evidence
