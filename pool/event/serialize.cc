#include "pool/event/serialize.h"

#include <optional>
#include <string_view>

#include "pool/event/fields.h"
#include "pool/event/json_object_writer.h"

namespace storagepool::event {
namespace {

// Writes a field as its kind and its type say.
class FieldWriter {
 public:
  template <typename Kind, typename Value>
  void write(const Field<Kind, Value>& field, const Value& value) {
    put(field.name, field.kind, value);
  }
  template <typename Kind, typename Value>
  void write(const Field<Kind, std::optional<Value>>& field, const std::optional<Value>& value) {
    if (value) {
      put(field.name, field.kind, *value);
    } else if (field.absence.rule == Absence::Rule::kShownAsNull) {
      object_.raw(field.name, "null");
    }
  }
  std::string take() { return object_.take(); }

 private:
  template <typename Kind>
  void put(std::string_view name, const Kind&, const std::string& value) {
    object_.text(name, value);
  }
  void put(std::string_view name, kind::Time, runtime::Timestamp value) {
    object_.text(name, runtime::format_timestamp(value));
    if (name == "event_timestamp") object_.text("event_date", runtime::format_date(runtime::date_of(value)));
  }
  void put(std::string_view name, kind::Date, runtime::Date value) {
    object_.text(name, runtime::format_timestamp(value));
  }
  void put(std::string_view name, const kind::Integer&, std::int64_t value) { object_.integer(name, value); }
  void put(std::string_view name, kind::Boolean, bool value) { object_.boolean(name, value); }
  void put(std::string_view name, kind::Object, const std::string& value) { object_.raw(name, value); }
  void put(std::string_view, kind::Kept, const std::string&) {}
  template <typename Value>
  void put(std::string_view, kind::Unsent, Value) {}

  JsonObjectWriter object_;
};

}  // namespace

std::string to_json(const Event& event) {
  FieldWriter writer;
  for_each_field([&](const auto& field) { writer.write(field, event.*field.member); });
  return writer.take();
}

std::string created_json(const std::string& event_id, runtime::Timestamp event_timestamp) {
  JsonObjectWriter writer;
  writer.text("event_id", event_id);
  writer.text("event_timestamp", runtime::format_seconds(event_timestamp));
  writer.text("message", "Audit event created successfully");
  return writer.take();
}

}  // namespace storagepool::event
