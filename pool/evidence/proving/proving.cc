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

constexpr std::string_view kReadOffered = R"sql(
SELECT kept, encode(entries, 'hex'), encode(mac, 'hex') FROM audit_batches WHERE batch = $1::bigint)sql";

// The range of times lets PostgreSQL leave other months alone.
constexpr std::string_view kReadBatchesOfEvents = R"sql(
SELECT of_row.batch
FROM unnest($1::uuid[], $2::timestamptz[]) WITH ORDINALITY AS wanted (id, at, place)
LEFT JOIN LATERAL (SELECT batch FROM audit_events
  WHERE event_id = wanted.id AND event_timestamp = wanted.at
    AND event_timestamp >= $3::timestamptz AND event_timestamp <= $4::timestamptz) AS of_row ON true
ORDER BY place)sql";

// The tag is looked for in all of a batch before its entries are looked at one by one.
constexpr std::int64_t kTaggedBatches = 500;
const std::string kReadTagged = R"sql(
WITH next AS (SELECT batch, kept, entries FROM audit_batches
  WHERE batch >= $1::bigint AND batch <= $2::bigint ORDER BY batch DESC LIMIT )sql" +
                                std::to_string(kTaggedBatches) + R"sql()
SELECT batch, octet_length(entries) / 67, CASE WHEN position($3::bytea IN entries) > 0 THEN (
    SELECT encode(string_agg(substring(entries FROM at * 67 + 1 FOR 67), ''::bytea ORDER BY at), 'hex')
    FROM generate_series(0, octet_length(entries) / 67 - 1) AS at
    WHERE substring(entries FROM at * 67 + 28 FOR 8) = $3::bytea AND (kept IS NULL OR at + 1 = ANY (kept))) END
FROM next ORDER BY batch DESC)sql";

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

LogReader::Answer<const LogReader::SealedBatch*> LogReader::sealed(std::int64_t batch) {
  if (last_ && last_->batch == batch) co_return &*last_;
  auto of_seal = numbers(batch);
  const auto found = co_await query(kFindSeal, std::move(of_seal));
  if (!found) co_return tl::unexpected(found.error());
  if (found->rows.empty())
    co_return tl::unexpected(
        LogError{.kind = Kind::kNotSealed, .detail = "the event's batch is not sealed yet"});
  SealRow seal;
  if (!read_seal(found->rows[0], seal)) co_return broken("a seal cannot be read");
  std::vector<postgres::Parameter> of_batch{"{" + std::to_string(batch) + "}"};
  const auto rows = co_await query(kReadBatches, std::move(of_batch));
  if (!rows) co_return tl::unexpected(rows.error());
  auto kept = read_kept(*rows);
  last_ = SealedBatch{.batch = batch, .kept = std::move(kept[batch]), .seal = std::move(seal)};
  co_return &*last_;
}

LogReader::Answer<EntryPlace> LogReader::find(std::string event_id, std::int64_t batch) {
  const auto of_batch = co_await sealed(batch);
  if (!of_batch) co_return tl::unexpected(of_batch.error());
  auto place = place_of(event_id, batch, (*of_batch)->kept, (*of_batch)->seal);
  if (!place)
    co_return tl::unexpected(LogError{.kind = Kind::kNoEntry, .detail = "the log has no entry of the event"});
  co_return *std::move(place);
}

LogReader::Answer<Logged> LogReader::look(std::string event_id, std::int64_t batch,
                                          tlog::Checkpoint checkpoint, tlog::Note note, EntryWriter& writer) {
  const auto place = co_await find(event_id, batch);
  const bool is_in = place && place->seq < checkpoint.size;
  if (place && is_in) {
    const auto proof = co_await prove(*place, std::move(checkpoint), std::move(note));
    if (proof) co_return Logged{.kind = Logged::Kind::kProven, .entry = place->entry, .seq = place->seq};
    if (proof.error().kind == Kind::kUnavailable) co_return tl::unexpected(proof.error());
    co_return Logged{.kind = Logged::Kind::kBroken, .entry = place->entry, .fault = proof.error().detail};
  }
  if (place || place.error().kind == Kind::kNotSealed) {
    auto pending = co_await look_in_batch(std::move(event_id), batch, writer);
    co_return pending;
  }
  if (place.error().kind == Kind::kUnavailable) co_return tl::unexpected(place.error());
  co_return Logged{.kind = Logged::Kind::kBroken, .fault = place.error().detail};
}

