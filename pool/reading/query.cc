#include "pool/reading/query.h"

#include <algorithm>
#include <charconv>
#include <chrono>
#include <limits>
#include <string_view>

#include "pool/common/settings/duration.h"
#include "pool/event/fields.h"
#include "pool/event/text.h"

namespace storagepool::reading {
namespace {

std::optional<std::int64_t> parse_integer(std::string_view text) {
  std::int64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
  return value;
}

// "7d" besides the durations of settings, whose longest unit is the hour; "-7d" says the same.
std::optional<std::chrono::milliseconds> parse_age(std::string_view text) {
  if (text.starts_with('-')) text.remove_prefix(1);
  if (!text.ends_with('d')) return settings::parse_duration(text);
  constexpr std::int64_t kMostDays = 36500;
  const auto days = parse_integer(text.substr(0, text.size() - 1));
  if (!days || *days < 0 || *days > kMostDays) return std::nullopt;
  return std::chrono::days{*days};
}

std::optional<runtime::Timestamp> parse_bound(std::string text, runtime::Timestamp now) {
  if (const auto age = parse_age(text)) return now - *age;
  if (const auto date = runtime::parse_date(text)) return *date;
  // A '+' of an offset that the client did not escape arrives as a space.
  std::replace(text.begin(), text.end(), ' ', '+');
  const auto time = runtime::parse_timestamp(text);
  return time ? time : runtime::parse_timestamp(text + "Z");  // without a zone: UTC
}

bool is_detail_key(std::string_view text) {
  constexpr std::size_t kLongest = 64;
  constexpr std::string_view kAllowed = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_.-";
  return !text.empty() && text.size() <= kLongest &&
         text.find_first_not_of(kAllowed) == std::string_view::npos;
}

class QueryReader {
 public:
  QueryReader(QueryParameters parameters, runtime::Timestamp now) : parameters_(parameters), now_(now) {}

  event::FieldErrors take_errors() { return std::move(errors_); }
  bool failed() const { return !errors_.empty(); }

