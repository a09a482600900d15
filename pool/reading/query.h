// The filters of `GET /api/v1/audit/events`, from the decoded parameters of the query string. Pure: the clock
// is given. Unknown parameters are ignored and of repeated ones the first counts; an empty filter is no
// filter. A page is asked for by `offset`, or by the `cursor` that came with the page before, not by both.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <utility>

#include <tl/expected.hpp>

#include "pool/common/runtime/timestamp.h"
#include "pool/event/field_error.h"
#include "pool/reading/cursor.h"

namespace storagepool::reading {

inline constexpr std::int64_t kDefaultLimit = 50;
inline constexpr std::int64_t kMaxLimit = 1000;

// `event_data` has a member `key` whose value reads `value`: strings as their text, all else as it is
// written.
struct DetailFilter {
  std::string key;
  std::string value;
  friend bool operator==(const DetailFilter&, const DetailFilter&) = default;
};

struct ListQuery {
  std::optional<std::string> event_type{};
  std::optional<std::string> event_category{};
  std::optional<std::string> event_outcome{};
  std::optional<std::string> severity{};
  std::optional<std::string> correlation_id{};
  std::optional<runtime::Timestamp> since{};  // inclusive
  std::optional<runtime::Timestamp> until{};  // inclusive
  std::optional<DetailFilter> detail{};
  std::int64_t limit = kDefaultLimit;
  std::int64_t offset = 0;         // 0 with a cursor
  std::optional<Cursor> cursor{};  // only events after this place
  bool oldest_first = false;       // by event_timestamp, then event_id, both ascending
  bool sees_sensitive = true;      // else `detail` finds no event marked is_sensitive

  // Whether there are events that it does not match.
  bool filters() const {
    return event_type || event_category || event_outcome || severity || correlation_id || since || until ||
           detail;
  }
  friend bool operator==(const ListQuery&, const ListQuery&) = default;
};

using QueryParameters = std::span<const std::pair<std::string, std::string>>;

tl::expected<ListQuery, event::FieldErrors> parse_list_query(QueryParameters parameters,
                                                             runtime::Timestamp now);

}  // namespace storagepool::reading
