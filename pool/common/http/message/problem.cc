#include "pool/common/http/message/problem.h"

#include <nlohmann/json.hpp>

namespace storagepool::http {
namespace {

struct Kind {
  std::string_view slug;
  unsigned status;
  std::string_view title;
};

Kind describe(ProblemKind kind) {
  switch (kind) {
    case ProblemKind::kValidationError:
      return {"validation-error", 400, "Validation Error"};
    case ProblemKind::kUnauthorized:
      return {"unauthorized", 401, "Unauthorized"};
    case ProblemKind::kForbidden:
      return {"forbidden", 403, "Forbidden"};
    case ProblemKind::kNotFound:
      return {"not-found", 404, "Not Found"};
    case ProblemKind::kMethodNotAllowed:
      return {"method-not-allowed", 405, "Method Not Allowed"};
    case ProblemKind::kRequestTimeout:
      return {"request-timeout", 408, "Request Timeout"};
    case ProblemKind::kConflict:
      return {"conflict", 409, "Conflict"};
    case ProblemKind::kNotSealedYet:
      return {"not-sealed-yet", 409, "Not Sealed Yet"};
    case ProblemKind::kNotProven:
      return {"not-proven", 409, "Not Proven"};
    case ProblemKind::kLogRolledBack:
      return {"log-rolled-back", 409, "Log Rolled Back"};
    case ProblemKind::kBeyondLog:
      return {"beyond-log", 409, "Beyond Log"};
    case ProblemKind::kPruned:
      return {"pruned", 410, "Pruned"};
    case ProblemKind::kIdempotencyKeyReused:
      return {"idempotency-key-reused", 422, "Idempotency Key Reused"};
    case ProblemKind::kRequestTooLarge:
      return {"request-too-large", 413, "Request Too Large"};
    case ProblemKind::kHeaderTooLarge:
      return {"header-too-large", 431, "Request Header Fields Too Large"};
    case ProblemKind::kUnsupportedMediaType:
      return {"unsupported-media-type", 400, "Unsupported Media Type"};
    case ProblemKind::kUnsupportedCoding:
      return {"unsupported-content-encoding", 415, "Unsupported Content Encoding"};
    case ProblemKind::kTooManyRequests:
      return {"too-many-requests", 429, "Too Many Requests"};
    case ProblemKind::kUnavailable:
      return {"unavailable", 503, "Service Unavailable"};
    case ProblemKind::kNotImplemented:
      return {"not-implemented", 501, "Not Implemented"};
    case ProblemKind::kHttpVersionNotSupported:
      return {"http-version-not-supported", 505, "HTTP Version Not Supported"};
    case ProblemKind::kInternal:
      break;
  }
  return {"internal", 500, "Internal Server Error"};
}

}  // namespace

std::string_view slug(ProblemKind kind) {
  return describe(kind).slug;
}
unsigned status_of(ProblemKind kind) {
  return describe(kind).status;
}

Response problem(ProblemKind kind, std::string_view detail, std::string_view instance,
                 const std::vector<FieldError>& field_errors) {
  const Kind described = describe(kind);
  nlohmann::ordered_json body;
  body["type"] = "https://storagepool.dev/problems/" + std::string(described.slug);
  body["title"] = described.title;
  body["status"] = described.status;
  body["detail"] = detail;
  if (!instance.empty()) body["instance"] = instance;
  for (const FieldError& error : field_errors) {
    auto& message = body["field_errors"][error.field];
    message = message.is_null() ? error.message : message.get<std::string>() + "; " + error.message;
  }
  Response response;
  response.status = described.status;
  response.content_type = "application/problem+json";
  response.body = body.dump(-1, ' ', false, nlohmann::ordered_json::error_handler_t::replace);
  return response;
}

}  // namespace storagepool::http
