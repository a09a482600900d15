#include "pool/event/validate.h"

#include <array>
#include <charconv>
#include <cmath>
#include <limits>
#include <optional>
#include <string>
#include <unordered_map>
#include <utility>

#include "pool/common/settings/duration.h"
#include "pool/event/address.h"
#include "pool/event/fields.h"
#include "pool/event/json_members.h"
#include "pool/event/text.h"
#include "pool/event/uuid.h"

namespace storagepool::event {
namespace {

using JsonKind = JsonValue::Kind;

// What a client may send, in the order in which it is checked.
constexpr auto kSent = [] {
  std::array<std::string_view, kOrder<&Places::checked>.size()> names{};
  all_fields_by<&Places::checked>([&](const auto& field) {
    names.at(field.places.checked - 1) = field.name;
    return true;
  });
  return names;
}();

std::string_view type_name(JsonKind kind) {
  switch (kind) {
    case JsonKind::kNull:
      return "null";
    case JsonKind::kBoolean:
      return "a boolean";
    case JsonKind::kInteger:
    case JsonKind::kNumber:
      return "a number";
    case JsonKind::kString:
      return "a string";
    case JsonKind::kObject:
      return "an object";
    case JsonKind::kArray:
      return "an array";
  }
  return "a value";
}

std::string shown(const JsonValue& value) {
  if (value.kind == JsonKind::kString) return event::quoted(value.text);
  if (value.kind == JsonKind::kBoolean) return value.boolean ? "true" : "false";
  if (value.kind == JsonKind::kInteger || value.kind == JsonKind::kNumber) return value.text.substr(0, 64);
  return std::string(type_name(value.kind));
}

bool is_empty(const JsonValue& value) {
  return value.kind == JsonKind::kString && value.text.empty();
}

// JSON has one kind of number: 5.0 is an integer too (JSON Schema 2020-12 §6.1.1), as some clients write it.
std::optional<std::int64_t> whole_number(const JsonValue& value) {
  if (value.kind == JsonKind::kInteger) return value.integer;
  if (value.kind != JsonKind::kNumber) return std::nullopt;
  constexpr double kMostExact = 9007199254740992;  // 2^53
  double number = 0;
  std::from_chars(value.text.data(), value.text.data() + value.text.size(), number);
  if (std::abs(number) > kMostExact || number != std::trunc(number)) return std::nullopt;
  return static_cast<std::int64_t>(number);
}

// Reads the fields into an event, one after the other, and collects what is wrong.
class Reader {
 public:
  Reader(JsonMembers members, runtime::Timestamp now, const TimeLimits& limits)
      : members_(std::move(members)), now_(now), limits_(limits) {}

  template <typename Kind, typename Value>
  void read(const Field<Kind, Value>& field) {
    JsonValue* value = members_.at(field.places.checked - 1);
    if (value != nullptr && value->kind != JsonKind::kNull) {
      take(field, *value, event_.*field.member);
    } else if (field.absence.rule == Absence::Rule::kRefused) {
      errors_.push_back(
          {std::string(field.name), "is required; allowed: " + allowed(field.kind, field.absence)});
    } else {
      fill_in(field.absence, event_.*field.member);
    }
  }

  tl::expected<Event, FieldErrors> result() && {
    if (!errors_.empty()) return tl::unexpected(std::move(errors_));
    event_.id_from_client = !event_.event_id.empty() || event_.client_event_id;
    return std::move(event_);
  }

 private:
  // What a value of the kind has to be.
  static std::string allowed(const kind::Text& text, const Absence& absence) {
    const bool required = absence.rule == Absence::Rule::kRefused;
    return (required ? "a string of 1 to " : "a string of at most ") + std::to_string(text.longest) +
           " characters";
  }
  static std::string allowed(const kind::Choice& choice, const Absence&) { return choice.allowed(); }
  static std::string allowed(const kind::Uuid& uuid, const Absence&) {
    return "a UUID other than the nil UUID" +
           (uuid.longest_text == 0
                ? std::string()
                : ", or another text of 1 to " + std::to_string(uuid.longest_text) + " characters");
  }
  std::string allowed(kind::Time, const Absence&) const {
    return "an RFC 3339 time with at most nanoseconds, from " + settings::format_duration(limits_.past) +
           " ago to " + settings::format_duration(limits_.future) + " ahead";
  }
  static std::string allowed(kind::Date, const Absence&) {
    return "a date as 2026-02-28, or an RFC 3339 time";
  }
  static std::string allowed(kind::Address, const Absence&) { return "an IPv4 or IPv6 address"; }
  static std::string allowed(const kind::Integer& bounds, const Absence& absence) {
    const bool open = bounds.most == std::numeric_limits<std::int64_t>::max();
    const std::string least = std::to_string(bounds.least);
    return (open ? "an integer of at least " + least
                 : "an integer from " + least + " to " + std::to_string(bounds.most)) +
           (absence.rule == Absence::Rule::kDefault
                ? ", or 0 for the default of " + std::to_string(absence.number)
                : "");
  }
  static std::string allowed(kind::Boolean, const Absence&) { return "true or false"; }
  static std::string allowed(kind::Object, const Absence&) { return "a JSON object"; }

