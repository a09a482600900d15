// What a follower asks of the feed, from the decoded parameters of the query string: the filters and the
// limit of lists, where to go on, how long to wait, and in which form. Pure: the clock is given.
#pragma once

#include <chrono>
#include <optional>

#include <tl/expected.hpp>

#include "pool/event/field_error.h"
#include "pool/evidence/feed/cursor.h"
#include "pool/evidence/feed/rendering.h"
#include "pool/reading/query.h"

namespace storagepool::evidence {

inline constexpr std::chrono::seconds kLongestWait{55};  // proxies give up after 60 s

struct FeedQuery {
  std::optional<FeedCursor> from{};  // no value: the end of the log
  reading::ListQuery matching{};     // with the limit
  std::chrono::milliseconds wait{0};
  FeedFormat format = FeedFormat::kItem;
};

tl::expected<FeedQuery, event::FieldErrors> parse_feed_query(reading::QueryParameters parameters,
                                                             runtime::Timestamp now);

}  // namespace storagepool::evidence
