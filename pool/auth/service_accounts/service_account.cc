#include "pool/auth/service_accounts/service_account.h"

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <utility>

#include "pool/auth/tokens/glob.h"
#include "pool/auth/tokens/strict_json.h"
#include "pool/common/runtime/files.h"

namespace storagepool::auth {
namespace {

using json::Json;
using std::chrono::steady_clock;

// A NumericDate up to the year 9999; false when the claim is there and is none.
bool read_numeric_date(const Json& claims, const char* name, std::optional<runtime::Timestamp>& time) {
  constexpr double kMicroseconds = 1e6;
  constexpr double kLastSecond = 253'402'300'799.0;
  if (!claims.contains(name)) return true;
  const Json& given = claims[name];
  if (!given.is_number()) return false;
  const double seconds = given.get<double>();
  if (seconds < 0 || seconds > kLastSecond) return false;
  time = runtime::Timestamp(std::chrono::microseconds(static_cast<std::int64_t>(seconds * kMicroseconds)));
  return true;
}

struct ServiceAccount {
  std::string name_space;
  std::string name;
  std::string subject;
};

std::optional<ServiceAccount> service_account_of(const Json& claims) {
  const Json& details = json::member(claims, "kubernetes.io");
  const Json& account = json::member(details, "serviceaccount");
  ServiceAccount sender{json::text_of(json::member(details, "namespace")),
                        json::text_of(json::member(account, "name")),
                        json::text_of(json::member(claims, "sub"))};
  if (sender.name_space.empty() || sender.name.empty() ||
      json::text_of(json::member(account, "uid")).empty() || sender.subject.size() > kMaxSubjectBytes ||
      sender.subject != "system:serviceaccount:" + sender.name_space + ":" + sender.name) {
    return std::nullopt;
  }
  return sender;
}

http::Access access_of(ServiceAccount sender, const std::vector<ServiceAccountRule>& rules) {
  const auto rule = std::find_if(rules.begin(), rules.end(), [&](const ServiceAccountRule& each) {
    return matches_glob(each.name_space, sender.name_space) && matches_glob(each.name, sender.name);
  });
  http::Access access = rule == rules.end() ? http::no_access() : rule->access;
  access.subject = std::move(sender.subject);
  return access;
}

}  // namespace

std::optional<Claims> genuine_claims(std::string_view token, const AccessFile& file) {
  const auto parsed = parse_jwt(token);
  if (!parsed) return std::nullopt;
  const Jwk* key = file.keys.find(*parsed);
  if (key == nullptr || !verify(*parsed, *key)) return std::nullopt;
  const auto given = parse_strict_json(parsed->payload);
  if (!given || !given->is_object() || !between(*given, file.parties)) return std::nullopt;
  Claims claims;
  std::optional<runtime::Timestamp> expires;
  if (!read_numeric_date(*given, "exp", expires) || !expires ||
      !read_numeric_date(*given, "nbf", claims.not_before) ||
      !read_numeric_date(*given, "iat", claims.issued)) {
    return std::nullopt;
  }
  claims.expires = *expires;
  auto sender = service_account_of(*given);
  if (!sender) return std::nullopt;
  const auto& exist = file.namespaces;
  if (exist && std::find(exist->begin(), exist->end(), sender->name_space) == exist->end())
    return std::nullopt;
  claims.access = access_of(std::move(*sender), file.rules);
  return claims;
}

ServiceAccountVerifier::ServiceAccountVerifier(const std::string& path, steady_clock::duration reread)
    : in_force_([this, path](InForce& in_force) { read(path, in_force); }, reread) {}

void ServiceAccountVerifier::read(const std::string& path, InForce& in_force) {
  in_force.problems.clear();
  const std::string stays = in_force.file ? "; what was read before stays in force" : "; nobody is admitted";
  auto text = runtime::read_file(path, kMaxAccessFileBytes);
  if (!text) {
    in_force.problems.push_back(text.error() + stays);
    return;
  }
  if (!in_force.file || *text != in_force.text) {
    auto file = parse_access_file(*text);
    if (!file) {
      in_force.problems.push_back(path + ": " + file.error() + stays);
      return;
    }
    in_force.file = std::move(*file);
    in_force.text = std::move(*text);
    verified_.forget_all();
  }
  for (const std::string& problem : in_force.file->keys.problems) {
    in_force.problems.push_back(path + ": keys: " + problem);
  }
}

tl::expected<http::Access, Refusal> ServiceAccountVerifier::admit(std::string_view token,
                                                                  steady_clock::time_point now,
                                                                  runtime::Timestamp wall) {
  const std::optional<AccessFile>& file = in_force_.at(now).file;
  if (!file || token.size() > kMaxJwtBytes) return tl::unexpected(Refusal::kInvalidToken);
  const TokenDigest digest = digest_of(token);
  if (const Claims* known = verified_.find(digest)) return access_at(*known, wall);
  const auto claims = genuine_claims(token, *file);
  if (!claims) return tl::unexpected(Refusal::kInvalidToken);
  verified_.remember(digest, *claims);
  return access_at(*claims, wall);
}

const std::vector<std::string>& ServiceAccountVerifier::problems(steady_clock::time_point now) {
  return in_force_.at(now).problems;
}

}  // namespace storagepool::auth
