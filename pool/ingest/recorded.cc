#include "pool/ingest/recorded.h"

#include <charconv>

namespace storagepool::ingest {

std::optional<Recorded> read_recorded(const postgres::Result& result, std::int64_t batch) {
  for (const auto& row : result.rows) {
    if (row.size() < 3 || !row[0] || !row[1]) continue;
    Recorded recorded{.batch = batch, .kept = row[2]};
    std::from_chars(row[0]->data(), row[0]->data() + row[0]->size(), recorded.tx);
    std::from_chars(row[1]->data(), row[1]->data() + row[1]->size(), recorded.events);
    return recorded;
  }
  return std::nullopt;
}

}  // namespace storagepool::ingest
