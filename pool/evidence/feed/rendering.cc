#include "pool/evidence/feed/rendering.h"

#include <algorithm>
#include <initializer_list>
#include <chrono>
#include <utility>

#include "pool/event/json_object_writer.h"

namespace storagepool::evidence {
namespace {

using event::Event;
using event::JsonObjectWriter;

// What is neither a control character nor a noncharacter, which no attribute of a CloudEvent may hold.
std::string attribute(std::string_view text) {
  std::string allowed;
  while (!text.empty()) {
    const auto lead = static_cast<unsigned char>(text[0]);
    const std::size_t bytes = lead < 0x80 ? 1 : lead < 0xE0 ? 2 : lead < 0xF0 ? 3 : 4;
    char32_t point = bytes == 1 ? lead : lead & (0xFFU >> (bytes + 1));
    for (std::size_t at = 1; at < std::min(bytes, text.size()); ++at)
      point = point << 6U | (static_cast<unsigned char>(text[at]) & 0x3FU);
    const bool is_control = point < 0x20 || (point >= 0x7F && point <= 0x9F);
    const bool is_noncharacter = (point >= 0xFDD0 && point <= 0xFDEF) || (point & 0xFFFEU) == 0xFFFE;
    allowed += is_control || is_noncharacter ? std::string_view("\uFFFD") : text.substr(0, bytes);
    text.remove_prefix(std::min(bytes, text.size()));
  }
  return allowed;
}

std::string cloud_event(const Rendering& rendering, std::uint64_t seq, const std::string& event_id,
                        std::string_view type, std::string_view subject, runtime::Timestamp time,
                        const std::string& item) {
  constexpr std::size_t kDigits = 20;  // of the largest number of 64 bits
  const std::string number = std::to_string(seq);
  JsonObjectWriter cloud;
  cloud.text("specversion", "1.0");
  cloud.text("id", event_id);
  cloud.text("source", rendering.origin);
  cloud.text("type", attribute(type));
  if (!subject.empty()) cloud.text("subject", attribute(subject));
  cloud.text("time", runtime::format_timestamp(time));
  cloud.text("sequence", std::string(kDigits - number.size(), '0') + number);
  cloud.text("datacontenttype", "application/json");
  cloud.raw("data", item);
  return cloud.take();
}

bool is_one_of(std::string_view text, std::initializer_list<std::string_view> words) {
  std::string lower(text);
  std::ranges::transform(lower, lower.begin(),
                         [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; });
  return std::ranges::find(words, lower) != words.end();
}

// An enumeration's number, and what it is called.
struct Known {
  std::int64_t id = 0;
  std::string name;
};
constexpr std::int64_t kOther = 99;

Known activity_of(const std::string& action) {
  if (is_one_of(action, {"create", "created", "insert", "add"})) return {1, "Create"};
  if (is_one_of(action, {"read", "get", "list", "watch", "view", "query"})) return {2, "Read"};
  if (is_one_of(action, {"update", "updated", "patch", "modify", "change"})) return {3, "Update"};
  if (is_one_of(action, {"delete", "deleted", "remove", "removed"})) return {4, "Delete"};
  return {kOther, action};
}

Known severity_of(const std::string& severity) {
  if (is_one_of(severity, {"info", "informational", "debug", "notice"})) return {1, "Informational"};
  if (is_one_of(severity, {"low"})) return {2, "Low"};
  if (is_one_of(severity, {"medium", "warning", "warn"})) return {3, "Medium"};
  if (is_one_of(severity, {"high", "error"})) return {4, "High"};
  if (is_one_of(severity, {"critical"})) return {5, "Critical"};
  if (is_one_of(severity, {"fatal", "emergency"})) return {6, "Fatal"};
  return {kOther, severity};
}

Known status_of(const std::string& outcome) {
  if (outcome == "success") return {1, "Success"};
  if (outcome == "failure") return {2, "Failure"};
  return {kOther, outcome};
}

Known actor_type_of(const std::string& type) {
  if (is_one_of(type, {"user"})) return {1, "User"};
  if (is_one_of(type, {"admin"})) return {2, "Admin"};
  if (is_one_of(type, {"system"})) return {3, "System"};
  if (is_one_of(type, {"service"})) return {4, "Service"};
  return {kOther, type};
}

std::int64_t milliseconds(runtime::Timestamp time) {
  return std::chrono::floor<std::chrono::milliseconds>(time.time_since_epoch()).count();
}

void add(JsonObjectWriter& object, const char* id, const char* name, const Known& known) {
  object.integer(id, known.id);
  object.text(name, known.name);
}

// Begins one of this class and activity.
JsonObjectWriter ocsf_event(std::pair<std::int64_t, const char*> category,
                            std::pair<std::int64_t, const char*> of_class, const Known& activity) {
  JsonObjectWriter ocsf;
  ocsf.integer("category_uid", category.first);
  ocsf.text("category_name", category.second);
  ocsf.integer("class_uid", of_class.first);
  ocsf.text("class_name", of_class.second);
  add(ocsf, "activity_id", "activity_name", activity);
  ocsf.integer("type_uid", of_class.first * 100 + activity.id);
  return ocsf;
}

// Without what an entry does not say.
std::string metadata_of(const Rendering& rendering, std::uint64_t seq, const std::string& event_id,
                        const Event* event) {
  JsonObjectWriter product;
  product.text("name", "StoragePool");
  product.text("vendor_name", "storagepool.dev");
  JsonObjectWriter metadata;
  metadata.text("version", "1.7.0");
  metadata.raw("product", product.take());
  metadata.text("uid", event_id);
  metadata.text("original_event_uid",
                event != nullptr ? event->client_event_id.value_or(event_id) : event_id);
  metadata.text("log_name", rendering.origin);
  metadata.integer("sequence", static_cast<std::int64_t>(seq));
  if (event != nullptr) {
    metadata.text("correlation_uid", event->correlation_id);
    metadata.text("event_code", event->event_type);
    if (event->received_at) metadata.integer("logged_time", milliseconds(*event->received_at));
  }
  return metadata.take();
}

std::string ocsf_of(const Rendering& rendering, std::uint64_t seq, const Event& event) {
  JsonObjectWriter user;
  user.text("uid", event.actor_id);
  add(user, "type_id", "type", actor_type_of(event.actor_type));
  JsonObjectWriter actor;
  actor.raw("user", user.take());
  if (event.principal) actor.text("app_name", *event.principal);
  JsonObjectWriter service;
  service.text("name", event.event_category);
  JsonObjectWriter api;
  api.text("operation", event.event_action);
  api.raw("service", service.take());
  JsonObjectWriter source;
  const auto& address = event.actor_ip ? event.actor_ip : event.received_from;
  if (address) {
    source.text("ip", *address);
  } else {
    source.text("svc_name", event.actor_id);
  }
  JsonObjectWriter resource;
  resource.text("uid", event.resource_id);
  resource.text("type", event.resource_type);
  if (event.namespace_name) resource.text("namespace", *event.namespace_name);
  if (event.cluster_id) resource.text("group", *event.cluster_id);

  JsonObjectWriter ocsf =
      ocsf_event({6, "Application Activity"}, {6003, "API Activity"}, activity_of(event.event_action));
  ocsf.integer("time", milliseconds(event.event_timestamp));
  add(ocsf, "severity_id", "severity", severity_of(event.severity));
  add(ocsf, "status_id", "status", status_of(event.event_outcome));
  if (event.error_code) ocsf.text("status_code", *event.error_code);
  if (event.error_message) ocsf.text("status_detail", *event.error_message);
  if (event.duration_ms) ocsf.integer("duration", *event.duration_ms);
  ocsf.raw("actor", actor.take());
  ocsf.raw("api", api.take());
  ocsf.raw("src_endpoint", source.take());
  ocsf.raw("resources", "[" + resource.take() + "]");
  ocsf.raw("metadata", metadata_of(rendering, seq, event.event_id, &event));
  ocsf.raw("unmapped", event.event_data);
  return ocsf.take();
}

std::string gone_ocsf_of(const Rendering& rendering, const LoggedEvent& event, bool expired) {
  JsonObjectWriter ocsf =
      ocsf_event({0, "Uncategorized"}, {0, "Base Event"}, {kOther, expired ? "Expired" : "Missing"});
  ocsf.integer("time", milliseconds(event.key.event_timestamp));
  add(ocsf, "severity_id", "severity", severity_of(expired ? "info" : "high"));
  ocsf.text("message", expired ? "the event has expired" : "the event is not stored any more");
  ocsf.raw("metadata", metadata_of(rendering, event.seq, event.key.event_id, nullptr));
  return ocsf.take();
}

}  // namespace

std::optional<FeedFormat> read_feed_format(std::string_view name) {
  if (name == "item") return FeedFormat::kItem;
  if (name == "cloudevents") return FeedFormat::kCloudEvents;
  if (name == "ocsf") return FeedFormat::kOcsf;
  return std::nullopt;
}

std::string render(const Rendering& rendering, std::uint64_t seq, const Event& event) {
  switch (rendering.format) {
    case FeedFormat::kItem:
      break;
    case FeedFormat::kCloudEvents:
      return cloud_event(rendering, seq, event.event_id, event.event_type,
                         event.resource_type + "/" + event.resource_id, event.event_timestamp,
                         item_of(seq, event));
    case FeedFormat::kOcsf:
      return ocsf_of(rendering, seq, event);
  }
  return item_of(seq, event);
}

std::string render_gone(const Rendering& rendering, const LoggedEvent& event, runtime::Timestamp now) {
  const bool expired = event.expires_at <= now;
  switch (rendering.format) {
    case FeedFormat::kItem:
      break;
    case FeedFormat::kCloudEvents:
      return cloud_event(rendering, event.seq, event.key.event_id,
                         expired ? "storagepool.event.expired" : "storagepool.event.missing", "",
                         event.key.event_timestamp, gone_item_of(event, now));
    case FeedFormat::kOcsf:
      return gone_ocsf_of(rendering, event, expired);
  }
  return gone_item_of(event, now);
}

}  // namespace storagepool::evidence
