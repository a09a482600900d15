#include "pool/ingest/recorded.h"

#include <charconv>

namespace storagepool::ingest {

std::optional<Recorded> read_recorded(const postgres::Result& result, std::int64_t batch,
                                      std::size_t offered) {
  if (result.rows.empty() && result.affected_rows == 1)
    return Recorded{.batch = batch, .events = static_cast<std::int64_t>(offered)};
  for (const auto& row : result.rows) {
    if (row.size() < 2 || !row[0]) continue;
    Recorded recorded{.batch = batch, .kept = row[1]};
    std::from_chars(row[0]->data(), row[0]->data() + row[0]->size(), recorded.events);
    return recorded;
  }
  return std::nullopt;
}

}  // namespace storagepool::ingest
