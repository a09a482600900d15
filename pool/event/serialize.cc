#include "pool/event/serialize.h"

#include <optional>
#include <string_view>

#include <nlohmann/json.hpp>

namespace storagepool::event {
namespace {

class ObjectWriter {
 public:
  void raw(std::string_view name, std::string_view json) {
    out_ += out_.empty() ? "{\"" : ",\"";
    out_ += name;
    out_ += "\":";
    out_ += json;
  }
  void text(std::string_view name, const std::string& value) { raw(name, nlohmann::json(value).dump()); }
  void text_or_null(std::string_view name, const std::optional<std::string>& value) {
    value ? text(name, *value) : raw(name, "null");
  }
  void text_if_set(std::string_view name, const std::optional<std::string>& value) {
    if (value) text(name, *value);
  }
  void integer(std::string_view name, std::int64_t value) { raw(name, std::to_string(value)); }
  void boolean(std::string_view name, bool value) { raw(name, value ? "true" : "false"); }
  std::string take() { return std::move(out_) + "}"; }

 private:
  std::string out_;
};

}  // namespace

std::string to_json(const Event& event) {
  ObjectWriter writer;
  writer.text("event_id", event.event_id);
  writer.text("event_timestamp", runtime::format_timestamp(event.event_timestamp));
  writer.text("event_date", runtime::format_date(runtime::date_of(event.event_timestamp)));
  writer.text("event_type", event.event_type);
  writer.text("version", event.version);
  writer.text("event_category", event.event_category);
  writer.text("event_action", event.event_action);
  writer.text("event_outcome", event.event_outcome);
  writer.text("correlation_id", event.correlation_id);
  writer.text_or_null("parent_event_id", event.parent_event_id);
  if (event.parent_event_date) {
    writer.text("parent_event_date", runtime::format_date(*event.parent_event_date));
  } else {
    writer.raw("parent_event_date", "null");
  }
  writer.text("resource_type", event.resource_type);
  writer.text("resource_id", event.resource_id);
  writer.text("severity", event.severity);
  writer.text("actor_id", event.actor_id);
  writer.text("actor_type", event.actor_type);
  writer.integer("retention_days", event.retention_days);
  writer.boolean("is_sensitive", event.is_sensitive);
  writer.raw("event_data", event.event_data);
  writer.text_if_set("namespace", event.namespace_name);
  writer.text_if_set("cluster_id", event.cluster_id);
  writer.text_if_set("actor_ip", event.actor_ip);
  if (event.duration_ms) writer.integer("duration_ms", *event.duration_ms);
  writer.text_if_set("error_code", event.error_code);
  writer.text_if_set("error_message", event.error_message);
  return writer.take();
}

std::string to_json(std::span<const Event> events, const Pagination& pagination) {
  std::string data = "[";
  for (const Event& event : events) {
    if (data.size() > 1) data += ',';
    data += to_json(event);
  }
  data += ']';
  ObjectWriter pages;
  pages.integer("limit", pagination.limit);
  if (pagination.offset) pages.integer("offset", *pagination.offset);
  if (pagination.total) pages.integer("total", *pagination.total);
  pages.boolean("has_more", pagination.has_more);
  pages.text_if_set("next", pagination.next);
  ObjectWriter writer;
  writer.raw("data", data);
  writer.raw("pagination", pages.take());
  return writer.take();
}

std::string created_json(const std::string& event_id, runtime::Timestamp event_timestamp) {
  ObjectWriter writer;
  writer.text("event_id", event_id);
  writer.text("event_timestamp", runtime::format_seconds(event_timestamp));
  writer.text("message", "Audit event created successfully");
  return writer.take();
}

}  // namespace storagepool::event
