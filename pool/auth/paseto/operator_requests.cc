#include "pool/auth/paseto/operator_requests.h"

#include <algorithm>
#include <array>
#include <stdexcept>
#include <string_view>
#include <utility>

#include <nlohmann/json.hpp>
#include <sodium.h>

#include "pool/common/encoding/sha256.h"
#include "pool/common/http/message/target.h"

namespace storagepool::auth {
namespace {

using std::chrono::steady_clock;

enum Claim : std::size_t { kAud, kMethod, kPath, kBody, kIat, kNbf, kExp, kClaims };
constexpr std::array<std::string_view, kClaims> kNames = {"aud", "method", "path", "body",
                                                          "iat", "nbf",    "exp"};

using RequestClaims = std::array<std::string, kClaims>;

// All of them and no others, each a text.
std::optional<RequestClaims> read_request_claims(const std::string& message) {
  // The parser would take a NUL byte for the end of its input.
  if (message.find('\0') != std::string::npos) return std::nullopt;
  const auto object = nlohmann::json::parse(message, nullptr, /*allow_exceptions=*/false);
  if (!object.is_object() || object.size() != kClaims) return std::nullopt;
  RequestClaims claims;
  for (std::size_t claim = 0; claim < kClaims; ++claim) {
    const auto found = object.find(kNames[claim]);
    if (found == object.end() || !found->is_string()) return std::nullopt;
    claims[claim] = found->get<std::string>();
  }
  return claims;
}

bool is_of_request(const RequestClaims& claims, const http::Request& request) {
  const auto target = http::parse_target(claims[kPath]);
  return claims[kMethod] == request.method && target && target->path == request.path &&
         target->query == request.query;
}

tl::expected<void, Refusal> check_times(const RequestClaims& claims, runtime::Timestamp now) {
  const auto issued = runtime::parse_timestamp(claims[kIat]);
  const auto not_before = runtime::parse_timestamp(claims[kNbf]);
  const auto expires = runtime::parse_timestamp(claims[kExp]);
  if (!issued || !not_before || !expires) return tl::unexpected(Refusal::kInvalidToken);
  if (*expires <= now - kMaxOperatorClockSkew) return tl::unexpected(Refusal::kExpiredToken);
  const runtime::Timestamp latest = now + kMaxOperatorClockSkew;
  if (*issued > latest || *not_before > latest) return tl::unexpected(Refusal::kInvalidToken);
  return {};
}

}  // namespace

OperatorRequests::OperatorRequests(std::string key_file, std::string pod_uid, steady_clock::duration reread)
    : key_file_(std::move(key_file)), pod_uid_(std::move(pod_uid)), reread_(reread) {
  if (sodium_init() < 0) throw std::runtime_error("libsodium cannot be initialised");
}

const PublicKeys& OperatorRequests::keys(steady_clock::time_point now) {
  if (!read_at_ || now - *read_at_ >= reread_) {
    keys_ = read_public_key_file(key_file_);
    read_at_ = now;
  }
  return keys_;
}

tl::expected<void, Refusal> OperatorRequests::check_head(const http::Request& request,
                                                         steady_clock::time_point now,
                                                         runtime::Timestamp wall) {
  const auto token = bearer_token(request);
  if (!token) return tl::unexpected(token.error());
  const auto parsed = parse_paseto(*token);
  if (!parsed || !parsed->footer.empty()) return tl::unexpected(Refusal::kInvalidToken);
  const std::vector<PublicKey>& trusted = keys(now).keys;
  const bool genuine =
      std::any_of(trusted.begin(), trusted.end(), [&](const PublicKey& key) { return verify(*parsed, key); });
  const auto claims = genuine ? read_request_claims(parsed->message) : std::nullopt;
  const bool is_ours = claims && !pod_uid_.empty() && (*claims)[kAud] == pod_uid_;
  if (!is_ours || !is_of_request(*claims, request)) return tl::unexpected(Refusal::kInvalidToken);
  return check_times(*claims, wall);
}

const std::vector<std::string>& OperatorRequests::problems(steady_clock::time_point now) {
  return keys(now).problems;
}

bool is_body_of_token(const http::Request& request) {
  const auto token = bearer_token(request);
  const auto parsed = token ? parse_paseto(*token) : std::nullopt;
  const auto claims = parsed ? read_request_claims(parsed->message) : std::nullopt;
  return claims && (*claims)[kBody] == encoding::sha256_hex(request.body);
}

}  // namespace storagepool::auth
