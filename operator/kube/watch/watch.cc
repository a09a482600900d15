#include "operator/kube/watch/watch.h"

#include <algorithm>
#include <iterator>
#include <utility>

#include "operator/kube/object.h"
#include "pool/common/json/json.h"

namespace storagepool::kube {

namespace {

WatchLine::Kind kind_of(const std::string& type) {
  if (type == "ADDED") return WatchLine::Kind::kAdded;
  if (type == "MODIFIED") return WatchLine::Kind::kModified;
  if (type == "DELETED") return WatchLine::Kind::kDeleted;
  if (type == "BOOKMARK") return WatchLine::Kind::kBookmark;
  if (type == "ERROR") return WatchLine::Kind::kError;
  return WatchLine::Kind::kMalformed;
}

bool is_usable(WatchLine::Kind kind, const Json& object) {
  if (kind == WatchLine::Kind::kError) return object.is_object();
  const bool named = kind == WatchLine::Kind::kBookmark || !metadata_string(object, "name").empty();
  return named && !metadata_string(object, "resourceVersion").empty();
}

}  // namespace

tl::expected<WatchLine, ApiError> parse_watch_line(std::string_view text, const Selection& selection) {
  Json parsed = selection.read(text);
  if (parsed.is_discarded()) {
    return tl::unexpected(
        ApiError{.reason = std::string(kReasonMalformed), .message = "a watch event that is no JSON"});
  }
  const WatchLine::Kind kind = kind_of(json::text_of(json::member(parsed, "type")));
  if (kind == WatchLine::Kind::kError) parsed = Selection().read(text);
  const Json& object = json::member(parsed, "object");
  if (!is_usable(kind, object)) return WatchLine{WatchLine::Kind::kMalformed, std::move(parsed)};
  return WatchLine{kind, std::move(parsed["object"])};
}

ApiError error_of(const Json& status) {
  const std::int64_t code = json::integer_at(status, "/code", 500);
  return error_from_response(code >= 100 && code < 600 ? static_cast<int>(code) : 500, status.dump(), {});
}

WatchMachine::Action WatchMachine::next(TimePoint now) const {
  if (wait_until_ && now < *wait_until_) return Wait{*wait_until_};
  if (state_ == State::kListing) return FetchPage{continue_token_};
  if (in_doubt_) return AskVersion{};
  return OpenWatch{resource_version_};
}

std::optional<Replaced> WatchMachine::page(ListPage page, TimePoint asked) {
  wait_until_.reset();
  if (continue_token_.empty()) list_began_ = asked;
  for (const Json& item : page.items) items_.push_back(item.dump());
  continue_token_ = std::move(page.continue_token);
  if (!continue_token_.empty()) return std::nullopt;
  resource_version_ = std::move(page.resource_version);
  state_ = State::kResuming;
  in_doubt_ = false;
  return Replaced{std::exchange(items_, {}), version_number(resource_version_), list_began_};
}

void WatchMachine::version_told(const std::string& resource_version) {
  wait_until_.reset();
  in_doubt_ = false;
  if (version_number(resource_version) < version_number(resource_version_)) start_list();
}

void WatchMachine::list_failed(const ApiError& error, TimePoint now) {
  // The pages so far cannot be continued later than the server allows: begin again.
  start_list();
  failed(error, now);
}

void WatchMachine::watch_started(TimePoint now) {
  state_ = State::kWatching;
  heard_ = false;
  started_ = now;
  wait_until_.reset();
}

std::optional<WatchEvent> WatchMachine::line(WatchLine line, TimePoint now) {
  if (line.kind == WatchLine::Kind::kError) {
    watch_ended(error_of(line.object), now);
    return std::nullopt;
  }
  if (line.kind == WatchLine::Kind::kMalformed) return Skipped{};
  heard_ = true;
  resource_version_ = metadata_string(line.object, "resourceVersion");
  switch (line.kind) {
    case WatchLine::Kind::kAdded:
    case WatchLine::Kind::kModified:
      return Upserted{std::move(line.object)};
    case WatchLine::Kind::kDeleted:
      return Deleted{std::move(line.object)};
    default:
      return std::nullopt;
  }
}

void WatchMachine::watch_ended(const std::optional<ApiError>& error, TimePoint now) {
  if (!watching()) return;
  const auto lived = now - started_;
  if (lived >= kStable) failures_ = 0;
  state_ = State::kResuming;
  in_doubt_ = error || !heard_;
  if (!error) {
    if (lived < kShort) back_off(now, {});
    return;
  }
  // 504: the server does not know this version yet, as after a restore of its storage. What cannot be read at
  // all would come again.
  const bool readable = error->reason != kReasonMalformed;
  const bool resumable = (error->status == 0 && readable) || error->status == 429 ||
                         (error->status >= 500 && error->status != 504);
  if (!resumable) start_list();
  failed(*error, now);
}

void WatchMachine::start_list() {
  state_ = State::kListing;
  items_.clear();
  continue_token_.clear();
}

void WatchMachine::failed(const ApiError& error, TimePoint now) {
  // A version that has expired is usual: list at once, but only the first time in a row.
  if (error.is_gone() && failures_ == 0) {
    ++failures_;
    return;
  }
  back_off(now, error.retry_after);
}

void WatchMachine::back_off(TimePoint now, std::chrono::milliseconds at_least) {
  const std::chrono::milliseconds half =
      std::min<std::chrono::milliseconds>(kBackoffMin * (1 << std::min(failures_, 10)), kBackoffMax / 2);
  std::uniform_int_distribution<std::int64_t> jitter(half.count(), 2 * half.count());
  ++failures_;
  wait_until_ = now + std::max(std::chrono::milliseconds(jitter(random_)), at_least);
}

}  // namespace storagepool::kube
