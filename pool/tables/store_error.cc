#include "pool/tables/store_error.h"

#include <algorithm>

#include "pool/postgres/disposition.h"

namespace storagepool::tables {
namespace {

using engine::AcquireError;
using postgres::ErrorClass;

constexpr std::chrono::milliseconds kRetryAfter{1000};

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
  using Cause = postgres::Disposition::Cause;
  const Cause cause = postgres::disposition_of(error).cause;
  if (cause == Cause::kRow) return {StoreError::Kind::kRejected, error.detail, {}, false, error.sqlstate};
  const auto kind = error.error_class == ErrorClass::kDatabaseMissing ? StoreError::Kind::kDatabaseMissing
                                                                      : StoreError::Kind::kUnavailable;
  return {kind, error.detail, kRetryAfter, cause == Cause::kPerson, error.sqlstate};
}

}  // namespace storagepool::tables
