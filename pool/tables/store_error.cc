#include "pool/tables/store_error.h"

#include <algorithm>

namespace storagepool::tables {
namespace {

using engine::AcquireError;
using postgres::ErrorClass;

constexpr std::chrono::milliseconds kRetryAfter{1000};

// Conditions of the server that pass: out of a resource, read-only after a failover, not migrated yet.
bool passing(const std::string& sqlstate) {
  return sqlstate.starts_with("53") || sqlstate == "25006" || sqlstate == "42P01";
}

// The engine tells why the last connect failed as postgres::Error does, the SQLSTATE at the end.
bool database_missing(const AcquireError& error) {
  return error.reason == AcquireError::Reason::kDatabaseClosed ||
         (error.reason == AcquireError::Reason::kConnectFailed && error.detail.ends_with("(3D000)"));
}

}  // namespace

StoreError to_store_error(const AcquireError& error) {
  auto kind = StoreError::Kind::kUnavailable;
  if (database_missing(error)) kind = StoreError::Kind::kDatabaseMissing;
  if (error.reason == AcquireError::Reason::kTooManyWaiters) kind = StoreError::Kind::kOverloaded;
  return {kind, "no connection to PostgreSQL: " + error.detail, std::max(error.retry_after, kRetryAfter)};
}

StoreError to_store_error(const postgres::Error& error) {
  switch (error.error_class) {
    case ErrorClass::kData:
      return {StoreError::Kind::kRejected, error.detail, {}};
    case ErrorClass::kDatabaseMissing:
      return {StoreError::Kind::kDatabaseMissing, error.detail, kRetryAfter};
    case ErrorClass::kConstraint:
      if (!worth_repeating(error)) return {StoreError::Kind::kInternal, error.detail, {}};
      break;
    case ErrorClass::kOther:
      if (!passing(error.sqlstate)) return {StoreError::Kind::kInternal, error.detail, {}};
      break;
    default:
      break;
  }
  return {StoreError::Kind::kUnavailable, error.detail, kRetryAfter};
}

bool worth_repeating(const postgres::Error& error) {
  return error.error_class == ErrorClass::kConnectionLost || error.error_class == ErrorClass::kRetryable ||
         error.sqlstate == "23514";
}

}  // namespace storagepool::tables
