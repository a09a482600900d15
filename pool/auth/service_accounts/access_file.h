// The mounted file that says whose Kubernetes service-account tokens admit (mode ServiceAccount): strict JSON
// (strict_json.h) with
//
//   issuer           who has issued the tokens, a text that is not empty
//   audiences        to whom they may be addressed, at least one
//   keys             the issuer's keys, a JWK set (jwk_set.h)
//   serviceAccounts  who may do what: a list of {namespace, name, scopes, workspaces}. The first that both
//                    globs match counts; whom none matches may do nothing. `scopes` and `workspaces` are
//                    lists as scopes.h says; without `workspaces` it is everywhere
//   namespaces       optional: the namespaces that exist. Tokens of others admit nobody
//
// Members that are not known are ignored. Anything else that is amiss makes the whole file unusable, but a
// key that cannot be used only itself.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <tl/expected.hpp>

#include "pool/auth/service_accounts/jwk_set.h"
#include "pool/auth/tokens/claims.h"
#include "pool/common/http/message/access.h"

namespace storagepool::auth {

inline constexpr std::size_t kMaxAccessFileBytes =
    std::size_t{512} * 1024;  // of a larger file nothing is taken

struct ServiceAccountRule {
  std::string name_space;  // a glob, as is
  std::string name;
  http::Access access;  // without a subject
};

struct AccessFile {
  Parties parties;
  JwkSet keys;
  std::vector<ServiceAccountRule> rules;
  std::optional<std::vector<std::string>> namespaces;
};

// The file, or the first thing that makes it unusable: which member, what is allowed.
tl::expected<AccessFile, std::string> parse_access_file(std::string_view text);

}  // namespace storagepool::auth
