#include "pool/service/audit_routes.h"

#include <algorithm>
#include <chrono>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

#include "pool/audit/query.h"
#include "pool/audit/serialize.h"
#include "pool/audit/text.h"
#include "pool/audit/uuid.h"
#include "pool/audit/validate.h"
#include "pool/http/problem.h"
#include "pool/runtime/log.h"

namespace storagepool::service {
namespace {

using audit::StoreError;
using boost::asio::awaitable;
using http::ProblemKind;
using http::Request;
using http::Response;

audit::Timestamp wall_clock() {
  return std::chrono::floor<std::chrono::microseconds>(std::chrono::system_clock::now());
}

bool equal_ignoring_case(std::string_view a, std::string_view b) {
  const auto lower = [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; };
  return std::equal(a.begin(), a.end(), b.begin(), b.end(),
                    [&](char x, char y) { return lower(x) == lower(y); });
}

std::string_view trimmed(std::string_view text) {
  while (!text.empty() && (text.front() == ' ' || text.front() == '\t')) text.remove_prefix(1);
  while (!text.empty() && (text.back() == ' ' || text.back() == '\t')) text.remove_suffix(1);
  return text;
}

Response invalid(const audit::FieldErrors& errors, const Request& request) {
  std::string detail;
  std::vector<http::FieldError> fields;
  for (const audit::FieldError& error : errors) {
    if (!detail.empty()) detail += "; ";
    detail += error.field + ": " + error.message;
    fields.push_back({error.field, error.message});
  }
  return http::problem(ProblemKind::kValidationError, detail, request.path, fields);
}

Response failed(const StoreError& error, const Request& request) {
  switch (error.kind) {
    case StoreError::Kind::kParentMissing:
      return http::problem(ProblemKind::kValidationError, error.detail, request.path,
                           {{"parent_event_id", error.detail}});
    case StoreError::Kind::kPageTooLarge:
      return invalid({{"limit", error.detail}}, request);
    case StoreError::Kind::kRejected:
      return invalid({{"body", "PostgreSQL refuses a value: " + error.detail}}, request);
    case StoreError::Kind::kUnavailable: {
      Response response = http::problem(ProblemKind::kUnavailable, error.detail, request.path);
      const auto seconds = std::chrono::ceil<std::chrono::seconds>(error.retry_after).count();
      response.headers.emplace_back("Retry-After", std::to_string(std::max<std::int64_t>(seconds, 1)));
      return response;
    }
    case StoreError::Kind::kInternal:
      break;
  }
  log::error("request failed",
             {{"path", request.path}, {"requestId", request.request_id}, {"detail", error.detail}});
  return http::problem(ProblemKind::kInternal, "the request failed; its X-Request-Id is in the log",
                       request.path);
}

Response json(unsigned status, std::string body) {
  Response response;
  response.status = status;
  response.body = std::move(body);
  return response;
}

struct Routes {
  AuditContext context;

  awaitable<Response> create(Request request) const {
    const auto content_type = request.header("Content-Type");
    if (!content_type || !is_json_content(*content_type)) {
      const std::string given = content_type ? std::string(*content_type) : "none";
      co_return http::problem(ProblemKind::kUnsupportedMediaType,
                              "Content-Type: got " + given + "; allowed: application/json", request.path);
    }
    auto event = audit::validate_event(request.body, wall_clock());
    if (!event) co_return invalid(event.error(), request);
    request.body = {};
    if (event->event_id.empty()) event->event_id = audit::new_event_id();
    const std::string event_id = event->event_id;
    const auto stored = co_await context.store.insert(std::move(*event), context.deadline());
    if (!stored) co_return failed(stored.error(), request);
    if (stored->created) context.on_stored();
    co_return json(201, audit::created_json(event_id, stored->event_timestamp));
  }

  awaitable<Response> list(Request request) const {
    auto query = audit::parse_list_query(request.query, wall_clock());
    if (!query) co_return invalid(query.error(), request);
    const auto page = co_await context.store.list(std::move(*query), context.deadline());
    if (!page) co_return failed(page.error(), request);
    co_return json(200, audit::to_json(page->events, page->pagination));
  }

  awaitable<Response> get(Request request) const {
    const std::string given = request.parameters["event_id"];
    const auto event_id = audit::parse_uuid(given);
    if (!event_id)
      co_return invalid({{"event_id", "got " + audit::quoted(given) + "; allowed: a UUID"}}, request);
    const auto event = co_await context.store.get(*event_id, context.deadline());
    if (!event) co_return failed(event.error(), request);
    const std::optional<audit::Event>& found = *event;
    if (!found) {
      co_return http::problem(ProblemKind::kNotFound, "there is no audit event " + *event_id, request.path);
    }
    co_return json(200, audit::to_json(*found));
  }
};

}  // namespace

bool is_json_content(std::string_view content_type) {
  const std::size_t end = content_type.find(';');
  if (!equal_ignoring_case(trimmed(content_type.substr(0, end)), "application/json")) return false;
  if (end == std::string_view::npos) return true;
  const std::string_view parameter = trimmed(content_type.substr(end + 1));
  return parameter.empty() || equal_ignoring_case(parameter, "charset=utf-8") ||
         equal_ignoring_case(parameter, "charset=\"utf-8\"");
}

void add_audit_routes(http::Router& router, AuditContext context) {
  const auto routes = std::make_shared<const Routes>(Routes{std::move(context)});
  constexpr std::string_view kEvents = "/api/v1/audit/events";
  router.add("POST", kEvents, [routes](Request request) { return routes->create(std::move(request)); });
  router.add("GET", kEvents, [routes](Request request) { return routes->list(std::move(request)); });
  router.add("GET", "/api/v1/audit/events/{event_id}",
             [routes](Request request) { return routes->get(std::move(request)); });
}

}  // namespace storagepool::service
