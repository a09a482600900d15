// The forms in which the feed gives an entry. Pure.
//
// - item: as lists do, with `seq` (chunk.h).
// - cloudevents: a CloudEvent (CloudEvents 1.0, JSON format) whose `data` is the item. Its `source` is the
//   log's origin, its `sequence` (of the extension of that name) the place in the log as 20 digits, which
//   compare as texts do.
// - ocsf: API Activity, class 6003, of the Open Cybersecurity Schema Framework 1.7, with event_data as
//   `unmapped`; of what is gone, a Base Event, class 0.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "pool/common/runtime/timestamp.h"
#include "pool/event/event.h"
#include "pool/evidence/feed/chunk.h"

namespace storagepool::evidence {

enum class FeedFormat { kItem, kCloudEvents, kOcsf };

inline constexpr std::string_view kFeedFormats = "item, cloudevents, ocsf";
std::optional<FeedFormat> read_feed_format(std::string_view name);

struct Rendering {
  FeedFormat format = FeedFormat::kItem;
  std::string origin{};  // of the log
};

std::string render(const Rendering& rendering, std::uint64_t seq, const event::Event& event);
// Of an entry whose event is not stored any more.
std::string render_gone(const Rendering& rendering, const LoggedEvent& event, runtime::Timestamp now);

}  // namespace storagepool::evidence
