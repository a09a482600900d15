#include "pool/reading/statements.h"

#include <algorithm>
#include <limits>
#include <string_view>

#include "pool/tables/legal_holds.h"
#include "pool/tables/row.h"
#include "pool/tables/stored_row.h"

namespace storagepool::reading {
namespace {

// Collects the conditions of a WHERE clause and the parameters of a statement.
class Builder {
 public:
  std::string typed(std::string value, std::string_view type) {
    parameters_.emplace_back(std::move(value));
    return "$" + std::to_string(parameters_.size()) + std::string(type);
  }
  std::string text(std::string value) { return typed(std::move(value), "::text"); }
  std::string uuid(std::string value) { return typed(std::move(value), "::uuid"); }
  std::string time(runtime::Timestamp value) {
    return typed(runtime::format_timestamp(value), "::timestamptz");
  }
  // As part of the text: a plan that is kept opens only what its windows leave.
  static std::string edge(runtime::Timestamp value) {
    return "'" + runtime::format_timestamp(value) + "'::timestamptz";
  }
  std::string number(std::int64_t value) { return typed(std::to_string(value), "::bigint"); }

  void where(const std::string& condition) { where_ += (where_.empty() ? " WHERE " : " AND ") + condition; }
  std::string texts(const std::vector<std::string>& values) {
    std::string array;
    for (const std::string& value : values) {
      array += array.empty() ? "{\"" : ",\"";
      for (const char c : value) {
        if (c == '"' || c == '\\') array += '\\';
        array += c;
      }
      array += '"';
    }
    return typed(array + "}", "::text[]");
  }
  void one_of(std::string_view column, const std::vector<std::string>& values) {
    if (values.empty()) return;
    where(std::string(column) +
          (values.size() == 1 ? " = " + text(values[0]) : " = ANY(" + texts(values) + ")"));
  }

  void kept(runtime::Timestamp now, const std::string& held = tables::kHeld) {
    where("(" + tables::kExpiresAt + " > least(" + time(now) + ", now()) OR " + held + ")");
  }

  const std::string& conditions() const { return where_; }
  // And begins another clause.
  std::string take_conditions() { return std::exchange(where_, {}); }
  std::vector<postgres::Parameter> take_parameters() { return std::move(parameters_); }

