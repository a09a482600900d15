#include "pool/auth/tokens/bearer.h"

#include <algorithm>
#include <string>

#include "pool/common/http/message/fields.h"
#include "pool/common/http/message/problem.h"

namespace storagepool::auth {
namespace {

constexpr std::string_view kScheme = "Bearer ";

http::Response challenge(const http::Request& request, http::ProblemKind kind, std::string_view detail,
                         std::string value) {
  http::Response response = http::problem(kind, detail, request.path);
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

tl::expected<std::string_view, Refusal> bearer_token(const http::Request& request) {
  const auto given = std::count_if(request.headers.begin(), request.headers.end(), [](const auto& field) {
    return http::equals_ignoring_case(field.first, "Authorization");
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

http::Response refused(const http::Request& request, Refusal refusal) {
  switch (refusal) {
    case Refusal::kMissingHeader:
      return challenge(request, http::ProblemKind::kUnauthorized, "Missing Authorization header", "Bearer");
    case Refusal::kMalformedHeader:
      return challenge(request, http::ProblemKind::kUnauthorized, "Invalid Authorization header format",
                       "Bearer error=\"invalid_request\"");
    case Refusal::kForbidden:
      return forbidden(request, "read");
    case Refusal::kInvalidToken:
    case Refusal::kExpiredToken:
      break;
  }
  return challenge(request, http::ProblemKind::kUnauthorized, "Invalid or expired token",
                   "Bearer error=\"invalid_token\"");
}

http::Response forbidden(const http::Request& request, std::string_view scope) {
  const std::string name(scope);
  const std::string lacking = request.access.known
                                  ? "the token lacks the scope \"" + name + "\", which this request needs"
                                  : "this request needs the scope \"" + name +
                                        "\", which nobody has while nobody is told apart (auth.mode None)";
  return challenge(request, http::ProblemKind::kForbidden, lacking,
                   "Bearer error=\"insufficient_scope\", scope=\"" + name + "\"");
}

http::Response forbidden_place(const http::Request& request, std::string_view workspace) {
  const std::string place =
      workspace.empty() ? "the system database" : "the workspace " + std::string(workspace);
  return challenge(request, http::ProblemKind::kForbidden, "the token is not for " + place,
                   "Bearer error=\"insufficient_scope\"");
}

}  // namespace storagepool::auth
