#include "pool/reading/windows.h"

#include <algorithm>

#include "pool/tables/partitions.h"

namespace storagepool::reading {

std::vector<Window> windows_of(const ListQuery& query, const std::optional<Months>& months) {
  if (!months) return {{}};
  std::chrono::year_month oldest = months->oldest;
  std::chrono::year_month newest = months->newest;
  if (query.since) oldest = std::max(oldest, tables::month_of(*query.since));
  if (query.until) newest = std::min(newest, tables::month_of(*query.until));
  if (query.cursor) {
    const std::chrono::year_month place = tables::month_of(query.cursor->event_timestamp);
    if (query.oldest_first) {
      oldest = std::max(oldest, place);
    } else {
      newest = std::min(newest, place);
    }
  }

  std::vector<Window> windows{{}};
  const std::chrono::months step{kMonthsAtOnce};
  for (auto next = newest - step; next >= oldest; next -= step) {
    const runtime::Timestamp edge = tables::bounds_of(next).second;
    windows.back().from = edge;
    windows.push_back({.until = edge});
  }
  if (query.oldest_first) std::ranges::reverse(windows);
  return windows;
}

}  // namespace storagepool::reading
