#include "operator/render/auth.h"

#include <array>
#include <utility>

#include "operator/render/fields.h"

namespace storagepool::render {
namespace {

constexpr std::size_t kMaxServiceAccounts = 32;
constexpr std::size_t kMaxWorkspaces = 32;
constexpr std::array<std::string_view, 7> kScopes = {"read",      "write",  "admin", "hold",
                                                     "sensitive", "verify", "export"};

bool accepts_glob(std::string_view text, std::size_t longest, std::string_view also) {
  return made_of(text, longest,
                 [&](char c) { return is_lower(c) || is_digit(c) || also.find(c) != also.npos; });
}
bool accepts_namespace(std::string_view text) {
  return accepts_glob(text, 63, "-*?");
}
bool accepts_account(std::string_view text) {
  return accepts_glob(text, 253, "-.*?");
}
bool accepts_scope(std::string_view text) {
  return std::find(kScopes.begin(), kScopes.end(), text) != kScopes.end();
}
// `_system` is the system database, for which no glob stands.
bool accepts_place(std::string_view text) {
  return text == "_system" || accepts_glob(text, 40, "-*?");
}
bool accepts_party(std::string_view text) {
  return made_of(text, 1024, [](char c) { return c > ' ' && c < 0x7f; });
}

ServiceAccounts read_accounts(const Json& object, const Identity& pool, const std::string& path,
                              FieldProblems& problems) {
  Fields fields(object, path, problems);
  ServiceAccounts accounts{.name_space = pool.name_space, .name = "*", .scopes = {}, .workspaces = {}};
  if (fields.has("namespace")) {
    accounts.name_space =
        fields.text("namespace", accepts_namespace, "1 to 63 lower case letters, digits, -, * and ?");
  }
  if (fields.has("name")) {
    accounts.name =
        fields.text("name", accepts_account, "1 to 253 lower case letters, digits, -, ., * and ?");
  }
  accounts.scopes = fields.texts("scopes", kScopes.size(), accepts_scope,
                                 "read, write, admin, hold, sensitive, verify and export");
  if (fields.has("workspaces")) {
    accounts.workspaces = fields.texts(
        "workspaces", kMaxWorkspaces, accepts_place,
        "names of workspaces, globs of them (1 to 40 lower case letters, digits, -, * and ?) and "
        "_system");
  }
  return accounts;
}

void read_service_accounts(Fields& fields, const Identity& pool, Spec& spec, FieldProblems& problems) {
  const Json& list = fields.at("serviceAccounts");
  if (!list.is_array() || list.empty() || list.size() > kMaxServiceAccounts) {
    fields.refuse("serviceAccounts", list,
                  "a list of 1 to " + std::to_string(kMaxServiceAccounts) + " entries");
    return;
  }
  for (std::size_t i = 0; i < list.size(); ++i) {
    spec.service_accounts.push_back(
        read_accounts(list[i], pool, "spec.auth.serviceAccounts[" + std::to_string(i) + "]", problems));
  }
}

}  // namespace

void read_auth(const Json& object, const Identity& pool, Spec& spec, FieldProblems& problems) {
  Fields fields(object, "spec.auth", problems);
  spec.auth_mode = fields.word("mode", {"ServiceAccount", "None", "Token", "Paseto"});
  const bool reads_secret = spec.auth_mode == "Token" || spec.auth_mode == "Paseto";
  if (fields.has("secretRef")) {
    Fields secret(fields.at("secretRef"), "spec.auth.secretRef", problems);
    spec.auth_secret = secret.text("name", accepts_secret, kSecretNameAllowed);
    if (!reads_secret) fields.refuse("mode", spec.auth_mode, "with secretRef, Token or Paseto");
  } else if (reads_secret) {
    fields.refuse("secretRef", nullptr, "the name of a Secret, which mode " + spec.auth_mode + " needs");
  }
  if (fields.has("serviceAccounts")) {
    read_service_accounts(fields, pool, spec, problems);
    if (spec.auth_mode != "ServiceAccount")
      fields.refuse("mode", spec.auth_mode, "with serviceAccounts, ServiceAccount");
  } else if (spec.auth_mode == "ServiceAccount") {
    spec.service_accounts = {
        {.name_space = pool.name_space, .name = "*", .scopes = {"read", "write"}, .workspaces = {}}};
  }
  for (const auto& [key, party] :
       {std::pair{"issuer", &spec.auth_issuer}, {"audience", &spec.auth_audience}}) {
    if (!fields.has(key)) continue;
    *party = fields.text(key, accepts_party, "1 to 1024 visible ASCII characters");
    if (spec.auth_mode != "Paseto") fields.refuse("mode", spec.auth_mode, "with issuer or audience, Paseto");
  }
}

}  // namespace storagepool::render
