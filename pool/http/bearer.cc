#include "pool/http/bearer.h"

#include <algorithm>
#include <string>

#include "pool/http/fields.h"
#include "pool/http/problem.h"

namespace storagepool::http {
namespace {

constexpr std::string_view kScheme = "Bearer ";

Response challenge(const Request& request, ProblemKind kind, std::string_view detail, std::string value) {
  Response response = problem(kind, detail, request.path);
  response.headers.emplace_back("WWW-Authenticate", std::move(value));
  return response;
}

}  // namespace

std::string_view to_string(Refusal refusal) {
  switch (refusal) {
    case Refusal::kMissingHeader:
      return "missing";
    case Refusal::kMalformedHeader:
      return "malformed";
    case Refusal::kExpiredToken:
      return "expired";
    case Refusal::kForbidden:
      return "forbidden";
    case Refusal::kInvalidToken:
      break;
  }
  return "invalid";
}

tl::expected<std::string_view, Refusal> bearer_token(const Request& request) {
  const auto given = std::count_if(request.headers.begin(), request.headers.end(), [](const auto& field) {
    return equals_ignoring_case(field.first, "Authorization");
  });
  if (given == 0) return tl::unexpected(Refusal::kMissingHeader);
  const std::string_view value = request.header("Authorization").value_or("");
  const std::string_view token =
      value.starts_with(kScheme) ? value.substr(kScheme.size()) : std::string_view();
  if (given > 1 || token.empty() || token.find_first_of(" \t") != std::string_view::npos) {
    return tl::unexpected(Refusal::kMalformedHeader);
  }
  return token;
}

Response refused(const Request& request, Refusal refusal) {
  switch (refusal) {
    case Refusal::kMissingHeader:
      return challenge(request, ProblemKind::kUnauthorized, "Missing Authorization header", "Bearer");
    case Refusal::kMalformedHeader:
      return challenge(request, ProblemKind::kUnauthorized, "Invalid Authorization header format",
                       "Bearer error=\"invalid_request\"");
    case Refusal::kForbidden:
      return forbidden(request, "read");
    case Refusal::kInvalidToken:
    case Refusal::kExpiredToken:
      break;
  }
  return challenge(request, ProblemKind::kUnauthorized, "Invalid or expired token",
                   "Bearer error=\"invalid_token\"");
}

Response forbidden(const Request& request, std::string_view scope) {
  const std::string name(scope);
  return challenge(request, ProblemKind::kForbidden,
                   "the token lacks the scope \"" + name + "\", which this request needs",
                   "Bearer error=\"insufficient_scope\", scope=\"" + name + "\"");
}

}  // namespace storagepool::http
