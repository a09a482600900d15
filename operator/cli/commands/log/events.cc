#include "operator/cli/commands/log/events.h"

#include <cctype>
#include <string_view>

#include "pool/common/json/json.h"

namespace storagepool::cli {
namespace {

std::string encoded(const std::string& text) {
  constexpr std::string_view kDigits = "0123456789ABCDEF";
  std::string result;
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (std::isalnum(byte) != 0 || std::string_view("-_.~").find(c) != std::string_view::npos) {
      result += c;
    } else {
      result += '%';
      result += kDigits[byte >> 4U];
      result += kDigits[byte & 15U];
    }
  }
  return result;
}

}  // namespace

std::string base_of(const std::string& workspace) {
  const std::string base = "/api/v1/";
  return base + (workspace.empty() ? "" : "workspaces/" + encoded(workspace) + "/") + "audit";
}

std::string path_of(const EventQuery& query, const std::vector<std::pair<std::string, std::string>>& more) {
  std::string path = base_of(query.workspace) + "/events?limit=" + std::to_string(query.limit);
  for (const auto* filters : {&query.filters, &more}) {
    for (const auto& [key, value] : *filters) path += "&" + key + "=" + encoded(value);
  }
  return path;
}

std::string feed_path_of(const EventQuery& query, const std::string& from) {
  std::string path =
      base_of(query.workspace) + "/feed?from=" + encoded(from) + "&limit=" + std::to_string(query.limit);
  if (from != "latest") path += "&wait=20s";
  for (const auto& [key, value] : query.filters) path += "&" + key + "=" + encoded(value);
  return path;
}

std::string event_table(const std::vector<Json>& events, const Paint& paint, bool head) {
  Table table;
  if (head) table.add_texts({"TIME", "TYPE", "ACTION", "OUTCOME", "ACTOR", "CORRELATION ID", "EVENT ID"});
  for (const Json& event : events) {
    const std::string outcome = json::text_at(event, "/event_outcome");
    table.add({{json::text_at(event, "/event_timestamp")},
               {json::text_at(event, "/event_type")},
               {json::text_at(event, "/event_action")},
               {outcome, outcome == "failure" ? Color::kBad : Color::kPlain},
               {json::text_at(event, "/actor_id")},
               {json::text_at(event, "/correlation_id")},
               {json::text_at(event, "/event_id")}});
  }
  return table.text(paint);
}

}  // namespace storagepool::cli
