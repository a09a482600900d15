#include "pool/evidence/proving/proving.h"

#include <algorithm>
#include <unordered_map>

namespace storagepool::evidence {
namespace {

using boost::asio::awaitable;
using Kind = LogError::Kind;

// Ids are times of the pods' clocks, so the seal is one of the first that end after the batch; clocks that
// differ by more than these seals took would hide it.
constexpr std::string_view kFindSeal = R"sql(
SELECT first_seq, batches, counts
FROM (SELECT * FROM audit_seals WHERE hi >= $1::bigint ORDER BY hi LIMIT 4000) AS near
WHERE lo <= $1::bigint AND $1::bigint = ANY (batches) LIMIT 1)sql";

constexpr std::string_view kReadSeals = R"sql(
SELECT first_seq, batches, counts FROM audit_seals
WHERE first_seq >= (SELECT first_seq FROM audit_seals WHERE first_seq <= $1::bigint ORDER BY first_seq DESC LIMIT 1)
  AND first_seq < $1::bigint + $2::bigint
ORDER BY first_seq)sql";

constexpr std::string_view kReadBatches = R"sql(
SELECT batch, kept, encode(entries, 'hex') FROM audit_batches WHERE batch = ANY ($1::bigint[]))sql";

constexpr std::string_view kReadNodes = R"sql(
SELECT node.level, node.index, encode(hash, 'hex')
FROM unnest($1::smallint[], $2::bigint[], $3::bigint[]) AS wanted (level, first, count)
JOIN audit_nodes AS node ON node.level = wanted.level AND node.index >= first AND node.index < first + count)sql";

tl::unexpected<LogError> broken(std::string what) {
  return tl::unexpected(LogError{.kind = Kind::kBroken, .detail = std::move(what)});
}

bool read_seal(const Row& row, SealRow& seal) {
  return row.size() == 3 && read_number(row[0], seal.first_seq) && read_numbers(row[1], seal.batches) &&
         read_numbers(row[2], seal.counts);
}

// The kept entries by batch; batches that cannot be read are not among them.
std::unordered_map<std::int64_t, std::string> read_kept(const postgres::Result& result) {
  std::unordered_map<std::int64_t, std::string> by_batch;
  for (const Row& row : result.rows) {
    std::int64_t batch = 0;
    std::string entries;
    std::optional<std::vector<std::int64_t>> kept;
    if (row.size() != 3 || !read_number(row[0], batch) || !read_bytes(row[2], entries)) continue;
    if (row[1] && !read_numbers(row[1], kept.emplace())) continue;
    auto some = kept_entries(entries, kept);
    if (some) by_batch.emplace(batch, *std::move(some));
  }
  return by_batch;
}

}  // namespace

awaitable<tl::expected<postgres::Result, LogError>> LogReader::query(
    std::string_view sql, std::vector<postgres::Parameter> parameters) {
  auto result = co_await connection_.query(sql, std::move(parameters), deadline_);
  if (result) co_return *std::move(result);
  co_return tl::unexpected(LogError{
      .kind = Kind::kUnavailable, .detail = result.error().detail, .postgres = std::move(result.error())});
}

LogReader::Answer<EntryPlace> LogReader::find(std::string event_id, std::int64_t batch) {
  auto of_seal = numbers(batch);
  const auto sealed = co_await query(kFindSeal, std::move(of_seal));
  if (!sealed) co_return tl::unexpected(sealed.error());
  if (sealed->rows.empty())
    co_return tl::unexpected(
        LogError{.kind = Kind::kNotSealed, .detail = "the event's batch is not sealed yet"});
  SealRow seal;
  if (!read_seal(sealed->rows[0], seal)) co_return broken("a seal cannot be read");
  std::vector<postgres::Parameter> of_batch{"{" + std::to_string(batch) + "}"};
  const auto found = co_await query(kReadBatches, std::move(of_batch));
  if (!found) co_return tl::unexpected(found.error());
  const auto kept = read_kept(*found);
  const auto entries = kept.find(batch);
  auto place = entries == kept.end() ? std::nullopt : place_of(event_id, batch, entries->second, seal);
  if (!place)
    co_return tl::unexpected(LogError{.kind = Kind::kNoEntry, .detail = "the log has no entry of the event"});
  co_return *std::move(place);
}

LogReader::Answer<std::string> LogReader::entries(std::uint64_t first, std::uint64_t count) {
  auto range = numbers(first, count);
  const auto found = co_await query(kReadSeals, std::move(range));
  if (!found) co_return tl::unexpected(found.error());
  std::vector<SealRow> seals(found->rows.size());
  for (std::size_t i = 0; i < seals.size(); ++i)
    if (!read_seal(found->rows[i], seals[i])) co_return broken("a seal cannot be read");
  const auto runs = runs_of(seals, first, count);
  if (!runs) co_return broken("seals do not have all entries of the log");
  std::vector<postgres::Parameter> ids{
      array_of(*runs, [](const EntryRun& run) { return std::to_string(run.batch); })};
  const auto rows = co_await query(kReadBatches, std::move(ids));
  if (!rows) co_return tl::unexpected(rows.error());
  const auto kept = read_kept(*rows);
  std::string entries;
  for (const EntryRun& run : *runs) {
    const auto batch = kept.find(run.batch);
    if (batch == kept.end() || batch->second.size() < (run.skip + run.count) * kEntryBytes)
      co_return broken("a batch does not have the entries that its seal counts");
    entries += batch->second.substr(run.skip * kEntryBytes, run.count * kEntryBytes);
  }
  co_return entries;
}

