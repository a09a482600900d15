// The room of the feed: the events of a log in its order, which is that of their commits and never changes,
// for those who copy them elsewhere. A cursor (cursor.h) says where a follower goes on; chunk.h says what
// entries are to him and rendering.h in which form, both pure.
//
// Nothing of the log is passed over in silence: an entry whose event has expired, or is missing, is told as
// such, and what does not agree with the log is an error; so is a cursor of entries that are pruned, which
// the first cursor passes. A connection is leased for one chunk, and none is held between two.
#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include <boost/asio/awaitable.hpp>
#include <tl/expected.hpp>

#include "pool/common/runtime/clock.h"
#include "pool/evidence/feed/chunk.h"
#include "pool/evidence/feed/cursor.h"
#include "pool/evidence/feed/rendering.h"
#include "pool/evidence/proving/proving.h"
#include "pool/reading/reading.h"

namespace storagepool::evidence {

// What one read holds of event_data and error_message, less where memory is short; an event that has more
// comes alone.
inline constexpr std::int64_t kFeedBytes = std::int64_t{1024} * 1024;
// Entries that one read looks at, and a few more: a filter may match none of them.
inline constexpr std::uint64_t kFeedEntries = 10'000;

using FeedError = std::variant<CursorFault, LogError, tables::StoreError>;

struct FeedPage {
  std::vector<std::string> items;  // JSON
  FeedCursor next{};
  bool at_end = false;  // the log that was shown has no more
};

class Feed {
 public:
  // `reader` and `clock` must outlive this.
  Feed(reading::Reader& reader, std::string database, const runtime::Clock& clock = runtime::system_clock())
      : reader_(reader), database_(std::move(database)), clock_(clock) {}

  // Goes on at `from` in the log of which `size` entries are published. Of events that `query` does not match
  // nothing is told, nor then of expired ones. What could be read is given, also where more could not.
  // `reserve` is asked for what is about to be fetched, `gone` as Reader::list asks it.
  boost::asio::awaitable<tl::expected<FeedPage, FeedError>> read(
      FeedCursor from, std::uint64_t size, reading::ListQuery query, Rendering rendering,
      reading::Reader::Deadline deadline, reading::Reader::Reserve reserve, reading::Reader::Gone gone = {});
  // The end of a log of this size.
  boost::asio::awaitable<tl::expected<FeedCursor, FeedError>> end(std::uint64_t size,
                                                                  reading::Reader::Deadline deadline,
                                                                  reading::Reader::Gone gone = {});

 private:
  class Reading;

  reading::Reader& reader_;
  std::string database_;
  const runtime::Clock& clock_;
};

}  // namespace storagepool::evidence
