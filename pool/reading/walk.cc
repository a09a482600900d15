#include "pool/reading/walk.h"

#include <algorithm>
#include <limits>
#include <string>
#include <utility>

#include "pool/tables/stored_row.h"

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

std::optional<std::int64_t> integer(const postgres::Rows& rows, std::size_t column) {
  const auto value = rows.at(0, column);
  return value ? postgres::read_integer(*value) : std::nullopt;
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

// Whether no page of them can be more than is allowed.
bool Walk::selects_small() const {
  return !has_large_ && (room() + 1) * kSmallEvent <= std::min(bytes_, allowed_);
}

std::optional<Statement> Walk::next() const {
  if (window_ == windows_.size()) return std::nullopt;
  const Window& window = windows_[window_];
  if (!found_ && !page_.pagination.has_more) {
    const Slice slice{window, skip_, room(), std::min(bytes_, allowed_)};
    return selects_small() ? select_small(query_, slice, now_) : select_slice(query_, slice, now_);
  }
  if (!found_ && !counts()) return std::nullopt;
  return count_matches(query_, window, count_to(), now_);
}

std::optional<tables::StoreError> Walk::take(postgres::Rows answer) {
  if (!found_ && !page_.pagination.has_more)
    return selects_small() ? take_small(answer) : take_slice(std::move(answer));
  const auto counted = integer(answer, 0);
  if (!counted) return unreadable("a count cannot be read");
  take_count(*counted);
  return std::nullopt;
}

std::optional<tables::StoreError> Walk::take_slice(postgres::Rows answer) {
  const auto bytes = integer(answer, 0);
  const auto found = integer(answer, 1);
  if (!bytes || !found) return unreadable("a page cannot be read");
  if (*bytes > bytes_) return too_large(query_);
  if (*bytes > allowed_) {
    wanted_ = *bytes - allowed_;
    return std::nullopt;
  }
  const std::int64_t shown = std::min(*found, room());
  for (std::size_t at = 0; at < static_cast<std::size_t>(shown); ++at) {
    if (auto failure = show(answer.from(at, kSliceColumns))) return failure;
    answer.drop(at);
  }
  end_slice(*found, shown, *bytes);
  return std::nullopt;
}

std::optional<tables::StoreError> Walk::take_small(const postgres::Rows& answer) {
  const auto found = static_cast<std::int64_t>(answer.size());
  const std::int64_t shown = std::min(found, room());
  std::int64_t bytes = 0;
  for (std::size_t at = 0; at < static_cast<std::size_t>(shown); ++at)
    has_large_ = has_large_ || !answer.at(at, tables::kStoredData);
  if (has_large_) return std::nullopt;
  for (std::size_t at = 0; at < static_cast<std::size_t>(shown); ++at) {
    if (auto failure = show(answer.from(at, 0))) return failure;
    const event::Event& event = page_.events.back();
    bytes += static_cast<std::int64_t>(event.event_data.size());
    if (event.error_message) bytes += static_cast<std::int64_t>(event.error_message->size());
  }
  end_slice(found, shown, bytes);
  return std::nullopt;
}

std::optional<tables::StoreError> Walk::show(const std::vector<postgres::Rows::Value>& row) {
  auto event = tables::read_stored(row);
  if (!event) return unreadable("a stored event cannot be read");
  page_.events.push_back(std::move(*event));
  return std::nullopt;
}

void Walk::end_slice(std::int64_t found, std::int64_t shown, std::int64_t bytes) {
  const bool shown_all = found == shown && (found > 0 || skip_ == 0);
  page_.pagination.has_more = found > shown;
  bytes_ -= bytes;
  allowed_ -= bytes;
  found_ = found;
  const std::int64_t seen = skip_ + found;
  if (shown_all || query_.cursor || (found > 0 && seen >= count_to())) take_count(seen);
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