LogReader::Answer<LogReader::Hashes> LogReader::hashes(std::vector<tlog::Kept> wanted) {
  Hashes hashes;
  std::vector<tlog::Kept> nodes;
  for (const tlog::Kept& kept : wanted) {
    if (kept.level > 0) {
      nodes.push_back(kept);
      continue;
    }
    const auto leaves = co_await entries(kept.first, kept.count);
    if (!leaves) co_return tl::unexpected(leaves.error());
    for (std::uint64_t i = 0; i < kept.count; ++i)
      hashes[{0, kept.first + i}] =
          hasher_.leaf(std::string_view(*leaves).substr(i * kEntryBytes, kEntryBytes));
  }
  if (!nodes.empty()) {
    std::vector<postgres::Parameter> ranges{
        array_of(nodes, [](const tlog::Kept& kept) { return std::to_string(kept.level); }),
        array_of(nodes, [](const tlog::Kept& kept) { return std::to_string(kept.first); }),
        array_of(nodes, [](const tlog::Kept& kept) { return std::to_string(kept.count); })};
    const auto rows = co_await query(kReadNodes, std::move(ranges));
    if (!rows) co_return tl::unexpected(rows.error());
    for (const Row& row : rows->rows) {
      unsigned level = 0;
      std::uint64_t index = 0;
      std::string bytes;
      tlog::Hash hash{};
      if (row.size() != 3 || !read_number(row[0], level) || !read_number(row[1], index) ||
          !read_bytes(row[2], bytes) || bytes.size() != hash.size())
        co_return broken("a node cannot be read");
      std::ranges::copy(bytes, hash.begin());
      hashes[{level, index}] = hash;
    }
  }
  for (const tlog::Kept& kept : wanted) {
    for (std::uint64_t i = 0; i < kept.count; ++i)
      if (!hashes.contains({kept.level, kept.first + i})) co_return broken("a node of the log is missing");
  }
  co_return hashes;
}

LogReader::Answer<tlog::Proof> LogReader::make(tlog::Plan plan) {
  std::vector<tlog::Kept> wanted;
  for (const auto& subtrees : plan)
    for (const tlog::Subtree& subtree : subtrees) wanted.push_back(tlog::kept_below(subtree));
  const auto known = co_await hashes(std::move(wanted));
  if (!known) co_return tl::unexpected(known.error());
  co_return tlog::make_proof(hasher_, plan, [&](const tlog::Subtree& subtree) {
    const tlog::Kept kept = tlog::kept_below(subtree);
    std::vector<tlog::Hash> below;
    for (std::uint64_t i = 0; i < kept.count; ++i) below.push_back(known->at({kept.level, kept.first + i}));
    return hasher_.subtree(below);
  });
}

LogReader::Answer<tlog::InclusionProof> LogReader::prove(EntryPlace place, tlog::Checkpoint checkpoint,
                                                         tlog::Note note) {
  if (place.seq >= checkpoint.size)
    co_return tl::unexpected(LogError{.kind = Kind::kNotIn, .detail = "the checkpoint is of a smaller log"});
  auto path = co_await make(tlog::inclusion_plan(place.seq, checkpoint.size));
  if (!path) co_return tl::unexpected(path.error());
  if (!tlog::verify_inclusion(hasher_, hasher_.leaf(place.entry), place.seq, checkpoint.size, *path,
                              checkpoint.root))
    co_return broken("the tables do not lead to the checkpoint's root hash");
  co_return tlog::InclusionProof{
      .extra = {}, .index = place.seq, .path = *std::move(path), .checkpoint = std::move(note)};
}

LogReader::Answer<tlog::Proof> LogReader::prove_growth(tlog::Checkpoint old, tlog::Checkpoint checkpoint) {
  auto proof = co_await make(tlog::consistency_plan(old.size, checkpoint.size));
  if (!proof) co_return tl::unexpected(proof.error());
  if (!tlog::verify_consistency(hasher_, old.size, old.root, checkpoint.size, checkpoint.root, *proof))
    co_return broken("the tables do not lead from one checkpoint's root hash to the other's");
  co_return *std::move(proof);
}

LogReader::Answer<tlog::Hash> LogReader::root(std::uint64_t size) {
  const auto proof = co_await make(tlog::root_plan(size));
  if (!proof) co_return tl::unexpected(proof.error());
  co_return proof->front();
}

LogReader::Answer<std::string> LogReader::tile(tlog::Tile tile, std::uint64_t size) {
  if (!tile.is_in(size))
    co_return tl::unexpected(
        LogError{.kind = Kind::kNotIn, .detail = "the log has not grown as far as this tile"});
  const tlog::Kept kept = tile.kept();
  if (!tile.level) {
    const auto of_leaves = co_await entries(kept.first, kept.count);
    if (!of_leaves) co_return tl::unexpected(of_leaves.error());
    std::string bytes;
    for (std::uint64_t i = 0; i < kept.count; ++i)
      tlog::append_entry(bytes, std::string_view(*of_leaves).substr(i * kEntryBytes, kEntryBytes));
    co_return bytes;
  }
  std::vector<tlog::Kept> wanted{kept};
  const auto known = co_await hashes(std::move(wanted));
  if (!known) co_return tl::unexpected(known.error());
  std::vector<tlog::Hash> of_tile;
  for (std::uint64_t i = 0; i < kept.count; ++i) of_tile.push_back(known->at({kept.level, kept.first + i}));
  co_return tlog::tile_of(of_tile);
}

}  // namespace storagepool::evidence
