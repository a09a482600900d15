// The room of the witness: the operator keeps, for each StoragePool, the last checkpoint of its log that it
// has cosigned (the floor), and cosigns the next only where that is proven to continue it. So neither who
// owns the database nor a pod can go back to an earlier history or show two without being noticed.
//
//   witness.h      what is cosigned, and why not; pure
//   book.h         which pod is told or asked what, and what is to be written; pure
//   record.h       a floor as a ConfigMap; pure
//   live_witness.h does it: pods are asked beside their reports, ConfigMaps written by a thread of its own
//
// and of witnesses outside, to whom what is kept is brought:
//
//   add_checkpoint.h what is said to one, and what its answer is worth; pure
//   standings.h      which of them is to be asked when; pure
//   post.h           one request, submitter.h: a few at a time
//   outside.h        does it, beside reports of pods
//
// c2sp.org/tlog-witness asks that a checkpoint is kept before its cosignature is given away: so it is.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include <tl/expected.hpp>

#include "operator/kube/resource.h"
#include "pool/common/runtime/timestamp.h"
#include "pool/common/settings/admin_wire.h"
#include "pool/common/tlog/checkpoint.h"
#include "pool/common/tlog/epochs.h"
#include "pool/common/tlog/note.h"
#include "pool/common/tlog/note_key.h"

namespace storagepool::witness {

struct Floor {
  tlog::Note note{};              // signed by the log, cosigned by this witness and maybe by earlier ones
  tlog::Checkpoint checkpoint{};  // that the note is of
  std::string vkey{};             // of the log
  std::int64_t epoch = tlog::kFirstEpoch;
  std::string before{};  // of a later epoch than the first: the note that the one before has ended with
  friend bool operator==(const Floor&, const Floor&) = default;
};

// Of its parts, of the log `name`. The error says what is wrong.
tl::expected<Floor, std::string> read_floor(const std::string& note, std::string vkey, std::string_view name);

struct Refusal {
  // Signed by the log, and no continuation of what it has signed before; else the pod does not tell what a
  // log must.
  bool inconsistent = false;
  std::string why{};  // one clause
  friend bool operator==(const Refusal&, const Refusal&) = default;
};

// What a pod tells as the newest checkpoint of the log `name`; null: nothing is kept yet, and whatever the
// log's key has signed is believed. The next epoch need not continue anything, where a person has asked for
// it.
tl::expected<Floor, Refusal> examine(const Floor* kept, const settings::LogReport& told,
                                     const std::string& name, bool may_restart = false);

// REQUIRES: the key is a witness's, of a seed.
Floor cosigned(Floor floor, const tlog::NoteKey& witness, runtime::Timestamp now);

}  // namespace storagepool::witness
