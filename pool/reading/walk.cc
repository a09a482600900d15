#include "pool/reading/walk.h"

#include <algorithm>
#include <charconv>
#include <limits>
#include <string>
#include <utility>

#include "pool/tables/row.h"

namespace storagepool::reading {
namespace {

tables::StoreError unreadable(std::string detail) {
  return {tables::StoreError::Kind::kInternal, std::move(detail), {}};
}

tables::StoreError too_large(const ListQuery& query) {
  return {tables::StoreError::Kind::kPageTooLarge,
          "got " + std::to_string(query.limit) + ", and the events of this page hold more than " +
              std::to_string(kMaxPageBytes >> 20) + " MiB; allowed: a smaller limit",
          {}};
}

std::optional<std::int64_t> integer(const postgres::Result& result, std::size_t column) {
  if (result.rows.empty() || column >= result.rows[0].size()) return std::nullopt;
  const auto& text = result.rows[0][column];
  std::int64_t value = 0;
  if (!text) return std::nullopt;
  const auto [end, error] = std::from_chars(text->data(), text->data() + text->size(), value);
  if (error != std::errc{} || end != text->data() + text->size()) return std::nullopt;
  return value;
}

}  // namespace

Walk::Walk(ListQuery query, const std::optional<Months>& months, runtime::Timestamp now)
    : query_(std::move(query)), now_(now), windows_(windows_of(query_, months)), skip_(query_.offset) {
  page_.pagination.limit = query_.limit;
}

bool Walk::counts() const {
  if (query_.cursor || query_.count == Count::kNone) return false;
  return query_.count == Count::kExact || total_ <= kCountedTo;
}

std::int64_t Walk::count_to() const {
  constexpr std::int64_t kAll = std::numeric_limits<std::int64_t>::max();
  if (!counts()) return skip_;
  return query_.count == Count::kExact ? kAll : std::max(kCountedTo + 1 - total_, skip_);
}

std::optional<Statement> Walk::next() const {
  if (window_ == windows_.size()) return std::nullopt;
  const Window& window = windows_[window_];
  if (!found_ && !page_.pagination.has_more) {
    return select_slice(query_, {window, skip_, room(), std::min(bytes_, allowed_)}, now_);
  }
  if (!found_ && !counts()) return std::nullopt;
  return count_matches(query_, window, count_to(), now_);
}

std::optional<tables::StoreError> Walk::take(postgres::Result answer) {
  if (!found_ && !page_.pagination.has_more) return take_slice(std::move(answer));
  const auto counted = integer(answer, 0);
  if (!counted) return unreadable("a count cannot be read");
  take_count(*counted);
  return std::nullopt;
}

std::optional<tables::StoreError> Walk::take_slice(postgres::Result answer) {
  const auto bytes = integer(answer, 0);
  const auto found = integer(answer, 1);
  if (!bytes || !found) return unreadable("a page cannot be read");
  if (*bytes > bytes_) return too_large(query_);
  if (*bytes > allowed_) {
    wanted_ = *bytes - allowed_;
    return std::nullopt;
  }
  const std::int64_t shown = std::min(*found, room());
  const bool shown_all = *found == shown && (*found > 0 || skip_ == 0);
  page_.pagination.has_more = *found > shown;
  page_.events.reserve(page_.events.size() + static_cast<std::size_t>(shown));
  for (std::int64_t at = 0; at < shown; ++at) {
    auto event = tables::read_event(std::move(answer.rows.at(static_cast<std::size_t>(at))), kSliceColumns);
    if (!event) return unreadable("a stored event cannot be read");
    page_.events.push_back(std::move(*event));
  }
  bytes_ -= *bytes;
  allowed_ -= *bytes;
  found_ = *found;
  const std::int64_t seen = skip_ + *found;
  if (shown_all || query_.cursor || (*found > 0 && seen >= count_to())) take_count(seen);
  return std::nullopt;
}

// How many match in the window that was read, as it shows or as they were counted, no further than the total
// or the offset needs.
void Walk::take_count(std::int64_t matches) {
  if (found_ && *found_ > 0) {
    matches = std::max(matches, skip_ + *found_);  // some may have gone since
    skip_ = 0;
  }
  skip_ = std::max<std::int64_t>(skip_ - matches, 0);
  total_ += matches;
  found_.reset();
  ++window_;
}

Page Walk::finish() {
  Pagination& pagination = page_.pagination;
  if (!query_.cursor) pagination.offset = query_.offset;
  if (!query_.cursor && query_.count != Count::kNone) {
    pagination.total = total_;
    pagination.total_is_minimum = query_.count == Count::kUsual && pagination.has_more && total_ > kCountedTo;
    if (pagination.total_is_minimum)
      pagination.total = std::max(kCountedTo, query_.offset + query_.limit + 1);
  }
  if (pagination.has_more) {
    const event::Event& last = page_.events.back();
    pagination.next = format_cursor({last.event_timestamp, last.event_id});
  }
  return std::move(page_);
}

}  // namespace storagepool::reading
