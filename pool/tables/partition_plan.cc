#include <algorithm>
#include <cstdio>
#include <iterator>

#include "pool/tables/partitions.h"

namespace storagepool::tables {
namespace {

using std::chrono::year_month;

bool reaches_into(const Partition& partition, year_month month) {
  const auto [from, until] = bounds_of(month);
  return (!partition.from || *partition.from < until) && (!partition.until || *partition.until > from);
}

}  // namespace

std::string partition_name(year_month month) {
  char text[48];
  std::snprintf(text, sizeof text, "audit_events_y%04dm%02u", static_cast<int>(month.year()),
                static_cast<unsigned>(month.month()));
  return text;
}

year_month month_of(runtime::Timestamp time) {
  const std::chrono::year_month_day date{runtime::date_of(time)};
  return date.year() / date.month();
}

std::pair<runtime::Timestamp, runtime::Timestamp> bounds_of(year_month month) {
  const auto first = [](year_month of) { return runtime::Timestamp{std::chrono::sys_days{of / 1}}; };
  return {first(month), first(month + std::chrono::months{1})};
}

PartitionPlan plan_partitions(runtime::Timestamp now, std::span<const Partition> existing,
                              const PartitionSettings& settings) {
  const year_month current = month_of(now);
  const year_month first = std::min(current - std::chrono::months{1}, month_of(now - settings.oldest_event));
  const year_month last = current + std::chrono::months{std::max(settings.months_ahead, 1)};
  PartitionPlan plan;
  for (year_month month = first; month <= last; month += std::chrono::months{1}) {
    const bool taken = std::any_of(existing.begin(), existing.end(), [&](const Partition& partition) {
      return reaches_into(partition, month);
    });
    if (!taken) plan.create.push_back(month);
  }
  for (const Partition& partition : existing) {
    if (!partition.from || !partition.until) continue;
    const year_month month = month_of(*partition.from);
    const bool ours = partition.name == partition_name(month) &&
                      bounds_of(month) == std::pair{*partition.from, *partition.until};
    if (ours) plan.ours.push_back(month);
  }
  std::sort(plan.ours.begin(), plan.ours.end());
  std::copy_if(plan.ours.begin(), plan.ours.end(), std::back_inserter(plan.droppable),
               [&](year_month month) { return month < first; });
  return plan;
}

}  // namespace storagepool::tables
