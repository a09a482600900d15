#include "pool/auth/auth.h"

#include <algorithm>
#include <memory>
#include <utility>

#include "pool/auth/tokens/scopes.h"
#include "pool/common/runtime/clock.h"

namespace storagepool::auth {
namespace {

using boost::asio::awaitable;

constexpr unsigned kForbiddenStatus = 403;

// The authority that signed it says who may come in; what its holder may do besides, a token says.
http::Access of_certificate(const std::string& name) {
  http::Access access = http::no_access();
  add_scope(access, "read");
  add_scope(access, "write");
  access.subject = "certificate:" + name;  // no token's
  return access;
}

struct Guard {
  Authenticator& authenticator;
  std::vector<AdminPath> admin_paths;
  OnRefused on_refused;

  std::optional<http::Response> operator()(http::Request& request) const {
    const auto admin = std::find_if(admin_paths.begin(), admin_paths.end(),
                                    [&](const AdminPath& each) { return each.path == request.path; });
    const bool is_admin = admin != admin_paths.end();
    auto access = is_admin ? authenticator.check_reader(request, current_time())
                           : authenticator.authenticate(request, current_time());
    if (!access) {
      on_refused(access.error());
      request.access = http::no_access();
      return is_admin ? admin->refuse(request, access.error()) : refused(request, access.error());
    }
    request.access = std::move(*access);
    return std::nullopt;
  }
};

struct Routes {
  http::Handler handler;
  OnRefused on_refused;

  awaitable<http::Response> serve(http::Request& request) const {
    http::Response response = co_await handler(request);
    if (response.status == kForbiddenStatus) on_refused(Refusal::kForbidden);
    co_return response;
  }
};

}  // namespace

std::optional<AuthMode> parse_auth_mode(std::string_view name) {
  for (const AuthMode mode : kAuthModes) {
    if (to_string(mode) == name) return mode;
  }
  return std::nullopt;
}

std::string_view to_string(AuthMode mode) {
  switch (mode) {
    case AuthMode::kToken:
      return "Token";
    case AuthMode::kPaseto:
      return "Paseto";
    case AuthMode::kServiceAccount:
      return "ServiceAccount";
    case AuthMode::kNone:
      break;
  }
  return "None";
}

Now current_time() {
  return {runtime::steady_now(), runtime::wall_now()};
}

Authenticator::Authenticator(AuthOptions options)
    : options_(std::move(options)),
      readers_(options_.dir + "/read", options_.reread),
      writers_(options_.dir + "/write", options_.reread),
      both_(options_.dir + "/token", options_.reread),
      named_(TokenFile::named(options_.dir + "/tokens", options_.reread)),
      paseto_(options_.dir, options_.parties, options_.reread),
      service_accounts_(options_.access_file, options_.reread) {}

tl::expected<http::Access, Refusal> Authenticator::admit_token(std::string_view token, Now now) {
  const TokenDigest digest = digest_of(token);
  if (auto named = named_.find(digest, now.steady)) return std::move(*named);
  const bool both = both_.holds(digest, now.steady);
  http::Access access = http::no_access();
  if (readers_.holds(digest, now.steady) || both) add_scope(access, "read");
  if (writers_.holds(digest, now.steady) || both) add_scope(access, "write");
  if (!access.read && !access.write) return tl::unexpected(Refusal::kInvalidToken);
  return access;
}

tl::expected<http::Access, Refusal> Authenticator::authenticate(const http::Request& request, Now now) {
  if (options_.mode == AuthMode::kNone) return http::Access{};
  if (!request.peer_certificate.empty() && !request.header("Authorization"))
    return of_certificate(request.peer_certificate);
  const auto token = bearer_token(request);
  if (!token) return tl::unexpected(token.error());
  const std::lock_guard lock(mutex_);
  if (options_.mode == AuthMode::kPaseto) return paseto_.admit(*token, now.steady, now.wall);
  if (options_.mode == AuthMode::kServiceAccount)
    return service_accounts_.admit(*token, now.steady, now.wall);
  return admit_token(*token, now);
}

tl::expected<http::Access, Refusal> Authenticator::check_reader(const http::Request& request, Now now) {
  if (options_.mode == AuthMode::kNone) {
    const auto token = bearer_token(request);
    return tl::unexpected(token ? Refusal::kInvalidToken : token.error());
  }
  auto access = authenticate(request, now);
  if (!access) return access;
  access->figures = (access->read || access->admin) && !access->workspaces;
  if (!access->figures) return tl::unexpected(Refusal::kForbidden);
  return access;
}

http::Gate authenticated(Authenticator& authenticator, std::vector<AdminPath> admin_paths,
                         OnRefused on_refused) {
  return Guard{authenticator, std::move(admin_paths), std::move(on_refused)};
}

http::Handler telling_of_forbidden(http::Handler routes, OnRefused on_refused) {
  const auto told = std::make_shared<const Routes>(Routes{std::move(routes), std::move(on_refused)});
  return [told](http::Request& request) { return told->serve(request); };
}

std::vector<std::string> Authenticator::status(Now now) {
  const std::lock_guard lock(mutex_);
  std::vector<std::string> found;
  const auto add = [&](const std::vector<std::string>& more) {
    found.insert(found.end(), more.begin(), more.end());
  };
  if (options_.mode == AuthMode::kPaseto) add(paseto_.problems(now.steady));
  if (options_.mode == AuthMode::kServiceAccount) add(service_accounts_.problems(now.steady));
  if (options_.mode != AuthMode::kToken) return found;
  std::size_t tokens = 0;
  for (TokenFile* file : {&readers_, &writers_, &both_, &named_}) {
    if (file->exists()) add(file->problems(now.steady));
    tokens += file->size(now.steady);
  }
  if (tokens == 0) {
    found.push_back("no token admits anybody: " + options_.dir +
                    " holds none in its files read, write, token and tokens");
  }
  return found;
}

}  // namespace storagepool::auth
