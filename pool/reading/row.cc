#include "pool/reading/row.h"

#include <charconv>
#include <string_view>
#include <utility>

namespace storagepool::reading {
namespace {

std::optional<std::int64_t> to_integer(std::string_view text) {
  std::int64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
  return value;
}

// Takes the columns of a row one after the other.
class Row {
 public:
  explicit Row(std::vector<std::optional<std::string>> columns) : columns_(std::move(columns)) {}

  bool complete() const { return readable_ && next_ == columns_.size(); }
  std::optional<std::string> optional_text() {
    if (next_ < columns_.size()) return std::move(columns_[next_++]);
    readable_ = false;
    return std::nullopt;
  }
  std::string text() { return required(optional_text()); }
  std::optional<std::int64_t> optional_integer() { return parsed(optional_text(), to_integer); }
  std::int64_t integer() { return required(optional_integer()); }
  runtime::Timestamp timestamp() { return required(parsed(optional_text(), runtime::parse_timestamp)); }
  std::optional<runtime::Date> optional_date() { return parsed(optional_text(), runtime::parse_date); }

 private:
  template <typename T>
  T required(std::optional<T> value) {
    if (!value) readable_ = false;
    return std::move(value).value_or(T{});
  }
  template <typename Parse>
  auto parsed(const std::optional<std::string>& text, Parse parse) -> decltype(parse(std::string_view())) {
    if (!text) return std::nullopt;
    auto value = parse(*text);
    if (!value) readable_ = false;
    return value;
  }

  std::vector<std::optional<std::string>> columns_;
  std::size_t next_ = 0;
  bool readable_ = true;
};

}  // namespace

const std::string kEventColumns = R"sql(
  event_id, to_char(event_timestamp AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'), version, event_type,
  event_category, event_action, event_outcome, correlation_id, parent_event_id,
  to_char(parent_event_date, 'YYYY-MM-DD'), resource_type, resource_id, severity, actor_id, actor_type,
  retention_days, is_sensitive::int, namespace, cluster_id, host(actor_ip), duration_ms, error_code, error_message)sql";

std::optional<event::Event> read_event(std::vector<std::optional<std::string>> columns) {
  Row row(std::move(columns));
  event::Event event;
  event.event_id = row.text();
  event.event_timestamp = row.timestamp();
  event.version = row.text();
  event.event_type = row.text();
  event.event_category = row.text();
  event.event_action = row.text();
  event.event_outcome = row.text();
  event.correlation_id = row.text();
  event.parent_event_id = row.optional_text();
  event.parent_event_date = row.optional_date();
  event.resource_type = row.text();
  event.resource_id = row.text();
  event.severity = row.text();
  event.actor_id = row.text();
  event.actor_type = row.text();
  event.retention_days = row.integer();
  event.is_sensitive = row.integer() != 0;
  event.namespace_name = row.optional_text();
  event.cluster_id = row.optional_text();
  event.actor_ip = row.optional_text();
  event.duration_ms = row.optional_integer();
  event.error_code = row.optional_text();
  event.error_message = row.optional_text();
  event.event_data = row.text();
  if (!row.complete()) return std::nullopt;
  return event;
}

}  // namespace storagepool::reading
