// Problem details (RFC 9457) as every error of our HTTP interfaces is written: `application/problem+json`
// with type https://storagepool.dev/problems/<kind>, title, status, detail, instance, and field_errors where
// there are fields.
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "pool/http/server.h"

namespace storagepool::http {

enum class ProblemKind {
  kValidationError,
  kUnauthorized,
  kForbidden,
  kNotFound,
  kMethodNotAllowed,
  kRequestTimeout,
  kConflict,
  kRequestTooLarge,
  kHeaderTooLarge,
  kUnsupportedMediaType,  // 400, as existing clients expect
  kTooManyRequests,
  kUnavailable,
  kInternal,
};

struct FieldError {
  std::string field;
  std::string message;
};

Response problem(ProblemKind kind, std::string_view detail, std::string_view instance,
                 const std::vector<FieldError>& field_errors = {});

}  // namespace storagepool::http
