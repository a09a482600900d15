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
#include "pool/evidence/sealing/rows.h"
#include "pool/evidence/sealing/seal.h"
#include "pool/postgres/connection.h"

namespace storagepool::evidence {

// What one call did.
struct SealingResult {
  enum class Did {
    kSealed,   // something was written, which its COMMIT has acknowledged
    kNothing,  // there was nothing to seal, or nothing that the cut allows
    kBusy,     // another pod is at it, or holds a lock that it needs
    kRefused,  // the alarm says why
  };
  Did did = Did::kNothing;
  std::uint64_t size = 0;    // of the log, as far as it is committed
  std::int64_t batches = 0;  // that were sealed
  bool again = false;        // there is more: worth another call at once
  bool fenced = false;       // writers were held off, for they waited for the cut for too long
  std::vector<Alarm> alarms{};
  // How long batches have waited for a transaction to end, and for which, as far as can be told.
  std::chrono::steady_clock::duration cut_age{0};
  std::string holder{};
};

class Sealer {
 public:
  // `origin` names the log for ever: a line, not empty. `keys`: the newest first, one at least. `note_key`,
  // of a seed, and `clock` must outlive this.
  Sealer(std::string origin, std::span<const Keys> keys, const tlog::NoteKey& note_key,
         const runtime::Clock& clock = runtime::system_clock());

  // For a connection outside a transaction, after the tables were made. Until `deadline`; after an error, of
  // a COMMIT too of which nobody knows what became of it, the call can be repeated: it begins with what is
  // committed. One call at a time.
  boost::asio::awaitable<tl::expected<SealingResult, postgres::Error>> seal(postgres::Connection& connection,
                                                                            postgres::Deadline deadline);

  // The log as this pod has last seen it committed, signed; no value before that.
  const std::optional<tlog::Note>& checkpoint() const { return checkpoint_; }

  // What was shown of the log, by this pod or another: a state below it is refused, and one whose log does
  // not begin with it. A lower floor than the one there is changes nothing.
  void raise_floor(const Floor& floor);

 private:
  class Pass;
  void committed(const LogState& state);

  std::string origin_;
  LogMacs macs_;
  const tlog::NoteKey& note_key_;
  const runtime::Clock& clock_;
  tlog::Hasher hasher_;
  CutWatch watch_;
  std::optional<Floor> floor_;
  bool floor_proven_ = false;  // of a log that was seen to have grown from it
  std::optional<tlog::Note> checkpoint_;
  std::uint64_t signed_size_ = 0;  // of it
};

}  // namespace storagepool::evidence
