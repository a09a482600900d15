#include "pool/service/answers.h"

#include <algorithm>
#include <utility>
#include <vector>

#include <nlohmann/json.hpp>

#include "pool/http/problem.h"
#include "pool/runtime/log.h"

namespace storagepool::service {
namespace {

using audit::StoreError;
using audit::WorkspaceError;
using http::ProblemKind;
using http::Request;
using http::Response;
using nlohmann::ordered_json;

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

ordered_json to_object(const audit::Workspace& workspace) {
  return {{"name", workspace.name},
          {"state", audit::to_string(workspace.state)},
          {"created_at", audit::format_timestamp(workspace.created_at)}};
}

}  // namespace

Response json(unsigned status, std::string body) {
  Response response;
  response.status = status;
  response.body = std::move(body);
  return response;
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

Response unavailable(std::string_view detail, std::chrono::milliseconds retry_after, const Request& request) {
  return with_retry(http::problem(ProblemKind::kUnavailable, detail, request.path), retry_after);
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

Response failed(const WorkspaceError& error, const Request& request) {
  switch (error.kind) {
    case WorkspaceError::Kind::kInvalidName:
      return invalid({{"workspace", error.detail}}, request);
    case WorkspaceError::Kind::kNotFound:
      return http::problem(ProblemKind::kNotFound, error.detail, request.path);
    case WorkspaceError::Kind::kDeleting:
    case WorkspaceError::Kind::kTaken:
      return http::problem(ProblemKind::kConflict, error.detail, request.path);
    case WorkspaceError::Kind::kUnavailable:
      return unavailable(error.detail, error.retry_after, request);
    case WorkspaceError::Kind::kNotPermitted:  // whoever asks can tell who can mend it
      log::error("a workspace cannot be created", {{"detail", error.detail}});
      return http::problem(ProblemKind::kInternal, error.detail, request.path);
    case WorkspaceError::Kind::kInternal:
      break;
  }
  return internal(error.detail, request);
}

std::string accepted_json(const std::string& event_id) {
  return ordered_json{
      {"status", "accepted"}, {"message", "audit event queued for async processing"}, {"event_id", event_id}}
      .dump();
}

std::string batch_accepted_json(std::span<const std::string> event_ids) {
  return ordered_json{
      {"status", "accepted"},
      {"message", std::to_string(event_ids.size()) + " audit events queued for async processing"},
      {"event_ids", event_ids}}
      .dump();
}

std::string batch_created_json(std::span<const std::string> event_ids) {
  return ordered_json{{"event_ids", event_ids},
                      {"message", std::to_string(event_ids.size()) + " audit events created successfully"}}
      .dump();
}

std::string deleting_json(const std::string& workspace) {
  return ordered_json{{"name", workspace}, {"state", audit::to_string(audit::WorkspaceState::kDeleting)}}
      .dump();
}

std::string to_json(const audit::Workspace& workspace) {
  return to_object(workspace).dump();
}

std::string to_json(std::span<const audit::Workspace> workspaces) {
  ordered_json all = ordered_json::array();
  for (const audit::Workspace& workspace : workspaces) all.push_back(to_object(workspace));
  return ordered_json{{"workspaces", all}}.dump();
}

}  // namespace storagepool::service
