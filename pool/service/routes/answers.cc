#include "pool/service/routes/answers.h"

#include <algorithm>
#include <utility>
#include <vector>

#include <nlohmann/json.hpp>

#include "pool/common/http/message/problem.h"
#include "pool/common/runtime/log.h"
#include "pool/event/uuid.h"

namespace storagepool::service {
namespace {

using http::ProblemKind;
using http::Request;
using http::Response;
using nlohmann::ordered_json;
using tables::StoreError;

Response with_retry(Response response, std::chrono::milliseconds retry_after) {
  const auto seconds = std::chrono::ceil<std::chrono::seconds>(retry_after).count();
  response.headers.emplace_back("Retry-After", std::to_string(std::max<std::int64_t>(seconds, 1)));
  return response;
}

Response internal(const std::string& detail, const Request& request) {
  log::error("request failed",
             {{"path", request.path}, {"requestId", request.request_id}, {"detail", detail}});
  return http::problem(ProblemKind::kInternal, "the request failed; its X-Request-Id is in the log",
                       request.path);
}

ordered_json to_object(const workspaces::Workspace& workspace) {
  return {{"name", workspace.name},
          {"state", workspaces::to_string(workspace.state)},
          {"created_at", runtime::format_timestamp(workspace.created_at)}};
}

}  // namespace

Response json(unsigned status, std::string body) {
  Response response;
  response.status = status;
  response.body = std::move(body);
  return response;
}

std::string dump(const ordered_json& body) {
  return body.dump(-1, ' ', false, ordered_json::error_handler_t::replace);
}

Response invalid(const event::FieldErrors& errors, const Request& request) {
  std::string detail;
  std::vector<http::FieldError> fields;
  for (const event::FieldError& error : errors) {
    if (!detail.empty()) detail += "; ";
    detail += error.field + ": " + error.message;
    fields.push_back({error.field, error.message});
  }
  return http::problem(ProblemKind::kValidationError, detail, request.path, fields);
}

Response unavailable(std::string_view detail, std::chrono::milliseconds retry_after, const Request& request) {
  return with_retry(http::problem(ProblemKind::kUnavailable, detail, request.path), retry_after);
}

Response postgres_away(const Request& request) {
  constexpr std::chrono::seconds kRetryAfter{2};  // it is looked for every second
  return unavailable("PostgreSQL cannot be used now", kRetryAfter, request);
}

Response failed(const StoreError& error, const Request& request) {
  switch (error.kind) {
    case StoreError::Kind::kParentMissing:
      return http::problem(ProblemKind::kValidationError, error.detail, request.path,
                           {{"parent_event_id", error.detail}});
    case StoreError::Kind::kConflict:
      return http::problem(ProblemKind::kConflict, error.detail, request.path);
    case StoreError::Kind::kPageTooLarge:
      return invalid({{"limit", error.detail}}, request);
    case StoreError::Kind::kRejected:
      return invalid({{"body", "PostgreSQL refuses a value: " + error.detail}}, request);
    case StoreError::Kind::kOverloaded:
      return with_retry(http::problem(ProblemKind::kTooManyRequests, error.detail, request.path),
                        error.retry_after);
    case StoreError::Kind::kDatabaseMissing:
    case StoreError::Kind::kUnavailable:
      return unavailable(error.detail, error.retry_after, request);
    case StoreError::Kind::kInternal:
      break;
  }
  return internal(error.detail, request);
}

Response failed(const workspaces::Error& error, const Request& request) {
  switch (error.kind) {
    case workspaces::Error::Kind::kInvalidName:
      return invalid({{"workspace", error.detail}}, request);
    case workspaces::Error::Kind::kNotFound:
      return http::problem(ProblemKind::kNotFound, error.detail, request.path);
    case workspaces::Error::Kind::kDeleting:
    case workspaces::Error::Kind::kTaken:
    case workspaces::Error::Kind::kHeld:
      return http::problem(ProblemKind::kConflict, error.detail, request.path);
    case workspaces::Error::Kind::kUnavailable:
      return unavailable(error.detail, error.retry_after, request);
    case workspaces::Error::Kind::kNotPermitted:  // whoever asks can tell who can mend it
      log::error("a workspace cannot be created", {{"detail", error.detail}});
      return http::problem(ProblemKind::kInternal, error.detail, request.path);
    case workspaces::Error::Kind::kInternal:
      break;
  }
  return internal(error.detail, request);
}

std::string accepted_json(const std::string& event_id) {
  return ordered_json{
      {"status", "accepted"}, {"message", "audit event queued for async processing"}, {"event_id", event_id}}
      .dump();
}

std::string batch_json(std::span<const event::Event> events, bool journalled) {
  constexpr std::size_t kMostBesides = 128;
  std::string body;
  body.reserve(events.size() * (event::kNilUuid.size() + 3) + kMostBesides);
  body += R"({"event_ids":)";
  char before = '[';
  for (const event::Event& event : events) {
    body += before;
    body += '"';
    body += event.event_id;  // of characters that stand as they are
    body += '"';
    before = ',';
  }
  body += R"(],"message":")" + std::to_string(events.size());
  body += journalled ? R"( audit events queued for async processing"})"
                     : R"( audit events created successfully"})";
  return body;
}

std::string deleting_json(const std::string& workspace) {
  return ordered_json{{"name", workspace},
                      {"state", workspaces::to_string(workspaces::WorkspaceState::kDeleting)}}
      .dump();
}

std::string to_json(const workspaces::Workspace& workspace) {
  return to_object(workspace).dump();
}

std::string to_json(std::span<const workspaces::Workspace> workspaces) {
  ordered_json all = ordered_json::array();
  for (const workspaces::Workspace& workspace : workspaces) all.push_back(to_object(workspace));
  return ordered_json{{"workspaces", all}}.dump();
}

}  // namespace storagepool::service
