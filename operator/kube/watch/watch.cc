#include "operator/kube/watch/watch.h"

#include <algorithm>
#include <iterator>
#include <utility>

#include "operator/kube/object.h"

namespace storagepool::kube {

tl::expected<WatchLine, ApiError> parse_watch_line(std::string_view text) {
  const auto malformed = [](const char* why) {
    return tl::unexpected(ApiError{.reason = std::string(kReasonMalformed), .message = why});
  };
  auto parsed = parse_object(text);
  if (!parsed) return tl::unexpected(parsed.error());
  const auto type = parsed->find("type");
  const auto object = parsed->find("object");
  if (type == parsed->end() || !type->is_string()) return malformed("a watch event without a type");
  if (object == parsed->end() || !object->is_object()) return malformed("a watch event without an object");
  const auto& name = type->get_ref<const std::string&>();
  WatchLine line{WatchLine::Kind::kError, std::move(*object)};
  if (name == "ERROR") return line;
  if (name == "ADDED") {
    line.kind = WatchLine::Kind::kAdded;
  } else if (name == "MODIFIED") {
    line.kind = WatchLine::Kind::kModified;
  } else if (name == "DELETED") {
    line.kind = WatchLine::Kind::kDeleted;
  } else if (name == "BOOKMARK") {
    line.kind = WatchLine::Kind::kBookmark;
  } else {
    return malformed("a watch event of an unknown type");
  }
  if (metadata_string(line.object, "resourceVersion").empty())
    return malformed("an object without resourceVersion");
  if (line.kind != WatchLine::Kind::kBookmark && metadata_string(line.object, "name").empty()) {
    return malformed("an object without a name");
  }
  return line;
}

ApiError error_of(const Json& status) {
  const auto code = status.find("code");
  const int value = code != status.end() && code->is_number_integer() ? code->get<int>() : 500;
  return error_from_response(value, status.dump(), {});
}

WatchMachine::Action WatchMachine::next(TimePoint now) const {
  if (wait_until_ && now < *wait_until_) return Wait{*wait_until_};
  if (state_ == State::kListing) return FetchPage{continue_token_};
  return OpenWatch{resource_version_};
}

std::optional<Replaced> WatchMachine::page(ListPage page) {
  wait_until_.reset();
  std::move(page.items.begin(), page.items.end(), std::back_inserter(items_));
  continue_token_ = std::move(page.continue_token);
  if (!continue_token_.empty()) return std::nullopt;
  resource_version_ = std::move(page.resource_version);
  state_ = State::kResuming;
  return Replaced{std::exchange(items_, {})};
}

void WatchMachine::list_failed(const ApiError& error, TimePoint now) {
  // The pages so far cannot be continued later than the server allows: begin again.
  start_list();
  failed(error, now);
}

void WatchMachine::watch_started(TimePoint now) {
  state_ = State::kWatching;
  started_ = now;
  wait_until_.reset();
}

std::optional<WatchEvent> WatchMachine::line(WatchLine line, TimePoint now) {
  if (line.kind == WatchLine::Kind::kError) {
    watch_ended(error_of(line.object), now);
    return std::nullopt;
  }
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
  if (!error) {
    if (lived < kShort) back_off(now, {});
    return;
  }
  // 504: the server does not know this version yet, as after a restore of its storage.
  const bool resumable =
      error->status == 0 || error->status == 429 || (error->status >= 500 && error->status != 504);
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
