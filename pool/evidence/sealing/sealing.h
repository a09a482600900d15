// The room of sealing: what pods have committed to `audit_batches` becomes entries of the log, in one order
// that never changes. state.h, seal.h, judge.h, prune.h and cut_watch.h decide, pure; sealer.h does it.
//
//   batch  the entries that one commit offered, its row in `audit_batches`; it is never updated
//   cut    the id of the oldest transaction that is still running anywhere on the server: every batch of a
//          lower one is committed and visible, or never will be
//   seal   the batches of one sealing, their row in `audit_seals`: their entries are the log's from first_seq
//   state  what the next sealing needs, the one row of `audit_log`: size, frontier, and the place of the last
//          batch that was looked at. Under a MAC whose key no database has, as batches are, so that whoever
//          may change rows cannot have the pods sign what he likes
//   prune  take the first entries away, when their events have expired and are gone (prune.h): the rows of
//   their
//          batches; seals and nodes stay
//   floor  what was shown of the log before: a state below it was rolled back and is never sealed on
//
// The order of batches is (incarnation, tx, batch): a function of what is stored, without gaps in the log,
// and what was acknowledged before another event was sent comes before it. An incarnation is a time in which
// the server counted its transactions on: a dump that is restored elsewhere begins another. Why so:
// docs/decisions/sealed-behind-the-writers.md.
#pragma once

#include <array>
#include <compare>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace storagepool::evidence {

// Where a batch stands in its incarnation.
struct BatchPlace {
  std::uint64_t tx = 0;
  std::int64_t batch = 0;
  friend auto operator<=>(const BatchPlace&, const BatchPlace&) = default;
};

// A batch, and which of the entries that it offered count: as its INSERT has answered, or as it was sealed.
struct BatchEvents {
  std::int64_t batch = 0;
  std::int64_t events = 0;
  std::optional<std::string> kept{};  // the column's text; no value: NULL
  friend bool operator==(const BatchEvents&, const BatchEvents&) = default;
};

// What is not as only pods with the key can have left it.
struct Alarm {
  enum class Kind {
    // Of a batch, which is left out; the others are sealed.
    kForgedBatch,     // its MAC is of no key of ours
    kMalformedBatch,  // what it says of itself does not agree
    kRepeatedBatch,   // it is in the log already
    kFutureBatch,     // of a transaction that has not begun yet
    // Of the log, which is not sealed.
    kOutOfOrder,     // an index of audit_batches gives rows in another order
    kForgedState,    // the state's MAC is of no key of ours
    kStateGone,      // there are seals, but no state
    kSealsDisagree,  // the seals end elsewhere than the state
    kOtherLog,       // the state is that of another log
    kLogRolledBack,  // below the floor, or another history than its
    // Of a batch, by who committed it (self_audit.h).
    kMissingBatch,  // it is not in the log, which has passed it, or was deleted
    kAlteredBatch,  // it is in the log with other events
    // Of events, by the full audit (pool/evidence/auditing).
    kMissingEvents,
    kAlteredEvents,
    kUnloggedEvents,
    // Only to be known.
    kNewIncarnation,  // transaction ids start anew, as after a dump was restored
  };
  Kind kind = Kind::kForgedBatch;
  std::optional<std::int64_t> batch{};
  std::string detail{};  // one sentence; no text of a client
  friend bool operator==(const Alarm&, const Alarm&) = default;
};

inline constexpr std::array kAlarmKinds{
    Alarm::Kind::kForgedBatch,   Alarm::Kind::kMalformedBatch, Alarm::Kind::kRepeatedBatch,
    Alarm::Kind::kFutureBatch,   Alarm::Kind::kOutOfOrder,     Alarm::Kind::kForgedState,
    Alarm::Kind::kStateGone,     Alarm::Kind::kSealsDisagree,  Alarm::Kind::kOtherLog,
    Alarm::Kind::kLogRolledBack, Alarm::Kind::kMissingBatch,   Alarm::Kind::kAlteredBatch,
    Alarm::Kind::kMissingEvents, Alarm::Kind::kAlteredEvents,  Alarm::Kind::kUnloggedEvents,
    Alarm::Kind::kNewIncarnation};

// As in metrics and events: "ForgedBatch".
std::string_view name_of(Alarm::Kind kind);

}  // namespace storagepool::evidence
