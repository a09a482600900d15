#include "pool/service/access_log.h"

#include <algorithm>
#include <array>
#include <chrono>
#include <memory>

#include <spdlog/logger.h>
#include <spdlog/sinks/stdout_sinks.h>

#include "pool/common/runtime/log_format.h"

namespace storagepool::service {
namespace {

// Names of workspaces and ids are shorter, tokens longer.
constexpr std::size_t kLongestSegment = 48;
constexpr std::size_t kLongestPath = 512;
constexpr unsigned kFirstError = 400;
constexpr std::array<std::string_view, 17> kShown = {
    "limit",         "offset",         "since",      "until",          "severity",       "severities",
    "event_outcome", "event_outcomes", "event_type", "event_types",    "event_category", "event_categories",
    "event_action",  "event_actions",  "order",      "received_since", "received_until"};

std::string shown_path(std::string_view path) {
  std::string shown;
  for (std::string_view rest = path; !rest.empty() && shown.size() < kLongestPath;) {
    const std::size_t end = std::min(rest.find('/', 1), rest.size());
    shown += end > kLongestSegment + 1 ? std::string_view("/*") : rest.substr(0, end);
    rest.remove_prefix(end);
  }
  return shown;
}

// What is not known to be harmless, or is long, is shown by its name alone.
std::string shown_query(const std::vector<std::pair<std::string, std::string>>& query) {
  std::string shown;
  for (const auto& [name, value] : query) {
    if (shown.size() > kLongestPath) break;
    const bool harmless =
        std::find(kShown.begin(), kShown.end(), name) != kShown.end() && value.size() <= kLongestSegment;
    if (!shown.empty()) shown += '&';
    shown += name.size() <= kLongestSegment ? name : "*";
    shown += "=" + (harmless ? value : "*");
  }
  return shown;
}

}  // namespace

std::string access_line(const http::Exchange& exchange, std::string_view route, runtime::Timestamp now) {
  const auto duration = std::chrono::duration<double, std::milli>(exchange.duration).count();
  return log::format_line(now, log::Level::kInfo, "access", "request",
                          {{"method", exchange.method.substr(0, kLongestSegment)},
                           {"route", std::string(route)},
                           {"path", shown_path(exchange.path)},
                           {"query", shown_query(exchange.query)},
                           {"status", exchange.status},
                           {"bytesIn", exchange.bytes_in},
                           {"bytesOut", exchange.bytes_out},
                           {"durationMs", duration},
                           {"client", exchange.client},
                           {"requestId", exchange.request_id},
                           {"traceId", exchange.trace_id},
                           {"subject", exchange.subject}});
}

bool AccessLog::wants(unsigned status) {
  if (setting_.one_in <= 0) return setting_.errors && status >= kFirstError;
  const std::lock_guard lock(mutex_);
  const bool wanted = until_next_ == 0;
  until_next_ = (wanted ? setting_.one_in : until_next_) - 1;
  return wanted;
}

void AccessLog::record(const http::Exchange& exchange, runtime::Timestamp now) {
  if (wants(exchange.status)) write_(access_line(exchange, routes_.pattern_of(exchange.path), now));
}

std::function<void(const std::string& line)> to_standard_output() {
  auto logger = std::make_shared<spdlog::logger>("access", std::make_shared<spdlog::sinks::stdout_sink_mt>());
  logger->set_pattern("%v");
  return [logger](const std::string& line) { logger->info(spdlog::string_view_t(line.data(), line.size())); };
}

}  // namespace storagepool::service
