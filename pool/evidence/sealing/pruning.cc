#include "pool/evidence/sealing/pruning.h"

#include <algorithm>
#include <optional>

#include "pool/event/uuid.h"
#include "pool/evidence/proving/columns.h"
#include "pool/evidence/proving/proving.h"
#include "pool/evidence/sealing/prune.h"
#include "pool/tables/legal_holds.h"

namespace storagepool::evidence {
namespace {

using boost::asio::awaitable;

constexpr std::string_view kReadMonths = R"sql(
SELECT (extract(epoch FROM clock_timestamp()) * 1000000)::bigint, expires, first_seq
FROM (VALUES (1)) AS always LEFT JOIN (
  SELECT max(expires) - date '1970-01-01' AS expires, min(first_seq) AS first_seq FROM audit_expiry
  GROUP BY month) AS months ON true)sql";

// Events move between partitions under a lock that waits for this one; else one could be looked for where it
// is no more.
const std::string kStandStill = "LOCK TABLE audit_events IN ACCESS SHARE MODE; " +
                                std::string(tables::kHoldsStay) +
                                "; SET LOCAL row_security = off; SET LOCAL enable_seqscan = off";

constexpr std::string_view kReadHeld =
    "SELECT DISTINCT correlation_id FROM audit_legal_holds WHERE released_at IS NULL";

constexpr std::string_view kFindStored = R"sql(
SELECT min(place) - 1 FROM unnest($1::uuid[], $2::timestamptz[]) WITH ORDINALITY AS key (id, at, place),
LATERAL (SELECT FROM audit_events WHERE event_id = key.id AND event_timestamp = key.at
         AND event_timestamp >= $3::timestamptz AND event_timestamp <= $4::timestamptz LIMIT 1) AS stored)sql";

tl::unexpected<postgres::Error> failed(const std::string& what) {
  postgres::Error error;
  error.detail = "pruning: " + what;
  return tl::unexpected(std::move(error));
}
tl::unexpected<postgres::Error> failed(const LogError& error) {
  if (error.kind == LogError::Kind::kUnavailable) return tl::unexpected(error.postgres);
  return failed(error.detail);
}

class Finding {
 public:
  Finding(postgres::Connection& connection, LogState state, std::uint64_t floor, LogMacs& macs,
          runtime::Timestamp now, postgres::Deadline deadline)
      : connection_(connection),
        state_(std::move(state)),
        floor_(floor),
        macs_(macs),
        now_(now),
        deadline_(deadline),
        reader_(connection, deadline) {}

  awaitable<tl::expected<Prunable, postgres::Error>> run() {
    const std::uint64_t first = state_.min_index;
    Prunable prunable{.min_index = first};
    const auto known = co_await limit_by_months();
    if (!known) co_return tl::unexpected(known.error());
    if (*known == first) co_return prunable;
    const std::uint64_t before = std::max<std::uint64_t>(first, 1) - 1;
    const auto seals = co_await reader_.seals(before, *known - before);
    if (!seals) co_return failed(seals.error());
    const std::uint64_t limit = settled_limit(first, *known, *seals, now_);
    if (limit == first) co_return prunable;
    const auto stand = co_await connection_.execute(kStandStill, deadline_);
    if (!stand) co_return tl::unexpected(stand.error());
    const auto expired = co_await expired_before(limit);
    if (!expired) co_return tl::unexpected(expired.error());
    const auto stored = co_await first_stored(*expired);
    if (!stored) co_return tl::unexpected(stored.error());
    prunable.min_index = prune_end(first, expired->size(), *stored);
    prunable.batches = batches_before(first, prunable.min_index, *seals);
    co_return prunable;
  }

