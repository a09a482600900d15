#include "pool/event/validate.h"

#include <arpa/inet.h>

#include <array>
#include <limits>
#include <optional>
#include <string>
#include <unordered_map>
#include <utility>

#include "pool/common/settings/duration.h"
#include "pool/event/json_members.h"
#include "pool/event/text.h"
#include "pool/event/uuid.h"

namespace storagepool::event {
namespace {

using Kind = JsonValue::Kind;

constexpr std::array<std::string_view, 24> kFields = {
    "version",         "event_type",        "event_timestamp", "event_category", "event_action",
    "event_outcome",   "event_data",        "correlation_id",  "actor_type",     "actor_id",
    "actor_ip",        "resource_type",     "resource_id",     "namespace",      "cluster_id",
    "parent_event_id", "parent_event_date", "severity",        "error_code",     "error_message",
    "duration_ms",     "retention_days",    "is_sensitive",    "event_id"};

constexpr std::size_t kUnbounded = static_cast<std::size_t>(-1);  // by the size of the body alone
constexpr std::int64_t kMaxRetentionDays = 2555;

std::string_view type_name(Kind kind) {
  switch (kind) {
    case Kind::kNull:
      return "null";
    case Kind::kBoolean:
      return "a boolean";
    case Kind::kInteger:
    case Kind::kNumber:
      return "a number";
    case Kind::kString:
      return "a string";
    case Kind::kObject:
      return "an object";
    case Kind::kArray:
      return "an array";
  }
  return "a value";
}

std::string shown(const JsonValue& value) {
  if (value.kind == Kind::kString) return quoted(value.text);
  if (value.kind == Kind::kBoolean) return value.boolean ? "true" : "false";
  if (value.kind == Kind::kInteger || value.kind == Kind::kNumber) return value.text.substr(0, 64);
  return std::string(type_name(value.kind));
}

// Reads one field after the other and collects what is wrong.
class Reader {
 public:
  explicit Reader(JsonMembers members) : members_(std::move(members)) {}

  FieldErrors take_errors() { return std::move(errors_); }
  bool failed() const { return !errors_.empty(); }

  void refuse(std::string_view field, std::string_view given, std::string_view allowed) {
    errors_.push_back(
        {std::string(field), "got " + std::string(given) + "; allowed: " + std::string(allowed)});
  }

  // The value, or null when the field is absent.
  const JsonValue* find(std::string_view field) const {
    const JsonValue* value = members_.find(field);
    return value == nullptr || value->kind == Kind::kNull ? nullptr : value;
  }
  void missing(std::string_view field, std::string_view allowed) {
    errors_.push_back({std::string(field), "is required; allowed: " + std::string(allowed)});
  }

  std::string required_text(std::string_view field, std::size_t longest) {
    const auto allowed = [&] { return "a string of 1 to " + std::to_string(longest) + " characters"; };
    const JsonValue* value = find(field);
    if (value == nullptr) {
      missing(field, allowed());
      return {};
    }
    if (value->kind != Kind::kString || value->text.empty() ||
        utf8_length(value->text).value_or(kUnbounded) > longest) {
      refuse(field, shown(*value), allowed());
    }
    return value->text;
  }

  std::optional<std::string> optional_text(std::string_view field, std::size_t longest) {
    const JsonValue* value = find(field);
    if (value == nullptr) return std::nullopt;
    if (value->kind != Kind::kString) {
      refuse(field, shown(*value), "a string");
    } else if (utf8_length(value->text).value_or(kUnbounded) > longest) {
      refuse(field, shown(*value), "a string of at most " + std::to_string(longest) + " characters");
    }
    return value->text;
  }

  // An empty string stands for the default as an absent field does.
  std::string text_or(std::string_view field, const std::string& fallback) {
    auto text = optional_text(field, kMaxOptionalText);
    if (text && !text->empty()) return std::move(*text);
    return fallback;
  }

