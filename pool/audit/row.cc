#include "pool/audit/row.h"

#include <charconv>
#include <string_view>

namespace storagepool::audit {
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
  Timestamp timestamp() { return required(parsed(optional_text(), parse_timestamp)); }
  std::optional<Date> optional_date() { return parsed(optional_text(), parse_date); }

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

const std::string kInsertEvent = R"sql(
INSERT INTO audit_events (
  event_id, event_timestamp, version, event_type, event_category, event_action, event_outcome, correlation_id,
  parent_event_id, parent_event_date, resource_type, resource_id, severity, actor_id, actor_type, retention_days,
  is_sensitive, namespace, cluster_id, actor_ip, duration_ms, error_code, error_message, event_data)
SELECT $1::uuid, $2::timestamptz, $3::text, $4::text, $5::text, $6::text, $7::text, $8::text,
  $9::uuid, $10::date, $11::text, $12::text, $13::text, $14::text, $15::text, $16::integer,
  $17::boolean, $18::text, $19::text, $20::inet, $21::bigint, $22::text, $23::text, $24::json
WHERE $9::uuid IS NULL OR EXISTS (
  SELECT 1 FROM audit_events AS parent
  WHERE parent.event_id = $9::uuid
    AND ($10::date IS NULL OR (parent.event_timestamp AT TIME ZONE 'UTC')::date = $10::date))
ON CONFLICT (event_id) DO NOTHING
RETURNING event_id)sql";

const std::string kEventColumns = R"sql(
  event_id, to_char(event_timestamp AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'), version, event_type,
  event_category, event_action, event_outcome, correlation_id, parent_event_id,
  to_char(parent_event_date, 'YYYY-MM-DD'), resource_type, resource_id, severity, actor_id, actor_type,
  retention_days, is_sensitive::int, namespace, cluster_id, host(actor_ip), duration_ms, error_code, error_message)sql";

std::vector<postgres::Parameter> to_parameters(Event event) {
  const auto date = [](Date value) { return format_date(value); };
  const auto integer = [](std::int64_t value) { return std::to_string(value); };
  const auto mapped = [](const auto& value, const auto& text) -> postgres::Parameter {
    return value ? postgres::Parameter(text(*value)) : std::nullopt;
  };
  return {std::move(event.event_id),
          format_timestamp(event.event_timestamp),
          std::move(event.version),
          std::move(event.event_type),
          std::move(event.event_category),
          std::move(event.event_action),
          std::move(event.event_outcome),
          std::move(event.correlation_id),
          std::move(event.parent_event_id),
          mapped(event.parent_event_date, date),
          std::move(event.resource_type),
          std::move(event.resource_id),
          std::move(event.severity),
          std::move(event.actor_id),
          std::move(event.actor_type),
          std::to_string(event.retention_days),
          event.is_sensitive ? "true" : "false",
          std::move(event.namespace_name),
          std::move(event.cluster_id),
          std::move(event.actor_ip),
          mapped(event.duration_ms, integer),
          std::move(event.error_code),
          std::move(event.error_message),
          std::move(event.event_data)};
}

std::optional<Event> read_event(std::vector<std::optional<std::string>> columns) {
  Row row(std::move(columns));
  Event event;
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

}  // namespace storagepool::audit