  void refuse(std::string_view name, std::string_view given, std::string_view allowed) {
    errors_.push_back(
        {std::string(name), "got " + event::quoted(given) + "; allowed: " + std::string(allowed)});
  }
  const std::string* find(std::string_view name) const {
    const auto found = std::find_if(parameters_.begin(), parameters_.end(),
                                    [&](const auto& parameter) { return parameter.first == name; });
    return found == parameters_.end() ? nullptr : &found->second;
  }
  OneOf texts(const TextFilter& filter) {
    OneOf texts;
    const bool is_outcome = filter.values == &ListQuery::event_outcome;
    const auto add = [&](std::string_view name, std::string value) {
      if (is_outcome && !event::kOutcome.has(value)) {
        refuse(name, value, event::kOutcome.allowed());
      } else if (!event::storable_text(value)) {
        refuse(name, value, "UTF-8 text without U+0000");
      }
      if (std::ranges::find(texts.values, value) == texts.values.end())
        texts.values.push_back(std::move(value));
    };
    if (const std::string* several = find(filter.plural)) {
      std::size_t given = 0;
      for (std::string_view rest = *several; !rest.empty() && given <= kMaxValues;) {
        const std::string_view value = rest.substr(0, rest.find(','));
        rest.remove_prefix(std::min(value.size() + 1, rest.size()));
        if (!value.empty() && ++given <= kMaxValues) add(filter.plural, std::string(value));
      }
      if (given > kMaxValues)
        errors_.push_back({std::string(filter.plural),
                           "got more than " + std::to_string(kMaxValues) + " values; allowed: 1 to " +
                               std::to_string(kMaxValues) + ", separated by commas"});
    }
    const std::string* one = find(filter.name);
    if (one != nullptr && (is_outcome || !one->empty())) add(filter.name, *one);
    return texts;
  }
  std::optional<runtime::Timestamp> bound(std::string_view name) {
    const std::string* value = find(name);
    if (value == nullptr || value->empty()) return std::nullopt;
    const auto time = parse_bound(*value, now_);
    if (!time)
      refuse(name, *value, "an RFC 3339 time, a date, or a duration back from now such as 30m, 24h or 7d");
    return time;
  }
  std::int64_t integer(std::string_view name, std::int64_t fallback, std::int64_t lowest,
                       std::int64_t highest, std::string_view allowed) {
    const std::string* value = find(name);
    if (value == nullptr || value->empty()) return fallback;
    const auto number = parse_integer(*value);
    if (!number || *number < lowest || *number > highest) {
      refuse(name, *value, allowed);
      return fallback;
    }
    return *number;
  }
  std::optional<Cursor> cursor(std::string_view name) {
    const std::string* value = find(name);
    if (value == nullptr || value->empty()) return std::nullopt;
    auto cursor = parse_cursor(*value);
    if (!cursor) refuse(name, *value, "the pagination.next of the page before, unchanged");
    const std::string* offset = find("offset");
    if (offset != nullptr && !offset->empty()) refuse("offset", *offset, "offset or cursor, not both");
    return cursor;
  }
  Count count() {
    const std::string* value = find("count");
    if (value == nullptr || value->empty()) return Count::kUsual;
    const std::string* cursor = find("cursor");
    const bool goes_on = cursor != nullptr && !cursor->empty();
    if (*value == "none") return Count::kNone;
    if (*value != "exact" || goes_on) refuse("count", *value, goes_on ? "none with a cursor" : "exact, none");
    return Count::kExact;
  }
  bool oldest_first() {
    const std::string* value = find("order");
    if (value == nullptr || value->empty() || *value == "desc") return false;
    if (*value != "asc") refuse("order", *value, "asc, desc");
    return true;
  }
  std::optional<DetailFilter> detail() {
    const std::string* key = find("detail_key");
    const std::string* value = find("detail_value");
    if (key == nullptr && value == nullptr) return std::nullopt;
    if (key == nullptr || key->empty()) {
      errors_.push_back(
          {"detail_key", "is required together with detail_value; allowed: a member name of event_data"});
      return std::nullopt;
    }
    if (value == nullptr) {
      errors_.push_back(
          {"detail_value", "is required together with detail_key; allowed: the value to match"});
      return std::nullopt;
    }
    if (!is_detail_key(*key)) refuse("detail_key", *key, "1 to 64 of A-Z, a-z, 0-9, _, . and -");
    if (!event::storable_text(*value)) refuse("detail_value", *value, "UTF-8 text without U+0000");
    return DetailFilter{*key, *value};
  }

 private:
  QueryParameters parameters_;
  runtime::Timestamp now_;
  event::FieldErrors errors_;
};

}  // namespace

bool ListQuery::filters() const {
  return since || until || received_since || received_until || detail ||
         std::ranges::any_of(kTextFilters,
                             [&](const TextFilter& filter) { return bool(this->*filter.values); });
}

tl::expected<ListQuery, event::FieldErrors> parse_list_query(QueryParameters parameters,
                                                             runtime::Timestamp now) {
  QueryReader reader(parameters, now);
  ListQuery query;
  for (const TextFilter& filter : kTextFilters) query.*filter.values = reader.texts(filter);
  query.since = reader.bound("since");
  query.until = reader.bound("until");
  query.received_since = reader.bound("received_since");
  query.received_until = reader.bound("received_until");
  query.detail = reader.detail();
  query.limit = reader.integer("limit", kDefaultLimit, 1, kMaxLimit, "an integer from 1 to 1000");
  query.cursor = reader.cursor("cursor");
  query.count = reader.count();
  query.oldest_first = reader.oldest_first();
  if (!query.cursor) {
    query.offset =
        reader.integer("offset", 0, 0, std::numeric_limits<std::int64_t>::max(), "an integer of at least 0");
  }
  if (reader.failed()) return tl::unexpected(reader.take_errors());
  return query;
}

}  // namespace storagepool::reading
