// What can go wrong between the operator and the Kubernetes API (or a pod's admin port), as one value: the
// HTTP status with Kubernetes' machine-readable reason, or status 0 with one of the reasons below when no
// usable answer came. Messages never contain a request's credentials. Source: Kubernetes API conventions,
// "Response Status Kind".
#pragma once

#include <chrono>
#include <string>
#include <string_view>

namespace storagepool::kube {

// Reasons of errors with status 0.
inline constexpr std::string_view kReasonTransport = "Transport";  // refused, reset, TLS, name resolution
inline constexpr std::string_view kReasonTimeout = "DeadlineExceeded";
inline constexpr std::string_view kReasonCancelled = "Cancelled";
inline constexpr std::string_view kReasonTooLarge = "ResponseTooLarge";
inline constexpr std::string_view kReasonMalformed = "MalformedResponse";

struct ApiError {
  int status = 0;            // HTTP status; 0: no usable answer
  std::string reason = {};   // Kubernetes' StatusReason, e.g. "NotFound", or one of the above
  std::string message = {};  // for people; at most 2 KiB
  std::chrono::milliseconds retry_after{
      0};  // what the server asked for (Retry-After), at most 5 minutes; 0: nothing

  bool is_not_found() const { return status == 404; }
  bool is_conflict() const { return status == 409 && reason != "AlreadyExists"; }
  bool is_already_exists() const { return status == 409 && reason == "AlreadyExists"; }
  bool is_gone() const { return status == 410; }
  bool is_invalid() const { return status == 422; }
  bool is_forbidden() const { return status == 401 || status == 403; }
  bool is_cancelled() const { return status == 0 && reason == kReasonCancelled; }
  // The same request may succeed later without anyone changing it.
  bool is_transient() const { return status == 0 || status == 429 || status >= 500; }

  // "409 Conflict: <message>", or "Transport: <message>" without a status.
  std::string to_string() const;
};

// The error of a response whose status is not 2xx. `body` is a Status object or anything else (a proxy's
// HTML); `retry_after` is the header's value, or empty.
ApiError error_from_response(int status, std::string_view body, std::string_view retry_after);

}  // namespace storagepool::kube
