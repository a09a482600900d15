// The fields of an event, in one table: what JSON a client sends and reads, what stands where it sent
// nothing, the column in `audit_events`, and the places in the orders that are promised outside. Validation,
// JSON, the INSERT, the SELECT and the journal's record walk through this table at compile time, so that a
// new field is a member of `Event`, a row here and a migration in pool/tables.
//
// A visitor is called with each `Field` and overloads on its kind or on the type of its member.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <span>
#include <string>
#include <string_view>
#include <tuple>
#include <utility>

#include "pool/common/settings/min_days.h"
#include "pool/event/event.h"

namespace storagepool::event {

// What a field is in JSON, with its bounds.
namespace kind {
struct Text {  // a string, counted in characters
  std::size_t longest = kUnbounded;
  static constexpr std::size_t kUnbounded = static_cast<std::size_t>(-1);  // by the size of the body alone
};
struct Choice {  // a string, one of these
  std::span<const std::string_view> values;

  bool has(std::string_view text) const;
  std::string allowed() const;  // as an error message lists them
};
struct Uuid {                    // a string; any version, but not the nil UUID
  std::size_t longest_text = 0;  // of another text that may stand for it, counted in characters; 0: none may
};
struct Time {};     // a string; RFC 3339, within the limits for an event's time
struct Date {};     // a string; a date or RFC 3339, written as midnight UTC, for clients that read times only
struct Address {};  // a string; IPv4 or IPv6
struct Integer {    // a number
  std::int64_t least = 0;
  std::int64_t most = std::numeric_limits<std::int64_t>::max();
};
struct Boolean {};
struct Object {};  // kept as sent
struct Shown {};   // a string that is written, but not read from a client's JSON
struct Kept {};    // a string that is neither read from a client's JSON nor written into it, but proven
struct Unsent {};  // none: neither read from a client's JSON nor written into it
}  // namespace kind

// What it means that a client sent no value for a field.
struct Absence {
  enum class Rule {
    kRefused,
    kDefault,      // the member gets its default, as for an empty `Text` and for the `Integer` 0
    kShownAsNull,  // the member has no value, and the field is null in JSON
    kLeftOut,      // the member has no value, and the field is not in JSON
  };
  Rule rule = Rule::kRefused;
  // The default of a text: that member's value, if any, which is checked before, and then `text`.
  std::string Event::*of = nullptr;
  std::string_view text{};
  std::int64_t number = 0;  // the default of a number or a boolean

