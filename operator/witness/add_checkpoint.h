// What is said to an outside witness, and what its answer is worth: `add-checkpoint` of
// c2sp.org/tlog-witness. Pure; takes hostile answers, of which nothing is shown to anybody.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "operator/witness/witness.h"

namespace storagepool::witness {

inline constexpr std::size_t kMostProofLines = 63;

struct Submission {
  std::uint64_t old_size = 0;        // of what it has cosigned last; 0: nothing, as far as is known
  std::vector<std::string> proof{};  // that the checkpoint continues it: hashes, base64
  tlog::Note note{};                 // signed by the log
  std::uint64_t size = 0;            // of the checkpoint
  std::int64_t epoch = tlog::kFirstEpoch;
  runtime::Timestamp since{};  // when it was cosigned by this operator
};
Submission submission_of(const Floor& floor, runtime::Timestamp since);
std::string write_body(const Submission& submission);

struct WitnessAnswer {
  int status = 0;
  std::string content_type{};
  std::string body{};
};

enum class Worth {
  kCosigned,
  kElsewhere,     // it has cosigned the log at another size last
  kInconsistent,  // it has cosigned another history
  kRefused,       // it does not know the log, or its key
  kUnusable,      // nothing that a witness says
  kFailed,        // no answer, or not now
};
const char* name_of(Worth worth);

struct Heard {
  Worth worth = Worth::kFailed;
  std::string why{};                                 // one clause; empty of kCosigned
  std::optional<tlog::NoteSignature> cosignature{};  // good
  runtime::Timestamp at{};                           // when it was made, by the witness's clock
  std::uint64_t size = 0;                            // of kElsewhere
};

// How far a witness's clock may be off.
inline constexpr std::chrono::hours kClockTolerance{1};

Heard read_answer(const WitnessAnswer& answer, const Submission& asked, const tlog::NoteKey& witness,
                  runtime::Timestamp now);

}  // namespace storagepool::witness
