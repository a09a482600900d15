#include "pool/http/bearer.h"

#include <algorithm>

#include <openssl/crypto.h>

#include "pool/http/fields.h"
#include "pool/http/problem.h"

namespace storagepool::http {
namespace {

constexpr std::string_view kScheme = "Bearer ";

Response unauthorized(const Request& request, std::string_view detail, std::string_view challenge) {
  Response response = problem(ProblemKind::kUnauthorized, detail, request.path);
  response.headers.emplace_back("WWW-Authenticate", challenge);
  return response;
}

bool same_token(std::string_view a, std::string_view b) {
  return a.size() == b.size() && CRYPTO_memcmp(a.data(), b.data(), a.size()) == 0;
}

}  // namespace

std::optional<Response> check_bearer(const Request& request, std::string_view expected_token) {
  const auto given = std::count_if(request.headers.begin(), request.headers.end(), [](const auto& field) {
    return equals_ignoring_case(field.first, "Authorization");
  });
  if (given == 0) return unauthorized(request, "Missing Authorization header", "Bearer");

  const std::string_view value = request.header("Authorization").value_or("");
  const std::string_view token =
      value.starts_with(kScheme) ? value.substr(kScheme.size()) : std::string_view();
  if (given > 1 || token.empty() || token.find_first_of(" \t") != std::string_view::npos) {
    return unauthorized(request, "Invalid Authorization header format", "Bearer error=\"invalid_request\"");
  }
  if (expected_token.empty() || !same_token(token, expected_token)) {
    return unauthorized(request, "Invalid or expired token", "Bearer error=\"invalid_token\"");
  }
  return std::nullopt;
}

}  // namespace storagepool::http
