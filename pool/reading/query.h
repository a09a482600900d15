// The filters of `GET /api/v1/audit/events`, from the decoded parameters of the query string. Pure: the clock
// is given. Unknown parameters are ignored and of repeated ones the first counts; an empty filter is no
// filter. A filter on a text takes one value by its name, and several by its plural, separated by commas. A
// page is asked for by `offset`, or by the `cursor` that came with the page before, not by both.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <tl/expected.hpp>

#include "pool/common/runtime/timestamp.h"
#include "pool/event/field_error.h"
#include "pool/reading/cursor.h"

namespace storagepool::reading {

inline constexpr std::int64_t kDefaultLimit = 50;
inline constexpr std::int64_t kMaxLimit = 1000;
inline constexpr std::size_t kMaxValues = 50;  // of one plural

// What a text of an event is to be: one of these, which differ, or anything where there are none.
struct OneOf {
  OneOf() = default;
  OneOf(std::string value) : values{std::move(value)} {}
  OneOf(const char* value) : values{value} {}
  OneOf(std::initializer_list<std::string> several) : values(several) {}

  explicit operator bool() const { return !values.empty(); }
  friend bool operator==(const OneOf&, const OneOf&) = default;

  std::vector<std::string> values{};
};

// `event_data` has a member `key` whose value reads `value`: strings as their text, all else as it is
// written.
struct DetailFilter {
  std::string key;
  std::string value;
  friend bool operator==(const DetailFilter&, const DetailFilter&) = default;
};

// How far what matches is counted for a total.
enum class Count {
  kUsual,  // no further than kCountedTo (page.h)
  kExact,  // however much that is
  kNone,   // there is no total
};

struct ListQuery {
  OneOf event_type{};
  OneOf event_category{};
  OneOf event_outcome{};
  OneOf severity{};
  OneOf correlation_id{};
  OneOf event_action{};
  OneOf actor_id{};
  OneOf actor_type{};
  OneOf resource_type{};
  OneOf resource_id{};
  OneOf namespace_name{};
  OneOf cluster_id{};
  OneOf error_code{};
  OneOf principal{};
  std::optional<runtime::Timestamp> since{};           // of event_timestamp, inclusive
  std::optional<runtime::Timestamp> until{};           // likewise
  std::optional<runtime::Timestamp> received_since{};  // of received_at, inclusive
  std::optional<runtime::Timestamp> received_until{};  // likewise
  std::optional<DetailFilter> detail{};
  std::int64_t limit = kDefaultLimit;
  std::int64_t offset = 0;         // 0 with a cursor
  std::optional<Cursor> cursor{};  // only events after this place
  Count count = Count::kUsual;     // with a cursor nothing is counted
  bool oldest_first = false;       // by event_timestamp, then event_id, both ascending
  bool sees_sensitive = true;      // else `detail` finds no event marked is_sensitive

  // Whether there are events that it does not match.
  bool filters() const;
  friend bool operator==(const ListQuery&, const ListQuery&) = default;
};

struct TextFilter {
  std::string_view name;    // of the parameter of one value, and of the column
  std::string_view plural;  // of that of several
  OneOf ListQuery::*values;
};
inline constexpr std::array<TextFilter, 14> kTextFilters{{
    {"event_type", "event_types", &ListQuery::event_type},
    {"event_category", "event_categories", &ListQuery::event_category},
    {"event_outcome", "event_outcomes", &ListQuery::event_outcome},
    {"severity", "severities", &ListQuery::severity},
    {"correlation_id", "correlation_ids", &ListQuery::correlation_id},
    {"event_action", "event_actions", &ListQuery::event_action},
    {"actor_id", "actor_ids", &ListQuery::actor_id},
    {"actor_type", "actor_types", &ListQuery::actor_type},
    {"resource_type", "resource_types", &ListQuery::resource_type},
    {"resource_id", "resource_ids", &ListQuery::resource_id},
    {"namespace", "namespaces", &ListQuery::namespace_name},
    {"cluster_id", "cluster_ids", &ListQuery::cluster_id},
    {"error_code", "error_codes", &ListQuery::error_code},
    {"principal", "principals", &ListQuery::principal},
}};

using QueryParameters = std::span<const std::pair<std::string, std::string>>;

tl::expected<ListQuery, event::FieldErrors> parse_list_query(QueryParameters parameters,
                                                             runtime::Timestamp now);

}  // namespace storagepool::reading