LogReader::Answer<Logged> LogReader::look_in_batch(std::string event_id, std::int64_t batch,
                                                   EntryWriter& writer) {
  const auto is_broken = [](std::string fault) {
    return Logged{.kind = Logged::Kind::kBroken, .fault = std::move(fault)};
  };
  auto of_batch = numbers(batch);
  const auto found = co_await query(kReadOffered, std::move(of_batch));
  if (!found) co_return tl::unexpected(found.error());
  if (found->rows.empty()) co_return is_broken("the batch that its row names is not there");
  const Row& row = found->rows[0];
  std::string entries;
  std::string mac;
  std::optional<std::vector<std::int64_t>> kept;
  if (row.size() != 3 || !read_bytes(row[1], entries) || !read_bytes(row[2], mac) ||
      (row[0] && !read_numbers(row[0], kept.emplace())))
    co_return is_broken("the batch that its row names cannot be read");
  if (batch < 0 || !writer.is_mac_of(batch, entries, mac))
    co_return is_broken("the batch that its row names is not as a pod has written it");
  const auto some = kept_entries(entries, kept);
  const auto at = some ? find_entry(*some, event_id) : std::nullopt;
  if (!at) co_return is_broken("the batch that its row names has no entry of it");
  co_return Logged{.kind = Logged::Kind::kPending, .entry = some->substr(*at * kEntryBytes, kEntryBytes)};
}

LogReader::Answer<std::vector<LoggedRow>> LogReader::look_at(std::span<const event::Event> events,
                                                             tlog::Checkpoint checkpoint, tlog::Note note,
                                                             EntryWriter& writer) {
  const auto batches = co_await batches_of(events);
  if (!batches) co_return tl::unexpected(batches.error());
  std::vector<LoggedRow> rows;
  for (std::size_t i = 0; i < events.size(); ++i) {
    LoggedRow& row = rows.emplace_back(LoggedRow{.batch = (*batches)[i]});
    if (!row.batch) continue;
    auto logged = co_await look(events[i].event_id, *row.batch, checkpoint, note, writer);
    if (!logged) co_return tl::unexpected(logged.error());
    row.logged = *std::move(logged);
  }
  co_return rows;
}

LogReader::Answer<std::vector<std::optional<std::int64_t>>> LogReader::batches_of(
    std::span<const event::Event> events) {
  std::vector<std::optional<std::int64_t>> batches;
  if (events.empty()) co_return batches;
  const auto [first, last] = std::ranges::minmax_element(events, {}, &event::Event::event_timestamp);
  std::vector<postgres::Parameter> of_events{
      array_of(events, [](const event::Event& event) { return event.event_id; }),
      array_of(events,
               [](const event::Event& event) { return runtime::format_timestamp(event.event_timestamp); }),
      runtime::format_timestamp(first->event_timestamp), runtime::format_timestamp(last->event_timestamp)};
  const auto found = co_await query(kReadBatchesOfEvents, std::move(of_events));
  if (!found) co_return tl::unexpected(found.error());
  for (const Row& row : found->rows) {
    std::int64_t batch = 0;
    const bool named = !row.empty() && read_number(row[0], batch);
    batches.push_back(named ? std::optional(batch) : std::nullopt);
  }
  if (batches.size() != events.size()) co_return broken("some events are there more than once");
  co_return batches;
}

LogReader::Answer<Tagged> LogReader::tagged(std::pair<std::int64_t, std::int64_t> range,
                                            std::array<std::uint8_t, kTagBytes> tag) {
  auto of_range = numbers(range.first, range.second);
  of_range.emplace_back("\\x" + encoding::encode_hex(tag));
  const auto rows = co_await query(kReadTagged, std::move(of_range));
  if (!rows) co_return tl::unexpected(rows.error());
  Tagged tagged;
  std::int64_t batch = 0;
  for (const Row& row : rows->rows) {
    std::int64_t entries = 0;
    std::string found;
    if (row.size() != 3 || !read_number(row[0], batch) || !read_number(row[1], entries) ||
        (row[2] && !read_bytes(row[2], found)))
      co_return broken("a batch cannot be read");
    tagged.looked_at += entries;
    for (std::size_t at = 0; at < found.size(); at += kEntryBytes)
      if (const auto entry = Entry::read(std::string_view(found).substr(at, kEntryBytes)))
        tagged.found.push_back({batch, *entry});
  }
  if (rows->rows.size() == static_cast<std::size_t>(kTaggedBatches) && batch > range.first)
    tagged.next = batch - 1;
  co_return tagged;
}

