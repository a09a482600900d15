#include "pool/service/routes/workspaces.h"

#include <charconv>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

#include "pool/auth/tokens/bearer.h"
#include "pool/auth/tokens/scopes.h"
#include "pool/event/text.h"
#include "pool/service/routes/answers.h"
#include "pool/workspaces/name.h"

namespace storagepool::service {
namespace {

using boost::asio::awaitable;
using http::Request;
using http::Response;

constexpr const char* kName = "1 to 40 of a-z, 0-9 and -, with no - at either end";

tl::expected<std::int64_t, event::FieldErrors> read_limit(const Request& request) {
  const auto given = request.query_value("limit");
  if (!given) return kDefaultLimit;
  std::int64_t limit = 0;
  const auto [end, error] = std::from_chars(given->data(), given->data() + given->size(), limit);
  if (error == std::errc{} && end == given->data() + given->size() && limit >= 1 && limit <= kMaxLimit) {
    return limit;
  }
  return tl::unexpected(
      event::FieldErrors{{"limit", "got " + event::quoted(*given) + "; allowed: an integer from 1 to " +
                                       std::to_string(kMaxLimit)}});
}

// Refuses what is no name, who is not allowed, for want of the scope, and who may not do it there.
std::optional<Response> refuse_name(const Request& request, const std::string& name, bool allowed,
                                    std::string_view scope) {
  if (!workspaces::is_workspace_name(name)) {
    return invalid({{"workspace", "got " + event::quoted(name) + "; allowed: " + kName}}, request);
  }
  if (!allowed) return auth::forbidden(request, scope);
  if (!auth::may_go_to(request.access, name)) return auth::forbidden_place(request, name);
  return std::nullopt;
}

struct WorkspaceRoutes {
  WorkspaceContext context;

  awaitable<Response> list(Request& request) const {
    const auto limit = read_limit(request);
    if (!limit) co_return invalid(limit.error(), request);
    std::string after(request.query_value("after").value_or(""));
    if (!after.empty() && !workspaces::is_workspace_name(after)) {
      co_return invalid({{"after", "got " + event::quoted(after) + "; allowed: the name of a workspace"}},
                        request);
    }
    if (!request.access.read) co_return auth::forbidden(request, "read");
    if (context.away()) co_return postgres_away(request);
    const auto found = co_await context.workspaces.list(*limit, std::move(after), context.deadline(),
                                                        request.access.workspaces);
    if (!found) co_return failed(found.error(), request);
    co_return json(200, to_json(*found));
  }

  awaitable<Response> get(Request& request) const {
    const std::string name = request.parameters["workspace"];
    if (auto refusal = refuse_name(request, name, request.access.read, "read")) co_return std::move(*refusal);
    if (context.away()) co_return postgres_away(request);
    const auto found = co_await context.workspaces.get(name, context.deadline());
    if (!found) co_return failed(found.error(), request);
    co_return json(200, to_json(*found));
  }

  awaitable<Response> create(Request& request) const {
    const std::string name = request.parameters["workspace"];
    const bool allowed = request.access.write || request.access.admin;
    if (auto refusal = refuse_name(request, name, allowed, "write")) co_return std::move(*refusal);
    if (context.away()) co_return postgres_away(request);
    const auto made = co_await context.workspaces.create(name, context.deadline());
    if (!made) co_return failed(made.error(), request);
    co_return json(made->created ? 201 : 200, to_json(made->workspace));
  }

  awaitable<Response> remove(Request& request) const {
    const std::string name = request.parameters["workspace"];
    if (auto refusal = refuse_name(request, name, request.access.admin, "admin"))
      co_return std::move(*refusal);
    if (context.away()) co_return postgres_away(request);
    const auto removal = co_await context.workspaces.remove(name, context.deadline());
    if (!removal) co_return failed(removal.error(), request);
    if (*removal == workspaces::Removal::kGone) co_return json(204, {});
    co_return json(202, deleting_json(name));
  }
};

}  // namespace

void add_workspace_routes(http::Router& router, WorkspaceContext context) {
  const auto routes = std::make_shared<const WorkspaceRoutes>(WorkspaceRoutes{std::move(context)});
  constexpr const char* kAll = "/api/v1/workspaces";
  constexpr const char* kOne = "/api/v1/workspaces/{workspace}";
  router.add("GET", kAll, [routes](Request& request) { return routes->list(request); });
  router.add("GET", kOne, [routes](Request& request) { return routes->get(request); });
  router.add("PUT", kOne, [routes](Request& request) { return routes->create(request); });
  router.add("DELETE", kOne, [routes](Request& request) { return routes->remove(request); });
}

}  // namespace storagepool::service
