#include "pool/auth/tokens/scopes.h"

#include <algorithm>

#include "pool/auth/tokens/glob.h"

namespace storagepool::auth {
namespace {

constexpr std::size_t kMaxNameBytes = 40;  // of a workspace

}  // namespace

bool add_scope(http::Access& access, std::string_view scope) {
  if (scope == "read") return access.read = access.verify = access.take_all = true;
  if (scope == "write") return access.write = true;
  if (scope == "admin") return access.admin = true;
  if (scope == "hold") return access.hold = true;
  if (scope == "sensitive") return access.sensitive = true;
  if (scope == "verify") return access.verify = true;
  if (scope == "export") return access.take_all = true;
  return false;
}

bool is_place(std::string_view text) {
  if (text == kSystemPlace) return true;
  return !text.empty() && text.size() <= kMaxNameBytes &&
         text.find_first_not_of("abcdefghijklmnopqrstuvwxyz0123456789-*?") == std::string_view::npos;
}

bool may_go_to(const http::Access& access, std::string_view workspace) {
  if (!access.workspaces) return true;
  return std::any_of(access.workspaces->begin(), access.workspaces->end(), [&](const std::string& place) {
    return workspace.empty() ? place == kSystemPlace : matches_glob(place, workspace);
  });
}

}  // namespace storagepool::auth