LogReader::Answer<std::vector<SealRow>> LogReader::seals(std::uint64_t first, std::uint64_t count) {
  auto range = numbers(first, count);
  const auto found = co_await query(kReadSeals, std::move(range));
  if (!found) co_return tl::unexpected(found.error());
  std::vector<SealRow> seals(found->rows.size());
  for (std::size_t i = 0; i < seals.size(); ++i)
    if (!read_seal(found->rows[i], seals[i])) co_return broken("a seal cannot be read");
  co_return seals;
}

LogReader::Answer<std::string> LogReader::stored_entries(std::uint64_t first, std::uint64_t count) {
  const auto found = co_await seals(first, count);
  if (!found) co_return tl::unexpected(found.error());
  const auto runs = runs_of(*found, first, count);
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

LogReader::Answer<bool> LogReader::read_hashes(std::vector<tlog::Kept> wanted) {
  constexpr std::size_t kMaxKnown = 100'000;
  if (known_.size() > kMaxKnown) known_.clear();
  const auto is_known = [&](const tlog::Kept& kept) {
    for (std::uint64_t i = 0; i < kept.count; ++i)
      if (!known_.contains({kept.level, kept.first + i})) return false;
    return true;
  };
  std::vector<tlog::Kept> nodes;
  std::map<std::uint64_t, std::pair<std::uint64_t, std::uint64_t>> of_tiles;  // the first entry and the end
  for (const tlog::Kept& kept : wanted) {
    if (is_known(kept)) continue;
    if (kept.level > 0) {
      nodes.push_back(kept);
      continue;
    }
    const std::uint64_t end = kept.first + kept.count;
    auto& [first, until] = of_tiles.try_emplace(kept.first / tlog::kTileWidth, kept.first, end).first->second;
    first = std::min(first, kept.first);
    until = std::max(until, end);
  }
  for (const auto& [tile, part] : of_tiles) {
    const auto leaves = co_await entries(part.first, part.second - part.first);
    if (!leaves) co_return tl::unexpected(leaves.error());
    for (std::uint64_t at = part.first; at < part.second; ++at)
      known_[{0, at}] =
          hasher_.leaf(std::string_view(*leaves).substr((at - part.first) * kEntryBytes, kEntryBytes));
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
      known_[{level, index}] = hash;
    }
  }
  if (!std::ranges::all_of(wanted, is_known)) co_return broken("a node of the log is missing");
  co_return true;
}

LogReader::Answer<tlog::Proof> LogReader::make(tlog::Plan plan) {
  std::vector<tlog::Kept> wanted;
  for (const auto& subtrees : plan)
    for (const tlog::Subtree& subtree : subtrees) wanted.push_back(tlog::kept_below(subtree));
  const auto read = co_await read_hashes(std::move(wanted));
  if (!read) co_return tl::unexpected(read.error());
  co_return tlog::make_proof(hasher_, plan, [&](const tlog::Subtree& subtree) {
    const tlog::Kept kept = tlog::kept_below(subtree);
    std::vector<tlog::Hash> below;
    for (std::uint64_t i = 0; i < kept.count; ++i) below.push_back(known_.at({kept.level, kept.first + i}));
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
  if (kept.level == 0) {
    const auto least = co_await min_index();
    if (!least) co_return tl::unexpected(least.error());
    if (kept.first + kept.count <= *least) co_return tl::unexpected(pruned(*least));
  }
  if (!tile.level) {
    const auto of_leaves = co_await entries(kept.first, kept.count);
    if (!of_leaves) co_return tl::unexpected(of_leaves.error());
    std::string bytes;
    for (std::uint64_t i = 0; i < kept.count; ++i)
      tlog::append_entry(bytes, std::string_view(*of_leaves).substr(i * kEntryBytes, kEntryBytes));
    co_return bytes;
  }
  std::vector<tlog::Kept> wanted{kept};
  const auto read = co_await read_hashes(std::move(wanted));
  if (!read) co_return tl::unexpected(read.error());
  std::vector<tlog::Hash> of_tile;
  for (std::uint64_t i = 0; i < kept.count; ++i) of_tile.push_back(known_.at({kept.level, kept.first + i}));
  co_return tlog::tile_of(of_tile);
}

}  // namespace storagepool::evidence