  std::string default_text(const Event& event) const;
};
inline constexpr Absence kRequired{Absence::Rule::kRefused};
inline constexpr Absence kShownAsNull{Absence::Rule::kShownAsNull};
inline constexpr Absence kLeftOut{Absence::Rule::kLeftOut};
constexpr Absence otherwise(std::string_view text) {
  return {.rule = Absence::Rule::kDefault, .text = text};
}
constexpr Absence otherwise(std::string Event::*of, std::string_view text = {}) {
  return {.rule = Absence::Rule::kDefault, .of = of, .text = text};
}
constexpr Absence otherwise(std::int64_t number) {
  return {.rule = Absence::Rule::kDefault, .number = number};
}

// Counted from 1. The table itself is in the order of an event's JSON, of which `event_date`, the day of
// `event_timestamp`, is written only.
struct Places {
  std::size_t checked = 0;   // in the order in which a client is told what is wrong; 0: is not sent
  std::size_t recorded = 0;  // in the journal's record: a new field takes the next one, and none ever changes
};

template <typename Kind, typename Value>
struct Field {
  std::string_view name;  // in JSON, and of the column
  Value Event::*member;
  Kind kind;
  std::string_view column;  // its type in `audit_events`, NULL for a member without a value; empty: no column
  Absence absence;
  Places places;
};

template <typename Kind, typename Value>
constexpr Field<Kind, Value> field(std::string_view name, Value Event::*member, Kind kind,
                                   std::string_view column, Absence absence, Places places) {
  return {name, member, kind, column, absence, places};
}

// What the contract leaves open is bounded all the same, so that one page of events is.
inline constexpr std::size_t kMaxOptionalText = 1024;
inline constexpr kind::Text kOpenText{kMaxOptionalText};

inline constexpr std::array<std::string_view, 3> kOutcomes = {"success", "failure", "pending"};
inline constexpr kind::Choice kOutcome{kOutcomes};

inline constexpr std::tuple kFields{
    // name, member, kind, column, absence, {checked, recorded}
    field("event_id", &Event::event_id, kind::Uuid{255}, "uuid", otherwise(""), {24, 1}),  // made later
    field("event_timestamp", &Event::event_timestamp, kind::Time{}, "timestamptz", kRequired, {3, 3}),
    field("event_type", &Event::event_type, kind::Text{100}, "text", kRequired, {2, 5}),
    field("version", &Event::version, kind::Text{20}, "text", kRequired, {1, 4}),
    field("event_category", &Event::event_category, kind::Text{50}, "text", kRequired, {4, 6}),
    field("event_action", &Event::event_action, kind::Text{50}, "text", kRequired, {5, 7}),
    field("event_outcome", &Event::event_outcome, kOutcome, "text", kRequired, {6, 8}),
    field("correlation_id", &Event::correlation_id, kind::Text{255}, "text", kRequired, {7, 9}),
    field("parent_event_id", &Event::parent_event_id, kind::Uuid{}, "uuid", kShownAsNull, {16, 10}),
    field("parent_event_date", &Event::parent_event_date, kind::Date{}, "date", kShownAsNull, {17, 11}),
    field("resource_type", &Event::resource_type, kOpenText, "text", otherwise(&Event::event_category),
          {12, 12}),
    field("resource_id", &Event::resource_id, kOpenText, "text", otherwise(&Event::correlation_id), {13, 13}),
    field("severity", &Event::severity, kOpenText, "text", otherwise("info"), {18, 14}),
    field("actor_id", &Event::actor_id, kOpenText, "text", otherwise(&Event::event_category, "-service"),
          {10, 15}),
    field("actor_type", &Event::actor_type, kOpenText, "text", otherwise("service"), {9, 16}),
    field("retention_days", &Event::retention_days, kind::Integer{1, settings::kMaxRetentionDays}, "integer",
          otherwise(kDefaultRetentionDays), {22, 17}),
    field("is_sensitive", &Event::is_sensitive, kind::Boolean{}, "boolean", otherwise(false), {23, 18}),
    field("event_data", &Event::event_data, kind::Object{}, "json", kRequired, {8, 19}),
    field("namespace", &Event::namespace_name, kOpenText, "text", kLeftOut, {14, 20}),
    field("cluster_id", &Event::cluster_id, kOpenText, "text", kLeftOut, {15, 21}),
    field("actor_ip", &Event::actor_ip, kind::Address{}, "inet", kLeftOut, {11, 22}),
    field("duration_ms", &Event::duration_ms, kind::Integer{}, "bigint", kLeftOut, {21, 23}),
    field("error_code", &Event::error_code, kOpenText, "text", kLeftOut, {19, 24}),
    field("error_message", &Event::error_message, kind::Text{}, "text", kLeftOut, {20, 25}),
    field("client_event_id", &Event::client_event_id, kind::Shown{}, "text", kLeftOut, {0, 28}),
    field("principal", &Event::principal, kind::Shown{}, "text", kLeftOut, {0, 29}),
    field("received_at", &Event::received_at, kind::Time{}, "timestamptz", kLeftOut, {0, 30}),
    field("received_from", &Event::received_from, kind::Shown{}, "inet", kLeftOut, {0, 31}),
    field("salt", &Event::salt, kind::Kept{}, "text", kLeftOut, {0, 32}),
    field("id_from_client", &Event::id_from_client, kind::Unsent{}, "", otherwise(false), {0, 2}),
    field("parent_missing", &Event::parent_missing, kind::Unsent{}, "boolean", otherwise(false), {0, 26}),
    field("keyed_events", &Event::keyed_events, kind::Unsent{}, "", otherwise(std::int64_t{0}), {0, 27}),
    field("asked_days", &Event::asked_days, kind::Unsent{}, "", otherwise(std::int64_t{0}), {0, 33}),
};

inline constexpr std::size_t kFieldCount = std::tuple_size_v<decltype(kFields)>;
inline constexpr std::array<Places, kFieldCount> kPlaces =
    std::apply([](const auto&... fields) { return std::array{fields.places...}; }, kFields);

// The fields that have a place in an order, by it, as their positions in the table.
template <std::size_t Places::*place>
inline constexpr auto kOrder = [] {
  constexpr std::size_t kPlaced =
      kFieldCount - static_cast<std::size_t>(std::ranges::count(kPlaces, std::size_t{0}, place));
  std::array<std::size_t, kPlaced> order{};
  for (std::size_t at = 0; at < kFieldCount; ++at) {
    if (kPlaces[at].*place != 0) order.at(kPlaces[at].*place - 1) = at;
  }
  return order;
}();

// Calls `visit` with every field, in the order of the table.
template <typename Visit>
constexpr void for_each_field(Visit&& visit) {
  std::apply([&](const auto&... fields) { (visit(fields), ...); }, kFields);
}

// Calls `visit` with the fields that have this place, in its order, until one call is false.
template <std::size_t Places::*place, typename Visit>
constexpr bool all_fields_by(Visit&& visit) {
  return [&]<std::size_t... at>(std::index_sequence<at...>) {
    return (visit(std::get<kOrder<place>[at]>(kFields)) && ...);
  }(std::make_index_sequence<kOrder<place>.size()>());
}

// What `item` makes of each field as one list for SQL, in the order of the table; without the empty ones.
template <typename Item>
std::string comma_list(const Item& item) {
  std::string list;
  for_each_field([&](const auto& field) {
    const std::string text = item(field);
    if (text.empty()) return;
    if (!list.empty()) list += ", ";
    list += text;
  });
  return list;
}

}  // namespace storagepool::event
