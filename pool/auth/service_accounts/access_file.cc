#include "pool/auth/service_accounts/access_file.h"

#include <algorithm>
#include <stdexcept>
#include <utility>

#include "pool/auth/tokens/scopes.h"
#include "pool/auth/tokens/strict_json.h"

namespace storagepool::auth {
namespace {

using json::Json;

// Leaves the parsing functions below, never parse_access_file.
struct Unusable : std::runtime_error {
  using std::runtime_error::runtime_error;
};

std::string text_in(const Json& object, const std::string& name, const std::string& where) {
  std::string text = json::text_of(json::member(object, name));
  if (text.empty()) throw Unusable(where + name + " is no text that is not empty");
  return text;
}

std::vector<std::string> texts_in(const Json& object, const std::string& name, const std::string& where) {
  const Json& list = json::member(object, name);
  const bool texts = list.is_array() &&
                     std::all_of(list.begin(), list.end(), [](const Json& each) { return each.is_string(); });
  if (!texts) throw Unusable(where + name + " is no list of texts");
  return list.get<std::vector<std::string>>();
}

ServiceAccountRule rule_of(const Json& given, const std::string& where) {
  ServiceAccountRule rule{text_in(given, "namespace", where), text_in(given, "name", where),
                          http::no_access()};
  for (const std::string& scope : texts_in(given, "scopes", where)) {
    if (!add_scope(rule.access, scope))
      throw Unusable(where + "scopes holds another word than " + std::string(kScopes));
  }
  if (!given.contains("workspaces")) return rule;
  rule.access.workspaces = texts_in(given, "workspaces", where);
  if (!std::all_of(rule.access.workspaces->begin(), rule.access.workspaces->end(), is_place))
    throw Unusable(where + "workspaces holds what is neither a name, nor a glob of names, nor _system");
  return rule;
}

AccessFile read(const Json& given) {
  AccessFile file;
  file.parties = {text_in(given, "issuer", ""), texts_in(given, "audiences", "")};
  if (file.parties.audiences.empty()) throw Unusable("audiences is empty");
  file.keys = parse_jwk_set(json::member(given, "keys"));
  const Json& rules = json::member(given, "serviceAccounts");
  if (!rules.is_array()) throw Unusable("serviceAccounts is no list");
  for (const Json& rule : rules) {
    file.rules.push_back(rule_of(rule, "serviceAccounts[" + std::to_string(file.rules.size()) + "]."));
  }
  if (given.contains("namespaces")) file.namespaces = texts_in(given, "namespaces", "");
  return file;
}

}  // namespace

tl::expected<AccessFile, std::string> parse_access_file(std::string_view text) {
  const auto given = parse_strict_json(text);
  if (!given || !given->is_object()) {
    return tl::unexpected(std::string("is no JSON object, or can be read in two ways"));
  }
  try {
    return read(*given);
  } catch (const Unusable& unusable) {
    return tl::unexpected(std::string(unusable.what()));
  }
}

}  // namespace storagepool::auth
