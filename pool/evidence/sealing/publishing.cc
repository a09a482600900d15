#include "pool/evidence/sealing/publishing.h"

#include "pool/evidence/proving/columns.h"
#include "pool/evidence/proving/proving.h"

namespace storagepool::evidence {
namespace {

using boost::asio::awaitable;

awaitable<bool> begins_with(postgres::Connection& connection, Floor log, postgres::Deadline deadline) {
  if (log.size == 0) co_return true;
  LogReader reader(connection, deadline);
  const auto root = co_await reader.root(log.size);
  co_return root&&* root == log.root;
}

}  // namespace

// Who may not see more than that there are some is told nothing of them, not even what they are. One that
// only archives applies nothing; one that has not caught up is not there yet; subscribers get no log.
const std::string_view kReadStandbys = R"sql(
SELECT count(*), count(flush_lsn), min(flush_lsn) - '0/0',
  CASE WHEN count(*) > 0 THEN pg_current_wal_flush_lsn() - '0/0' END,
  (SELECT floor(1000 * extract(epoch FROM clock_timestamp() - sealed_at))
   FROM audit_seals ORDER BY first_seq DESC LIMIT 1)
FROM pg_stat_replication AS standby
WHERE (state IS NULL OR (state = 'streaming' AND replay_lsn IS NOT NULL))
  AND NOT EXISTS (SELECT FROM pg_replication_slots WHERE active_pid = standby.pid AND slot_type = 'logical'))sql";

Standbys read_standbys(const postgres::Result& result) {
  Standbys standbys{.any = true};
  std::uint64_t count = 0;
  std::uint64_t told = 0;
  std::uint64_t flushed = 0;
  std::int64_t age = 0;
  if (result.rows.size() != 1 || result.rows[0].size() != 5) return standbys;
  const Row& row = result.rows[0];
  if (!read_number(row[0], count) || !read_number(row[1], told)) return standbys;
  standbys.any = count > 0;
  const bool has_position = read_number(row[3], standbys.position);
  if (has_position && told == count && read_number(row[2], flushed)) standbys.flushed = flushed;
  if (read_number(row[4], age)) standbys.age = std::chrono::milliseconds(age);
  return standbys;
}

awaitable<tl::expected<bool, postgres::Error>> publish(Publishing& publishing,
                                                       postgres::Connection& connection, Floor committed,
                                                       Publishing::TimePoint now,
                                                       postgres::Deadline deadline) {
  const auto found = co_await connection.execute(kReadStandbys, deadline);
  if (!found && !connection.usable()) co_return tl::unexpected(found.error());
  // What the role may not even ask for there may be.
  const Standbys standbys = found ? read_standbys(*found) : Standbys{.any = true};
  const auto newest = publishing.look(now, committed, standbys);
  if (newest) {
    bool is_of_log = *newest == committed;
    if (!is_of_log) is_of_log = co_await begins_with(connection, *newest, deadline);
    if (is_of_log) publishing.show(*newest);
  }
  co_return publishing.waiting() && standbys.flushed.has_value();
}

}  // namespace storagepool::evidence
