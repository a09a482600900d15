// Problem details (RFC 9457) as every error of our HTTP interfaces is written: `application/problem+json`
// with type https://storagepool.dev/problems/<kind>, title, status, detail, instance, and field_errors where
// there are fields.
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "pool/common/http/message/message.h"

namespace storagepool::http {

enum class ProblemKind {
  kValidationError,
  kUnauthorized,
  kForbidden,
  kNotFound,
  kMethodNotAllowed,
  kRequestTimeout,
  kConflict,
  kNotSealedYet,   // 409, the log will have it soon
  kNotProven,      // 409, what is stored is not what the log says, or has no entry in it
  kLogRolledBack,  // 409, a cursor is of entries that the log does not have any more
  kBeyondLog,      // 409, a cursor is of entries that the log does not have
  kPruned,         // 410, the log does not have it any more
  kIdempotencyKeyReused,
  kRequestTooLarge,
  kHeaderTooLarge,
  kUnsupportedMediaType,  // 400, as existing clients expect
  kUnsupportedCoding,     // 415
  kTooManyRequests,
  kUnavailable,
  kInternal,
  kNotImplemented,           // 501, a transfer coding we do not know
  kHttpVersionNotSupported,  // 505
};

std::string_view slug(ProblemKind kind);  // the last segment of its type, e.g. "validation-error"
unsigned status_of(ProblemKind kind);

struct FieldError {
  std::string field;
  std::string message;
};

// `instance` is the request path; it is left out where it is not known. field_errors is an object from field
// to message; several messages for one field are joined with "; ". Bytes that are not UTF-8 become U+FFFD.
Response problem(ProblemKind kind, std::string_view detail, std::string_view instance,
                 const std::vector<FieldError>& field_errors = {});

}  // namespace storagepool::http