  std::optional<std::int64_t> optional_integer(std::string_view field, std::int64_t lowest,
                                               std::int64_t highest, std::string_view allowed) {
    const JsonValue* value = find(field);
    if (value == nullptr) return std::nullopt;
    if (value->kind != Kind::kInteger || value->integer < lowest || value->integer > highest) {
      refuse(field, shown(*value), allowed);
      return std::nullopt;
    }
    return value->integer;
  }

  bool boolean_or(std::string_view field, bool fallback) {
    const JsonValue* value = find(field);
    if (value == nullptr) return fallback;
    if (value->kind != Kind::kBoolean) refuse(field, shown(*value), "true or false");
    return value->boolean;
  }

  std::optional<std::string> optional_uuid(std::string_view field) {
    const JsonValue* value = find(field);
    if (value == nullptr) return std::nullopt;
    auto uuid = value->kind == Kind::kString ? parse_uuid(value->text) : std::nullopt;
    // The nil UUID is what a client sends by accident; as an id it would make all its events one.
    if (!uuid || *uuid == kNilUuid) refuse(field, shown(*value), "a UUID other than the nil UUID");
    return uuid;
  }

 private:
  JsonMembers members_;
  FieldErrors errors_;
};

bool is_address(const std::string& text) {
  std::array<unsigned char, sizeof(in6_addr)> address{};
  return inet_pton(AF_INET, text.c_str(), address.data()) == 1 ||
         inet_pton(AF_INET6, text.c_str(), address.data()) == 1;
}

runtime::Timestamp read_time(Reader& reader, runtime::Timestamp now, const TimeLimits& limits) {
  constexpr std::string_view kField = "event_timestamp";
  const auto allowed = [&] {
    return "an RFC 3339 time with at most nanoseconds, from " + settings::format_duration(limits.past) +
           " ago to " + settings::format_duration(limits.future) + " ahead";
  };
  const JsonValue* value = reader.find(kField);
  if (value == nullptr) {
    reader.missing(kField, allowed());
    return {};
  }
  const auto time = value->kind == Kind::kString ? runtime::parse_timestamp(value->text) : std::nullopt;
  if (!time || *time > now + limits.future || *time < now - limits.past)
    reader.refuse(kField, shown(*value), allowed());
  return time.value_or(runtime::Timestamp{});
}

std::string read_outcome(Reader& reader) {
  constexpr std::string_view kField = "event_outcome";
  constexpr std::string_view kAllowed = "success, failure, pending";
  const JsonValue* value = reader.find(kField);
  if (value == nullptr) {
    reader.missing(kField, kAllowed);
    return {};
  }
  const bool known = value->text == "success" || value->text == "failure" || value->text == "pending";
  if (value->kind != Kind::kString || !known) reader.refuse(kField, shown(*value), kAllowed);
  return value->text;
}

std::string read_data(Reader& reader) {
  constexpr std::string_view kField = "event_data";
  constexpr std::string_view kAllowed = "a JSON object";
  const JsonValue* value = reader.find(kField);
  if (value == nullptr) {
    reader.missing(kField, kAllowed);
    return {};
  }
  if (value->kind != Kind::kObject) reader.refuse(kField, shown(*value), kAllowed);
  return value->text;
}

std::optional<runtime::Date> read_parent_date(Reader& reader) {
  constexpr std::string_view kField = "parent_event_date";
  const JsonValue* value = reader.find(kField);
  if (value == nullptr) return std::nullopt;
  const auto date = value->kind == Kind::kString ? runtime::parse_date(value->text) : std::nullopt;
  if (!date) reader.refuse(kField, shown(*value), "a date as 2026-02-28");
  return date;
}

std::optional<std::string> read_address(Reader& reader) {
  constexpr std::string_view kField = "actor_ip";
  const JsonValue* value = reader.find(kField);
  if (value == nullptr) return std::nullopt;
  if (value->kind != Kind::kString || !is_address(value->text)) {
    reader.refuse(kField, shown(*value), "an IPv4 or IPv6 address");
  }
  return value->text;
}

}  // namespace

tl::expected<Event, FieldErrors> validate_event(std::string_view body, runtime::Timestamp now,
                                                const TimeLimits& limits) {
  auto members = read_json_members(body, kFields);
  if (!members) return tl::unexpected(FieldErrors{{"body", members.error()}});
  Reader reader(std::move(*members));
  Event event;
  event.version = reader.required_text("version", 20);
  event.event_type = reader.required_text("event_type", 100);
  event.event_timestamp = read_time(reader, now, limits);
  event.event_category = reader.required_text("event_category", 50);
  event.event_action = reader.required_text("event_action", 50);
  event.event_outcome = read_outcome(reader);
  event.correlation_id = reader.required_text("correlation_id", 255);
  event.event_data = read_data(reader);
  event.actor_type = reader.text_or("actor_type", "service");
  event.actor_id = reader.text_or("actor_id", event.event_category + "-service");
  event.actor_ip = read_address(reader);
  event.resource_type = reader.text_or("resource_type", event.event_category);
  event.resource_id = reader.text_or("resource_id", event.correlation_id);
  event.namespace_name = reader.optional_text("namespace", kMaxOptionalText);
  event.cluster_id = reader.optional_text("cluster_id", kMaxOptionalText);
  event.parent_event_id = reader.optional_uuid("parent_event_id");
  event.parent_event_date = read_parent_date(reader);
  event.severity = reader.text_or("severity", "info");
  event.error_code = reader.optional_text("error_code", kMaxOptionalText);
  event.error_message = reader.optional_text("error_message", kUnbounded);
  event.duration_ms = reader.optional_integer("duration_ms", 0, std::numeric_limits<std::int64_t>::max(),
                                              "an integer of at least 0");
  const auto retention = reader
                             .optional_integer("retention_days", 0, kMaxRetentionDays,
                                               "an integer from 1 to 2555, or 0 for the default of 2555")
                             .value_or(0);
  event.retention_days = retention == 0 ? kDefaultRetentionDays : retention;
  event.is_sensitive = reader.boolean_or("is_sensitive", false);
  event.event_id = reader.optional_uuid("event_id").value_or("");
  event.id_from_client = !event.event_id.empty();
  if (reader.failed()) return tl::unexpected(reader.take_errors());
  return event;
}

tl::expected<std::vector<Event>, FieldErrors> validate_batch(std::string_view body, runtime::Timestamp now,
                                                             const TimeLimits& limits) {
  const auto refuse = [](std::string message) {
    return tl::unexpected(FieldErrors{{"body", std::move(message)}});
  };
  const std::string allowed =
      "; allowed: a JSON array of 1 to " + std::to_string(kMaxBatchEvents) + " events";
  const auto elements = json_elements(body, kMaxBatchEvents);
  if (!elements) return refuse("it is not a JSON array" + allowed);
  if (elements->empty()) return refuse("batch cannot be empty" + allowed);
  if (elements->size() > kMaxBatchEvents)
    return refuse("got more than " + std::to_string(kMaxBatchEvents) + " events" + allowed);

  std::vector<Event> events;
  events.reserve(elements->size());
  FieldErrors errors;
  std::unordered_map<std::string, std::size_t> first_with;  // by client-made id
  for (std::size_t index = 0; index < elements->size() && errors.size() < kMaxBatchErrors; ++index) {
    const std::string element = "[" + std::to_string(index) + "]";
    auto event = validate_event((*elements)[index], now, limits);
    if (!event) {
      for (FieldError& error : event.error()) {
        error.field = error.field == "body" ? element : element + "." + error.field;
        errors.push_back(std::move(error));
      }
      continue;
    }
    if (event->id_from_client) {
      const auto [first, is_new] = first_with.emplace(event->event_id, index);
      if (!is_new) {
        errors.push_back({element + ".event_id", "got " + quoted(event->event_id) + ", which [" +
                                                     std::to_string(first->second) +
                                                     "] has too; allowed: an id once in a batch"});
      }
    }
    events.push_back(std::move(*event));
  }
  if (!errors.empty()) return tl::unexpected(std::move(errors));
  return events;
}

}  // namespace storagepool::event
