#include "pool/evidence/auditing/batches.h"

#include <string>
#include <utility>
#include <vector>

#include "pool/evidence/auditing/statements.h"
#include "pool/evidence/proving/columns.h"
#include "pool/evidence/proving/places.h"

namespace storagepool::evidence {
namespace {

// No value for one that no pod can have left so.
std::optional<std::string> read_kept(std::int64_t id, const Row& row, EntryWriter& writer) {
  std::string entries;
  std::string mac;
  std::int64_t events = 0;
  std::optional<std::vector<std::int64_t>> kept;
  if (id < 0 || !read_number(row[4], events) || !read_bytes(row[2], entries) || !read_bytes(row[3], mac) ||
      (row[1] && !read_numbers(row[1], kept.emplace())))
    return std::nullopt;
  if (!writer.is_mac_of(id, entries, mac)) return std::nullopt;
  auto some = kept_entries(entries, kept);
  if (some && some->size() != static_cast<std::size_t>(events) * kEntryBytes) return std::nullopt;
  return some;
}

}  // namespace

boost::asio::awaitable<tl::expected<std::map<std::int64_t, BatchEntries>, postgres::Error>> read_batches(
    postgres::Connection& connection, std::set<std::int64_t> ids, EntryWriter& writer,
    postgres::Deadline deadline) {
  std::map<std::int64_t, BatchEntries> batches;
  bool more = true;
  while (more && !ids.empty()) {
    std::vector<postgres::Parameter> wanted{
        array_of(ids, [](std::int64_t id) { return std::to_string(id); })};
    const auto found = co_await connection.query_once(kReadAuditedBatches, std::move(wanted), deadline);
    if (!found) co_return tl::unexpected(found.error());
    std::int64_t id = 0;
    for (const Row& row : found->rows) {
      if (row.size() != 5 || !read_number(row[0], id)) continue;
      auto kept = read_kept(id, row, writer);
      if (kept) batches.emplace(id, BatchEntries(*std::move(kept)));
    }
    more = !found->rows.empty();
    ids.erase(ids.begin(), ids.upper_bound(id));
  }
  co_return batches;
}

}  // namespace storagepool::evidence