  template <typename Value>
  void take(const Field<kind::Text, Value>& field, JsonValue& value, Value& member) {
    const bool required = field.absence.rule == Absence::Rule::kRefused;
    if (value.kind != JsonKind::kString && !required) return refuse(field.name, value, "a string");
    if (value.kind != JsonKind::kString || (required && value.text.empty()) ||
        utf8_length(value.text).value_or(kind::Text::kUnbounded) > field.kind.longest) {
      return refuse(field, value);
    }
    if (!required && value.text.empty()) return fill_in(field.absence, member);
    member = std::move(value.text);
  }
  template <typename Value>
  void take(const Field<kind::Choice, Value>& field, JsonValue& value, Value& member) {
    if (value.kind != JsonKind::kString || !field.kind.has(value.text)) return refuse(field, value);
    member = std::move(value.text);
  }
  template <typename Value>
  void take(const Field<kind::Uuid, Value>& field, JsonValue& value, Value& member) {
    const bool is_text = value.kind == JsonKind::kString;
    if (is_empty(value)) return fill_in(field.absence, member);
    auto uuid = is_text ? parse_uuid(value.text) : std::nullopt;
    if (!uuid && is_text && field.kind.longest_text > 0 &&
        utf8_length(value.text).value_or(kind::Text::kUnbounded) <= field.kind.longest_text) {
      event_.client_event_id = std::move(value.text);
      return;
    }
    // The nil UUID is what a client sends by accident; as an id it would make all its events one.
    if (!uuid || *uuid == kNilUuid) return refuse(field, value);
    member = std::move(*uuid);
  }
  template <typename Value>
  void take(const Field<kind::Time, Value>& field, const JsonValue& value, Value& member) {
    const auto time = value.kind == JsonKind::kString ? runtime::parse_timestamp(value.text) : std::nullopt;
    if (!time || *time > now_ + limits_.future || *time < now_ - limits_.past) return refuse(field, value);
    member = *time;
  }
  template <typename Value>
  void take(const Field<kind::Date, Value>& field, const JsonValue& value, Value& member) {
    if (is_empty(value)) return fill_in(field.absence, member);
    auto date = value.kind == JsonKind::kString ? runtime::parse_date(value.text) : std::nullopt;
    if (const auto time =
            value.kind == JsonKind::kString ? runtime::parse_timestamp(value.text) : std::nullopt)
      date = runtime::date_of(*time);
    if (!date) return refuse(field, value);
    member = *date;
  }
  template <typename Value>
  void take(const Field<kind::Address, Value>& field, JsonValue& value, Value& member) {
    if (is_empty(value)) return fill_in(field.absence, member);
    auto address = value.kind == JsonKind::kString ? canonical_address(value.text) : std::nullopt;
    if (!address) return refuse(field, value);
    member = std::move(*address);
  }
  template <typename Value>
  void take(const Field<kind::Integer, Value>& field, const JsonValue& value, Value& member) {
    const auto number = whole_number(value);
    if (number == 0 && field.absence.rule == Absence::Rule::kDefault) return fill_in(field.absence, member);
    if (!number || *number < field.kind.least || *number > field.kind.most) return refuse(field, value);
    member = *number;
  }
  template <typename Value>
  void take(const Field<kind::Boolean, Value>& field, const JsonValue& value, Value& member) {
    if (value.kind != JsonKind::kBoolean) return refuse(field, value);
    member = value.boolean;
  }
  template <typename Value>
  void take(const Field<kind::Object, Value>& field, JsonValue& value, Value& member) {
    if (value.kind != JsonKind::kObject) return refuse(field, value);
    member = std::move(value.text);
  }

  void fill_in(const Absence& absence, std::string& member) const { member = absence.default_text(event_); }
  static void fill_in(const Absence& absence, std::int64_t& member) { member = absence.number; }
  static void fill_in(const Absence& absence, bool& member) { member = absence.number != 0; }
  // Has no value then.
  template <typename Value>
  static void fill_in(const Absence&, Value&) {}

  template <typename Kind, typename Value>
  void refuse(const Field<Kind, Value>& field, const JsonValue& value) {
    refuse(field.name, value, allowed(field.kind, field.absence));
  }
  void refuse(std::string_view field, const JsonValue& given, std::string_view allowed) {
    errors_.push_back({std::string(field), "got " + shown(given) + "; allowed: " + std::string(allowed)});
  }

  JsonMembers members_;
  runtime::Timestamp now_;
  const TimeLimits& limits_;
  Event event_;
  FieldErrors errors_;
};

}  // namespace

tl::expected<Event, FieldErrors> validate_event(std::string_view body, runtime::Timestamp now,
                                                const TimeLimits& limits) {
  auto members = read_json_members(body, kSent);
  if (!members) return tl::unexpected(FieldErrors{{"body", members.error()}});
  Reader reader(std::move(*members), now, limits);
  all_fields_by<&Places::checked>([&](const auto& field) {
    reader.read(field);
    return true;
  });
  return std::move(reader).result();
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
  if (elements->count == 0) return refuse("batch cannot be empty" + allowed);
  if (elements->count > kMaxBatchEvents)
    return refuse("batch size " + std::to_string(elements->count) + " exceeds the maximum of " +
                  std::to_string(kMaxBatchEvents));

  std::vector<Event> events;
  events.reserve(elements->count);
  FieldErrors errors;
  std::unordered_map<std::string, std::size_t> first_with;  // by client-made id
  for (std::size_t index = 0; index < elements->count && errors.size() < kMaxBatchErrors; ++index) {
    const std::string element = "[" + std::to_string(index) + "]";
    auto event = validate_event(elements->first[index], now, limits);
    if (!event) {
      for (FieldError& error : event.error()) {
        error.field = error.field == "body" ? element : element + "." + error.field;
        errors.push_back(std::move(error));
      }
      continue;
    }
    if (event->id_from_client) {
      const std::string& id = event->client_event_id.value_or(event->event_id);
      const auto [first, is_new] = first_with.emplace(id, index);
      if (!is_new) {
        errors.push_back({element + ".event_id", "got " + event::quoted(id) + ", which [" +
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
