// The statements of sealing, and their rows read into what is decided on. Pure. Nothing of a row is trusted:
// what cannot be read is told as a fault of it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <tl/expected.hpp>

#include "pool/evidence/sealing/judge.h"
#include "pool/evidence/sealing/seal.h"
#include "pool/postgres/connection.h"
#include "pool/postgres/rows.h"

namespace storagepool::evidence {

// What one sealing takes: bytes of entries, which one batch may exceed, and batches. It takes some 10 ms of
// the pod's thread, in slices (slices.h); where there is more, another follows.
inline constexpr std::int64_t kMaxSealBytes = std::int64_t{1024} * 1024;
inline constexpr std::int64_t kMaxSealBatches = 2'000;
// What one statement reads of it, so that PostgreSQL has no core to itself for longer than a millisecond
// either.
inline constexpr std::int64_t kMaxReadBytes = std::int64_t{128} * 1024;
inline constexpr std::int64_t kMaxReadBatches = 250;

// Which batches of an incarnation after the last that was looked at are final.
enum class Bound {
  kCut,    // those of transactions before the oldest that is still running
  kFence,  // those of transactions that have begun, under a lock that nobody holds who has not ended
  kNone,   // all: nothing is added to the incarnation any more
};

// The incarnation that new batches get, as text.
inline constexpr std::string_view kNewIncarnation = R"sql(
SELECT substring(pg_get_expr(adbin, adrelid) FROM '[0-9]+')
FROM pg_attrdef JOIN pg_attribute ON attrelid = adrelid AND attnum = adnum
WHERE adrelid = 'audit_batches'::regclass AND attname = 'incarnation')sql";

extern const std::string kReadFacts;
tl::expected<LogFacts, std::string> read_facts(const postgres::Result& result);

// Cut and batches of one snapshot, which it must be: a batch that is committed between two would be passed.
// REQUIRES: nothing was written in the transaction, whose own id would be the cut.
extern const std::string kReadBatches;
struct Portion {
  std::int64_t bytes = kMaxReadBytes;  // of entries, which one batch may exceed
  std::int64_t batches = kMaxReadBatches;
};
std::vector<postgres::Parameter> batch_parameters(const LogState& state, Bound bound, const Portion& most);
struct Batches {
  std::uint64_t cut = 0;
  bool waiting = false;                  // there are committed ones that are not before the cut
  std::optional<std::int64_t> future{};  // one of a transaction that has not begun
  bool more = false;                     // there are more than that
  std::size_t size = 0;                  // final ones
  std::int64_t bytes = 0;                // of their entries
  postgres::Rows rows{};

  Batch at(std::size_t place) const;  // of the final ones, in their order
};
tl::expected<Batches, std::string> read_batches(postgres::Rows rows, const Portion& most);

// Writers lock the table before they have an id, each in one statement: once nobody holds it, the batches
// that are there are all that there will be of ids given so far.
inline constexpr std::string_view kFence = "LOCK TABLE ONLY audit_batches IN SHARE MODE";
inline constexpr std::string_view kCloseOff = "LOCK TABLE ONLY audit_batches IN ACCESS EXCLUSIVE MODE";

// Adds a seal, its nodes and its expiry.
extern const std::string kWriteSeal;
std::vector<postgres::Parameter> seal_parameters(const Sealed& sealed);

inline constexpr std::string_view kOwnId = "SELECT pg_current_xact_id()";
// The number that a statement gives in one row.
tl::expected<std::uint64_t, std::string> read_one(const postgres::Result& result);

extern const std::string kWriteState;
std::vector<postgres::Parameter> state_parameters(const LogState& state, const Mac& mac);

// Has new batches get this incarnation.
std::string set_incarnation(std::int64_t incarnation);
// Moves batches of incarnation $1 that were written here, in transactions after $2, to incarnation $3.
extern const std::string kMoveBatches;
// The first incarnation after $1, up to $2, that has batches; otherwise $2.
extern const std::string kNextIncarnation;

// Which transaction has the id $1, if the role may see it: a phrase.
extern const std::string kFindHolder;

}  // namespace storagepool::evidence