 private:
  std::string where_;
  std::vector<postgres::Parameter> parameters_;
};

// `apart`, if it is not null, is left to the caller.
void add_matches(Builder& builder, const ListQuery& query, const TextFilter* apart = nullptr) {
  for (const TextFilter& filter : kTextFilters)
    if (apart == nullptr || filter.values != apart->values)
      builder.one_of(filter.name, (query.*filter.values).values);
  if (query.since) builder.where("event_timestamp >= " + builder.time(*query.since));
  if (query.until) builder.where("event_timestamp <= " + builder.time(*query.until));
  if (query.received_since) builder.where("received_at >= " + builder.time(*query.received_since));
  if (query.received_until) builder.where("received_at <= " + builder.time(*query.received_until));
  if (query.detail) {
    const std::string key = builder.text(query.detail->key);
    builder.where("event_data ->> " + key + " = " + builder.text(query.detail->value));
    if (!query.sees_sensitive) builder.where("NOT is_sensitive");
  }
}

void add_filters(Builder& builder, const ListQuery& query, const Window& window, runtime::Timestamp now,
                 const TextFilter* apart = nullptr) {
  if (window.from) builder.where("event_timestamp >= " + Builder::edge(*window.from));
  if (window.until) builder.where("event_timestamp < " + Builder::edge(*window.until));
  add_matches(builder, query, apart);
  if (query.cursor) {
    // Partitions are told by the first condition alone.
    const std::string time = builder.time(query.cursor->event_timestamp);
    const std::string after = query.oldest_first ? " > " : " < ";
    builder.where("event_timestamp" + after.substr(0, 2) + "= " + time);
    builder.where("(event_timestamp, event_id)" + after + "(" + time + ", " +
                  builder.uuid(query.cursor->event_id) + ")");
  }
  if (query.correlation_id.values.size() == 1) {
    builder.kept(now, tables::held(builder.text(query.correlation_id.values[0])));
  } else {
    builder.kept(now);
  }
}

// FROM and WHERE of the stored ones of these events, with `place`.
std::string find_keys(Builder& builder, std::span<const EventKey> keys, runtime::Timestamp now) {
  std::string ids;
  std::string times;
  for (const EventKey& key : keys) {
    ids += (ids.empty() ? '{' : ',') + key.event_id;
    times += (times.empty() ? '{' : ',') + runtime::format_timestamp(key.event_timestamp);
  }
  const auto [earliest, latest] = std::ranges::minmax(keys, {}, &EventKey::event_timestamp);
  const std::string wanted = "unnest(" + builder.typed(ids + "}", "::uuid[]") + ", " +
                             builder.typed(times + "}", "::timestamptz[]") +
                             ") WITH ORDINALITY AS wanted (wanted_id, wanted_time, place)";
  builder.where("event_timestamp >= " + builder.time(earliest.event_timestamp));
  builder.where("event_timestamp <= " + builder.time(latest.event_timestamp));
  builder.kept(now);
  return " FROM " + wanted + " JOIN audit_events ON event_id = wanted_id AND event_timestamp = wanted_time" +
         builder.take_conditions();
}

// The filter by whose index a list is read (tables.cc has what there is), the rarest first, if it is on
// several values. Each of them is read in the order of the list then; as one condition they would not be.
const TextFilter* read_by_several(const ListQuery& query) {
  for (const auto values : {&ListQuery::correlation_id, &ListQuery::event_type, &ListQuery::event_category}) {
    if (!(query.*values)) continue;
    if ((query.*values).values.size() == 1) return nullptr;
    return std::ranges::find(kTextFilters, values, &TextFilter::values);
  }
  return nullptr;
}

// The events of a slice, and one more.
struct Found {
  std::string all;   // their columns
  std::string from;  // FROM and WHERE
  std::string order;
  std::string limits;  // LIMIT and OFFSET
  std::string room;    // the parameter
};

Found find_slice(Builder& builder, const ListQuery& query, const Slice& slice, runtime::Timestamp now) {
  const TextFilter* several = read_by_several(query);
  add_filters(builder, query, slice.window, now, several);
  const std::string order = query.oldest_first ? " ORDER BY event_timestamp, event_id"
                                               : " ORDER BY event_timestamp DESC, event_id DESC";
  std::string from = " FROM audit_events";
  if (several == nullptr) {
    from += builder.take_conditions();
  } else {
    constexpr std::int64_t kMost = std::numeric_limits<std::int64_t>::max();
    const std::int64_t most = slice.skip > kMost - slice.room - 1 ? kMost : slice.skip + slice.room + 1;
    builder.where(std::string(several->name) + " = wanted.value");
    from += builder.take_conditions() + order + " LIMIT " + builder.number(most);
    from = " FROM unnest(" + builder.texts((query.*several->values).values) +
           ") AS wanted (value), LATERAL (SELECT *" + from + ") AS found";
  }
  const std::string room = builder.number(slice.room);
  return {.all = several == nullptr ? "*" : "found.*",
          .from = from,
          .order = order,
          .limits = " LIMIT " + room + " + 1 OFFSET " + builder.number(slice.skip),
          .room = room};
}

// Planning is nearly all that a page of a few events costs that are looked for in many months, so its plans
// are kept; those of other lists would take a server's memory for little.
bool names_times(const ListQuery& query, const Window& window) {
  if (query.since || query.until || query.cursor) return true;
  return (window.from || window.until) && !query.correlation_id;
}

}  // namespace

Statement select_event(std::string event_id, std::pair<runtime::Timestamp, runtime::Timestamp> range,
                       runtime::Timestamp now) {
  Builder builder;
  builder.where("event_id = " + builder.uuid(std::move(event_id)));
  builder.where("event_timestamp >= " + builder.time(range.first));
  builder.where("event_timestamp < " + builder.time(range.second));
  builder.kept(now);
  return {"SELECT " + tables::kStoredColumns + " FROM audit_events" + builder.conditions(),
          builder.take_parameters()};
}

Statement select_client_id(std::string event_id) {
  return {"SELECT " + tables::utc_text("event_timestamp") + " FROM audit_event_ids WHERE event_id = $1::uuid",
          {std::move(event_id)},
          false};
}

Statement select_by_keys(std::span<const EventKey> keys, std::int64_t bytes, runtime::Timestamp now) {
  Builder builder;
  const std::string from = find_keys(builder, keys, now);
  return {"WITH stored AS MATERIALIZED (SELECT *" + from +
              "), sizes AS (SELECT place, octet_length(event_data::text)::bigint + "
              "coalesce(octet_length(error_message), 0) AS bytes FROM stored), "
              "sums AS (SELECT *, sum(bytes) OVER (ORDER BY place) AS so_far FROM sizes) "
              "SELECT sums.place, bytes, " +
              tables::kEventColumns +
              " FROM sums LEFT JOIN stored ON stored.place = sums.place AND so_far <= " +
              builder.number(bytes) + " ORDER BY sums.place",
          builder.take_parameters()};
}

Statement match_by_keys(std::span<const EventKey> keys, const ListQuery& query, runtime::Timestamp now) {
  Builder builder;
  const std::string from = find_keys(builder, keys, now);
  add_matches(builder, query);
  return {"SELECT place, (SELECT 1" + builder.conditions() + ")" + from + " ORDER BY place",
          builder.take_parameters()};
}

Statement select_months() {
  return {R"(SELECT min(month), max(month) FROM (
  SELECT regexp_replace(relname, '^audit_events_y(\d{4})m(\d\d)$', '\1-\2-01T00:00:00Z') AS month
  FROM pg_inherits JOIN pg_class ON oid = inhrelid
  WHERE inhparent = 'audit_events'::regclass AND relname ~ '^audit_events_y\d{4}m\d\d$') AS months)",
          {},
          false};
}

