// The room of proving: reads a log back from its tables, over a connection that its caller has leased, and
// makes of it what others verify: inclusion and consistency proofs, tiles. places.h says where an entry is,
// pure.
//
// Nothing is believed: a proof is verified before it is given, and rows that do not agree are kBroken.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <boost/asio/awaitable.hpp>
#include <tl/expected.hpp>

#include "pool/common/tlog/checkpoint.h"
#include "pool/common/tlog/inclusion_proof.h"
#include "pool/common/tlog/proofs.h"
#include "pool/common/tlog/tile.h"
#include "pool/evidence/proving/chain.h"
#include "pool/evidence/proving/places.h"
#include "pool/postgres/connection.h"

namespace storagepool::evidence {

struct LogError {
  enum class Kind {
    kNotSealed,    // no seal has the batch yet
    kNoEntry,      // the batch is not there, or has no entry of the event
    kNotIn,        // the log has not grown as far as what is asked for
    kPruned,       // the log does not have it any more
    kBroken,       // the tables do not agree with each other, or with what was signed
    kUnavailable,  // `postgres` says why
  };
  Kind kind = Kind::kBroken;
  std::string detail{};
  postgres::Error postgres{};
};

// What there is of an event that is stored.
struct LoggedRow {
  std::optional<std::int64_t> batch{};  // that its row names
  Logged logged{};
};
struct TaggedEntry {
  std::int64_t batch = 0;
  Entry entry{};
};
struct Tagged {
  std::vector<TaggedEntry> found{};
  std::int64_t looked_at = 0;          // entries
  std::optional<std::int64_t> next{};  // the greatest id that was not looked at, if there may be more
};

// Remembers what it has read, so that what is asked for together costs less: one is for one request.
class LogReader {
 public:
  template <typename T>
  using Answer = boost::asio::awaitable<tl::expected<T, LogError>>;

  // `connection` must outlive this. Everything is answered by `deadline`.
  LogReader(postgres::Connection& connection, postgres::Deadline deadline)
      : connection_(connection), deadline_(deadline) {}

  // Of an event that is stored, by the batch that its row names.
  Answer<EntryPlace> find(std::string event_id, std::int64_t batch);
  // That the log has it, for whoever trusts the note. `note` is of `checkpoint`, a signed one.
  Answer<tlog::InclusionProof> prove(EntryPlace place, tlog::Checkpoint checkpoint, tlog::Note note);
  // What the tables have of an event whose row names this batch, judged by `checkpoint` and by who has the
  // key.
  Answer<Logged> look(std::string event_id, std::int64_t batch, tlog::Checkpoint checkpoint, tlog::Note note,
                      EntryWriter& writer);
  // The same of each of these events, in their order.
  Answer<std::vector<LoggedRow>> look_at(std::span<const event::Event> events, tlog::Checkpoint checkpoint,
                                         tlog::Note note, EntryWriter& writer);
  // Batches that the rows of these events name, in their order: no value where one names none, or is gone.
  Answer<std::vector<std::optional<std::int64_t>>> batches_of(std::span<const event::Event> events);
  // Entries with this tag in the next few batches from `range.second` down to `range.first`.
  Answer<Tagged> tagged(std::pair<std::int64_t, std::int64_t> range, std::array<std::uint8_t, kTagBytes> tag);
  // That the log of `checkpoint` begins with that of `old`. REQUIRES: 0 < old.size <= checkpoint.size.
  Answer<tlog::Proof> prove_growth(tlog::Checkpoint old, tlog::Checkpoint checkpoint);
  // Of its first entries. REQUIRES: size > 0.
  Answer<tlog::Hash> root(std::uint64_t size);
  // As its file is, of a log that was shown with `size` entries.
  Answer<std::string> tile(tlog::Tile tile, std::uint64_t size);
  // One after the other, kEntryBytes each.
  Answer<std::string> entries(std::uint64_t first, std::uint64_t count);
  // Those that have these entries, in their order.
  Answer<std::vector<SealRow>> seals(std::uint64_t first, std::uint64_t count);
  // Of a log that begins with so many entries. REQUIRES: they are there, but for tiles before min_index.
  Answer<tlog::Frontier> frontier(std::uint64_t size);
  // Entries before it are pruned, as the state says of itself; proofs of those from it on need none of them.
  Answer<std::uint64_t> min_index();

 private:
  using Hashes = std::map<std::pair<unsigned, std::uint64_t>, tlog::Hash>;  // by level and index

  // A batch that is sealed.
  struct SealedBatch {
    std::int64_t batch = 0;
    std::string kept{};
    SealRow seal{};
  };

  boost::asio::awaitable<tl::expected<postgres::Result, LogError>> query(
      std::string_view sql, std::vector<postgres::Parameter> parameters);
  // In `last_`.
  Answer<const SealedBatch*> sealed(std::int64_t batch);
  // Into `known_`.
  Answer<bool> read_hashes(std::vector<tlog::Kept> wanted);
  Answer<tlog::Proof> make(tlog::Plan plan);
  Answer<std::string> stored_entries(std::uint64_t first, std::uint64_t count);
  static LogError pruned(std::uint64_t min_index);
  // Of a batch that the log does not have.
  Answer<Logged> look_in_batch(std::string event_id, std::int64_t batch, EntryWriter& writer);

  postgres::Connection& connection_;
  postgres::Deadline deadline_;
  tlog::Hasher hasher_;
  Hashes known_;
  std::optional<SealedBatch> last_;  // that was looked for
};

}  // namespace storagepool::evidence
