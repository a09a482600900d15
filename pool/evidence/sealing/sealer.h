// Seals one database's batches, over a connection that its caller has leased. Any number of pods may: one
// does, the others learn that it is being done.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include <boost/asio/awaitable.hpp>
#include <tl/expected.hpp>

#include "pool/common/runtime/clock.h"
#include "pool/evidence/proving/proving.h"
#include "pool/evidence/sealing/cut_watch.h"
#include "pool/evidence/sealing/judge.h"
#include "pool/evidence/sealing/publish.h"
#include "pool/evidence/sealing/rows.h"
#include "pool/evidence/sealing/seal.h"
#include "pool/postgres/connection.h"

namespace storagepool::evidence {

// What one call did.
struct SealingResult {
  enum class Did {
    kSealed,    // something was written, which its COMMIT has acknowledged
    kNothing,   // there was nothing to seal, or nothing that the cut allows
    kBusy,      // another pod is at it, or holds a lock that it needs
    kRefused,   // the alarm says why
    kNotBegun,  // the log has no state, and was not to begin
  };
  Did did = Did::kNothing;
  std::uint64_t size = 0;             // of the log, as far as it is committed
  std::uint64_t shown = 0;            // entries, as far as it may be shown
  std::int64_t batches = 0;           // that were sealed
  std::vector<BatchEvents> sealed{};  // these
  bool again = false;                 // there is more: worth another call at once
  bool waiting = false;               // batches wait for some transaction to end
  bool hidden = false;                // not all that is committed may be shown yet
  bool flushing = false;              // for standbys are at it, which takes them a moment
  bool fenced = false;                // writers were held off, for they waited for the cut for too long
  std::vector<Alarm> alarms{};
  // How long batches have waited for a transaction to end, and for which, as far as can be told.
  std::chrono::steady_clock::duration cut_age{0};
  std::string holder{};
  std::chrono::steady_clock::duration hidden_for{0};
};

class Sealer {
 public:
  // `name`: of the log for ever, its origin in its first epoch: the name of a key. `keys`: the newest first,
  // one at least. `note_key`, whose seed signs, whatever its name, and `clock` must outlive this.
  Sealer(std::string name, std::span<const Keys> keys, const tlog::NoteKey& note_key,
         const runtime::Clock& clock = runtime::system_clock());

  // For a connection outside a transaction, after the tables were made. Until `deadline`; after an error, of
  // a COMMIT too of which nobody knows what became of it, the call can be repeated: it begins with what is
  // committed. One call at a time. Unless it `may_begin`, a log that has no state yet gets none.
  boost::asio::awaitable<tl::expected<SealingResult, postgres::Error>> seal(postgres::Connection& connection,
                                                                            postgres::Deadline deadline,
                                                                            bool may_begin = true);

  // The log as this pod has last seen it committed and may show it (publish.h), signed; no value before that.
  const std::optional<tlog::Note>& checkpoint();

  // What the next sealer of the log, which is made when it is needed, goes on with.
  struct Memory {
    Publishing publishing{};
    CutWatch watch{};
    std::optional<Floor> told{};
    bool told_proven = false;
  };
  Memory memory() const { return {publishing_, watch_, told_, told_proven_}; }
  void remember(const Memory& memory);

  // What only a person may ask for: begins this epoch of a log that was rolled back, over what there is of
  // it, unless it has begun. kNothing: it has, or the log was not rolled back; kRefused: it cannot go on for
  // another reason. `size` is that of the state from which it goes on. With `only_look` nothing is changed,
  // and kSealed says that it would be. As `seal` otherwise.
  boost::asio::awaitable<tl::expected<SealingResult, postgres::Error>> restart(
      postgres::Connection& connection, std::int64_t epoch, bool only_look, postgres::Deadline deadline);

  // Takes the log's first entries away, some at a time, whose events have expired and are gone, at most up to
  // the floor that it was seen to begin with: prune.h says which. kSealed: some went, and `again` says that
  // there may be more. `now`: by the pod's clock. As `seal` otherwise.
  boost::asio::awaitable<tl::expected<SealingResult, postgres::Error>> prune(postgres::Connection& connection,
                                                                             runtime::Timestamp now,
                                                                             postgres::Deadline deadline);
  // Entries before it are pruned, in the state that was last committed.
  std::uint64_t min_index() const { return min_index_; }

  // What others have shown of the log, whatever this pod has seen itself: a state below it is refused, and
  // one whose log does not begin with it. A lower floor than the last one changes nothing.
  void raise_floor(const Floor& floor);
  // Whether the log was seen to begin with that, if anything was told.
  bool floor_proven() const { return told_ && told_proven_; }
  // Whether nothing that was told is left to be proven, in the log's epoch.
  bool is_as_told() const { return !told_ || told_proven_ || told_->epoch < epoch_; }
  // Of the state that was last committed.
  std::int64_t epoch() const { return epoch_; }

 private:
  class Pass;
  void committed(const LogState& state);
  boost::asio::awaitable<tl::expected<void, postgres::Error>> publish(postgres::Connection& connection,
                                                                      SealingResult& result,
                                                                      postgres::Deadline deadline);
  const std::optional<Floor>& highest_floor() const;

  std::string name_;
  std::int64_t epoch_ = tlog::kFirstEpoch;
  std::uint64_t min_index_ = 0;
  LogMacs macs_;
  const tlog::NoteKey& note_key_;
  const runtime::Clock& clock_;
  tlog::Hasher hasher_;
  CutWatch watch_;
  Publishing publishing_;
  std::optional<Floor> committed_;  // as the last pass has seen it
  std::optional<Floor> told_;
  bool told_proven_ = false;
  std::optional<tlog::Note> checkpoint_;  // of what may be shown, once it was asked for
};

}  // namespace storagepool::evidence