Statement select_slice(const ListQuery& query, const Slice& slice, runtime::Timestamp now) {
  Builder builder;
  const Found found = find_slice(builder, query, slice, now);
  return {"WITH page AS MATERIALIZED (SELECT " + found.all + found.from + found.order + found.limits +
              "), shown AS MATERIALIZED (SELECT * FROM page" + found.order + " LIMIT " + found.room +
              "), size AS (SELECT coalesce(sum(octet_length(event_data::text)::bigint + "
              "coalesce(octet_length(error_message), 0)), 0)::bigint AS bytes, "
              "(SELECT count(*) FROM page) AS found FROM shown) SELECT bytes, found, " +
              tables::kStoredColumns +
              " FROM size LEFT JOIN shown ON bytes <= " + builder.number(slice.bytes) + found.order,
          builder.take_parameters(), names_times(query, slice.window), slice.bytes > kUsualPageBytes};
}

Statement select_small(const ListQuery& query, const Slice& slice, runtime::Timestamp now) {
  static const std::string kColumns = tables::stored_columns_up_to(kSmallEvent);
  Builder builder;
  const Found found = find_slice(builder, query, slice, now);
  return {"SELECT " + kColumns + found.from + found.order + found.limits, builder.take_parameters(),
          names_times(query, slice.window)};
}

Statement count_matches(const ListQuery& query, const Window& window, std::int64_t count_to,
                        runtime::Timestamp now) {
  Builder builder;
  add_filters(builder, query, window, now);
  const std::string limit = builder.number(count_to);
  return {"SELECT count(*) FROM (SELECT FROM audit_events" + builder.conditions() + " LIMIT " + limit +
              ") AS counted",
          builder.take_parameters(), names_times(query, window)};
}

}  // namespace storagepool::reading
