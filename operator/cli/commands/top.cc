#include "operator/cli/commands/top.h"

#include <algorithm>
#include <cmath>
#include <tuple>

namespace storagepool::cli {
namespace {

const Samples* samples_of(const PodSamples& all, const std::string& key) {
  const auto found = all.find(key);
  return found == all.end() || !found->second ? nullptr : &*found->second;
}

std::optional<double> rate(const Samples* before, const Samples& now, const char* name,
                           std::chrono::milliseconds passed) {
  if (before == nullptr || passed.count() <= 0) return std::nullopt;
  const auto was = value_of(*before, name);
  const auto is = value_of(now, name);
  if (!was || !is || *is < *was) return std::nullopt;
  return (*is - *was) * 1000.0 / static_cast<double>(passed.count());
}

double key_of(const TopRow& row, SortBy order) {
  switch (order) {
    case SortBy::kName:
      return 0;
    case SortBy::kInUse:
      return static_cast<double>(row.in_use);
    case SortBy::kOpen:
      return static_cast<double>(row.open);
    case SortBy::kWaiting:
      return static_cast<double>(row.waiting);
    case SortBy::kWaits:
      return row.waits.value_or(0);
    case SortBy::kEvents:
      return row.events.value_or(0);
    case SortBy::kJournal:
      return static_cast<double>(row.journal_events);
  }
  return 0;
}

std::string rate_text(const std::optional<double>& rate) {
  if (!rate) return "-";
  const auto tenths = std::llround(*rate * 10);
  return std::to_string(tenths / 10) + "." + std::to_string(tenths % 10);
}

std::string percent(const TopRow& row) {
  return row.limit > 0 ? std::to_string(row.in_use * 100 / row.limit) + "%" : "-";
}

}  // namespace

std::vector<TopRow> rows_of(const std::vector<Pool>& pools, const PodSamples& before, const PodSamples& now,
                            std::chrono::milliseconds passed, SortBy order) {
  std::vector<TopRow> rows;
  for (const Pool& pool : pools) {
    if (!pool.status.pods) continue;
    for (const auto& pod : pool.status.pods->pods) {
      const std::string key = pool.name_space + "/" + pod.name;
      TopRow row{.pool = pool.title(), .pod = pod.name};
      if (const Samples* samples = samples_of(now, key)) {
        const Samples* earlier = samples_of(before, key);
        row.answers = true;
        row.limit = count_of(*samples, "storagepool_pool_max_open").value_or(0);
        row.open = count_of(*samples, "storagepool_pool_open").value_or(0);
        row.in_use = count_of(*samples, "storagepool_pool_in_use").value_or(0);
        row.waiting = count_of(*samples, "storagepool_pool_waiting").value_or(0);
        row.journal_events = count_of(*samples, "storagepool_journal_waiting_events").value_or(0);
        row.waits = rate(earlier, *samples, "storagepool_pool_wait_count_total", passed);
        row.events = rate(earlier, *samples, "storagepool_events_stored_total", passed);
      }
      rows.push_back(std::move(row));
    }
  }
  std::stable_sort(rows.begin(), rows.end(), [order](const TopRow& a, const TopRow& b) {
    return std::tuple(-key_of(a, order), std::tie(a.pool, a.pod)) <
           std::tuple(-key_of(b, order), std::tie(b.pool, b.pod));
  });
  return rows;
}

Json to_json(const std::vector<TopRow>& rows) {
  Json list = Json::array();
  for (const TopRow& row : rows) {
    Json json{{"storagePool", row.pool}, {"pod", row.pod}, {"answers", row.answers}};
    if (row.answers) {
      json.update({{"limit", row.limit},
                   {"open", row.open},
                   {"inUse", row.in_use},
                   {"waiting", row.waiting},
                   {"journalEvents", row.journal_events}});
    }
    if (row.waits) json["waitsPerSecond"] = *row.waits;
    if (row.events) json["eventsPerSecond"] = *row.events;
    list.push_back(std::move(json));
  }
  return {{"pods", std::move(list)}};
}

std::string to_table(const std::vector<TopRow>& rows, const Paint& paint) {
  Table table;
  table.add_texts(
      {"STORAGEPOOL", "POD", "LIMIT", "OPEN", "IN USE", "USED", "WAITING", "WAITS/S", "EVENTS/S", "JOURNAL"});
  for (const TopRow& row : rows) {
    if (!row.answers) {
      table.add({{row.pool}, {row.pod}, {"does not answer", Color::kBad}});
      continue;
    }
    table.add({{row.pool},
               {row.pod},
               {std::to_string(row.limit)},
               {std::to_string(row.open)},
               {std::to_string(row.in_use)},
               {percent(row), row.in_use * 100 >= row.limit * 80 ? Color::kBad : Color::kPlain},
               {std::to_string(row.waiting), row.waiting > 0 ? Color::kBad : Color::kPlain},
               {rate_text(row.waits)},
               {rate_text(row.events)},
               {std::to_string(row.journal_events), row.journal_events > 0 ? Color::kHint : Color::kPlain}});
  }
  return table.text(paint);
}

}  // namespace storagepool::cli
