#include "operator/kube/transport/error.h"

#include <algorithm>
#include <charconv>

#include "pool/common/json/json.h"

namespace storagepool::kube {
namespace {

constexpr std::size_t kMaxMessageBytes = 2048;
constexpr std::chrono::minutes kMaxRetryAfter{5};

std::string_view reason_of_status(int status) {
  switch (status) {
    case 400:
      return "BadRequest";
    case 401:
      return "Unauthorized";
    case 403:
      return "Forbidden";
    case 404:
      return "NotFound";
    case 405:
      return "MethodNotAllowed";
    case 409:
      return "Conflict";
    case 410:
      return "Gone";
    case 413:
      return "RequestEntityTooLarge";
    case 422:
      return "Invalid";
    case 429:
      return "TooManyRequests";
    case 500:
      return "InternalError";
    case 503:
      return "ServiceUnavailable";
    case 504:
      return "Timeout";
    default:
      return status >= 300 && status < 400 ? "Redirect" : "Unknown";
  }
}

// Cuts at a UTF-8 boundary.
std::string shorten(std::string_view text, std::size_t limit) {
  if (text.size() <= limit) return std::string(text);
  while (limit > 0 && (static_cast<unsigned char>(text[limit]) & 0xC0) == 0x80) --limit;
  return std::string(text.substr(0, limit)) + "…";
}

std::chrono::milliseconds seconds_value(std::string_view text) {
  unsigned seconds = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), seconds);
  if (error != std::errc{} || end != text.data() + text.size()) return {};
  return std::min<std::chrono::milliseconds>(std::chrono::seconds(seconds), kMaxRetryAfter);
}

}  // namespace

std::string ApiError::to_string() const {
  return (status == 0 ? std::string() : std::to_string(status) + " ") + reason + ": " + message;
}

ApiError error_from_response(int status, std::string_view body, std::string_view retry_after) {
  ApiError error{.status = status, .retry_after = seconds_value(retry_after)};
  const auto parsed = json::Json::parse(body, nullptr, /*allow_exceptions=*/false);
  if (parsed.is_object() && json::text_at(parsed, "/kind") == "Status") {
    error.reason = json::text_at(parsed, "/reason");
    error.message = shorten(json::text_at(parsed, "/message"), kMaxMessageBytes);
    const auto seconds = json::integer_at(parsed, "/details/retryAfterSeconds");
    if (error.retry_after.count() == 0 && seconds)
      error.retry_after = seconds_value(std::to_string(*seconds));
  }
  if (error.reason.empty()) error.reason = reason_of_status(status);
  if (error.message.empty()) {
    error.message = body.empty() ? "the server answered without a message" : shorten(body, 256);
  }
  return error;
}

}  // namespace storagepool::kube
