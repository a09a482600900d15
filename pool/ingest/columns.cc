#include "pool/ingest/columns.h"

#include <algorithm>
#include <iterator>
#include <optional>
#include <type_traits>

#include "pool/event/fields.h"

namespace storagepool::ingest {
namespace {

// The type in which a field is given. The numbers are wider than their columns, so that a value out of range
// is refused by the server as the row's fault. Texts, choices and addresses are given as text.
template <typename Kind>
constexpr Type kGivenAs = kText;
template <>
constexpr Type kGivenAs<event::kind::Uuid> = kUuid;
template <>
constexpr Type kGivenAs<event::kind::Time> = kTimestamptz;
template <>
constexpr Type kGivenAs<event::kind::Date> = kDate;
template <>
constexpr Type kGivenAs<event::kind::Integer> = kBigint;
template <>
constexpr Type kGivenAs<event::kind::Boolean> = kBoolean;
template <>
constexpr Type kGivenAs<event::kind::Object> = kJson;
template <>
constexpr Type kGivenAs<event::kind::Unsent> = kBoolean;

template <typename Kind, typename Value>
constexpr Type given_as(const event::Field<Kind, Value>&) {
  return kGivenAs<Kind>;
}

// The statements read it: what has a column, and whose the id is.
template <typename Kind, typename Value>
constexpr bool is_given(const event::Field<Kind, Value>& field) {
  return !field.column.empty() || field.name == "id_from_client";
}

// What each event has of its own, if it has it. Any other field often has one value in all events of a batch,
// as what their sender, its cluster and its call are: it is given once then, without an array, which spares
// the server reading and copying it for each row.
constexpr std::array<std::string_view, 10> kOwn = {
    "event_id",   "event_timestamp", "correlation_id", "parent_event_id", "resource_id",
    "event_data", "error_code",      "error_message",  "client_event_id", "salt"};

template <typename Kind, typename Value>
constexpr bool may_be_common(const event::Field<Kind, Value>& field) {
  return is_given(field) && std::ranges::find(kOwn, field.name) == kOwn.end();
}

constexpr std::string_view kAddress = "inet";  // given as text

template <std::unsigned_integral T>
postgres::Parameter binary(T value) {
  std::string bytes;
  put_big_endian(bytes, value);
  return postgres::Parameter::binary(std::move(bytes));
}

// A value that all events have, for a column of this type.
postgres::Parameter common(std::string_view column, const std::string& value) {
  return column == kText.name ? postgres::Parameter::binary(value) : postgres::Parameter(value);
}
postgres::Parameter common(std::string_view, std::int64_t value) {
  return std::to_string(value);
}
postgres::Parameter common(std::string_view, bool value) {
  return value ? "true" : "false";
}
postgres::Parameter common(std::string_view, runtime::Timestamp value) {
  return runtime::format_microseconds(value);
}
postgres::Parameter common(std::string_view, runtime::Date value) {
  return runtime::format_date(value);
}
template <typename T>
postgres::Parameter common(std::string_view column, const std::optional<T>& value) {
  return value ? common(column, *value) : postgres::Parameter();
}

// Builds one column of all events.
template <typename Kind, typename Value>
class Column {
 public:
  Column(const event::Field<Kind, Value>& field, std::span<const event::Event* const> events)
      : array_(kGivenAs<Kind>, events.size(), bytes(field, events)) {
    for (const event::Event* event : events) add(event->*field.member);
  }
  postgres::Parameter take() { return array_.take(); }

 private:
  static std::size_t bytes(const event::Field<Kind, Value>& field,
                           std::span<const event::Event* const> events) {
    std::size_t sum = 0;
    for (const event::Event* event : events) sum += size(event->*field.member);
    return sum;
  }
  static std::size_t size(const std::string& value) {
    return std::is_same_v<Kind, event::kind::Uuid> ? kUuidBytes : value.size();
  }
  template <typename T>
  static std::size_t size(const std::optional<T>& value) {
    return value ? size(*value) : 0;
  }
  template <typename T>
  static std::size_t size(const T&) {
    return sizeof(T);
  }

  template <typename T>
  void add(const std::optional<T>& value) {
    value ? add(*value) : array_.null();
  }
  template <typename T>
  void add(const T& value) {
    if constexpr (std::is_same_v<Kind, event::kind::Uuid>) {
      array_.add_uuid(value);
    } else {
      array_.add(value);
    }
  }