 private:
  awaitable<tl::expected<std::uint64_t, postgres::Error>> limit_by_months() {
    const auto found = co_await connection_.execute(kReadMonths, deadline_);
    if (!found) co_return tl::unexpected(found.error());
    std::vector<LogMonth> months;
    std::int64_t clock = 0;
    for (const Row& row : found->rows) {
      LogMonth month;
      std::int32_t days = 0;
      if (row.size() != 3 || !read_number(row[0], clock)) co_return failed("the clock cannot be read");
      if (!row[1]) continue;
      if (!read_number(row[1], days) || !read_number(row[2], month.first_seq))
        co_return failed("a month of the log cannot be read");
      month.expires = runtime::Date{std::chrono::days{days}};
      months.push_back(month);
    }
    if (found->rows.empty()) co_return failed("the clock cannot be read");
    expired_at_ = std::min(now_, runtime::Timestamp{std::chrono::microseconds{clock}});
    co_return prune_limit(state_, floor_, months, expired_at_);
  }

  awaitable<tl::expected<std::vector<Entry>, postgres::Error>> expired_before(std::uint64_t limit) {
    const auto entries = co_await reader_.entries(state_.min_index, limit - state_.min_index);
    if (!entries) co_return failed(entries.error());
    const auto proven = co_await prove(*entries);
    if (!proven) co_return tl::unexpected(proven.error());
    const auto found = co_await connection_.execute(kReadHeld, deadline_);
    if (!found) co_return tl::unexpected(found.error());
    Tags held;
    for (const Row& row : found->rows) macs_.add_tags(row.at(0).value_or(""), held);
    co_return expired_entries(*entries, held, expired_at_);
  }

  // Else who may write batches would have entries go that have not expired.
  awaitable<tl::expected<void, postgres::Error>> prove(const std::string& entries) {
    auto frontier = co_await reader_.frontier(state_.min_index);
    if (!frontier) co_return failed(frontier.error());
    std::vector<tlog::LevelNode> full;
    for (std::size_t at = 0; at < entries.size(); at += kEntryBytes)
      frontier->append(hasher_, hasher_.leaf(std::string_view(entries).substr(at, kEntryBytes)), full);
    const tlog::Checkpoint part{
        .origin = state_.origin, .size = frontier->size(), .root = frontier->root(hasher_)};
    const auto grown = co_await reader_.prove_growth(part, checkpoint_of(state_, hasher_));
    if (!grown) co_return failed(grown.error());
    co_return tl::expected<void, postgres::Error>();
  }

  awaitable<tl::expected<std::optional<std::size_t>, postgres::Error>> first_stored(
      const std::vector<Entry>& keys) {
    std::optional<std::size_t> first;
    if (keys.empty()) co_return first;
    const auto time = [](const Entry& entry) { return runtime::format_timestamp(entry.event_timestamp); };
    const auto [earliest, latest] = std::ranges::minmax_element(keys, {}, &Entry::event_timestamp);
    std::vector<postgres::Parameter> parameters{
        array_of(keys, [](const Entry& entry) { return event::format_uuid(entry.event_id); }),
        array_of(keys, time), time(*earliest), time(*latest)};
    const auto found = co_await connection_.query_once(kFindStored, std::move(parameters), deadline_);
    if (!found) co_return tl::unexpected(found.error());
    if (found->rows.size() != 1 || found->rows[0].empty() ||
        (found->rows[0][0] && !read_number(found->rows[0][0], first.emplace())))
      co_return failed("which events are stored cannot be read");
    co_return first;
  }

  postgres::Connection& connection_;
  const LogState state_;
  const std::uint64_t floor_;
  LogMacs& macs_;
  const runtime::Timestamp now_;
  const postgres::Deadline deadline_;
  LogReader reader_;
  tlog::Hasher hasher_;
  runtime::Timestamp expired_at_{};
};

}  // namespace

awaitable<tl::expected<Prunable, postgres::Error>> find_prunable(postgres::Connection& connection,
                                                                 LogState state, std::uint64_t floor,
                                                                 LogMacs& macs, runtime::Timestamp now,
                                                                 postgres::Deadline deadline) {
  Finding finding(connection, std::move(state), floor, macs, now, deadline);
  auto prunable = co_await finding.run();
  co_return prunable;
}

}  // namespace storagepool::evidence