  Array array_;
};

// A value of one event, in the binary format of the type in which it is given.
template <typename Kind>
postgres::Parameter value_of(std::string_view column, const std::string& value) {
  if constexpr (std::is_same_v<Kind, event::kind::Uuid>) {
    const auto bytes = event::uuid_bytes(value).value_or(std::array<char, kUuidBytes>{});
    return postgres::Parameter::binary({bytes.data(), bytes.size()});
  }
  return column == kAddress ? postgres::Parameter(value) : postgres::Parameter::binary(value);
}
template <typename Kind>
postgres::Parameter value_of(std::string_view, bool value) {
  return postgres::Parameter::binary(std::string(1, value ? '\x01' : '\x00'));
}
template <typename Kind>
postgres::Parameter value_of(std::string_view, std::int64_t value) {
  return binary(static_cast<std::uint64_t>(value));
}
template <typename Kind>
postgres::Parameter value_of(std::string_view, runtime::Timestamp value) {
  return binary(static_cast<std::uint64_t>((value - postgres::kEpoch).count()));
}
template <typename Kind>
postgres::Parameter value_of(std::string_view, runtime::Date value) {
  return binary(static_cast<std::uint32_t>((value - runtime::date_of(postgres::kEpoch)).count()));
}
template <typename Kind, typename T>
postgres::Parameter value_of(std::string_view column, const std::optional<T>& value) {
  return value ? value_of<Kind>(column, *value) : postgres::Parameter();
}

template <typename T>
bool has_value(const T&) {
  return true;
}
template <typename T>
bool has_value(const std::optional<T>& value) {
  return value.has_value();
}

}  // namespace

std::string parameter(int number, std::string_view type) {
  return "$" + std::to_string(number) + "::" + std::string(type);
}

constinit const int kFieldParameters = std::apply(
    [](const auto&... fields) {
      return (0 + ... + (static_cast<int>(is_given(fields)) + static_cast<int>(may_be_common(fields))));
    },
    event::kFields);

std::vector<postgres::Parameter> field_parameters(std::span<const event::Event* const> events) {
  std::vector<postgres::Parameter> parameters;
  parameters.reserve(kFieldParameters + 5);  // and what the statements take besides
  std::vector<postgres::Parameter> values;
  event::for_each_field([&](const auto& field) {
    if (!is_given(field)) return;
    const auto& first = events.front()->*field.member;
    const bool same =
        (may_be_common(field) || !has_value(first)) &&
        std::ranges::all_of(events, [&](const event::Event* event) { return event->*field.member == first; });
    parameters.push_back(same ? postgres::Parameter() : Column(field, events).take());
    if (may_be_common(field)) values.push_back(same ? common(field.column, first) : postgres::Parameter());
  });
  std::ranges::move(values, std::back_inserter(parameters));
  return parameters;
}

constinit const int kValueParameters = std::apply(
    [](const auto&... fields) { return (0 + ... + (fields.column.empty() ? 0 : 1)); }, event::kFields);

std::vector<postgres::Parameter> value_parameters(const event::Event& event) {
  std::vector<postgres::Parameter> parameters;
  parameters.reserve(kValueParameters + 3);  // and what the statement takes besides
  event::for_each_field([&]<typename Kind, typename Value>(const event::Field<Kind, Value>& field) {
    if (!field.column.empty()) parameters.push_back(value_of<Kind>(field.column, event.*field.member));
  });
  return parameters;
}

std::string values() {
  int number = 0;
  return event::comma_list([&](const auto& field) {
    if (field.column.empty()) return std::string();
    return parameter(++number, field.column == kAddress ? kAddress : given_as(field).name);
  });
}

std::string given(std::initializer_list<std::pair<Type, std::string_view>> more) {
  int number = 0;
  const auto unnested = [&](const Type& type, std::string_view name) {
    return "unnest(" + parameter(++number, std::string(type.name) + "[]") + ") AS " + std::string(name);
  };
  std::string arrays = event::comma_list([&](const auto& field) {
    return is_given(field) ? unnested(given_as(field), field.name) : std::string();
  });
  std::string columns = event::comma_list([&](const auto& field) {
    const std::string name(field.name);
    const std::string given(given_as(field).name);
    const std::string type = field.column.empty() ? given : std::string(field.column);
    const std::string value = type == given ? name : name + "::" + type;
    if (may_be_common(field)) return "coalesce(" + value + ", " + parameter(++number, type) + ") AS " + name;
    if (!is_given(field)) return std::string();
    return value == name ? name : value + " AS " + name;
  });
  for (const auto& [type, name] : more) {
    arrays += ", " + unnested(type, name);
    columns += ", " + std::string(name);
  }
  return "(SELECT " + columns + " FROM (SELECT " + arrays + ") AS arrays) AS given";
}

}  // namespace storagepool::ingest
