#include "pool/service/routes/place.h"

#include <utility>

#include "pool/auth/tokens/bearer.h"
#include "pool/auth/tokens/scopes.h"
#include "pool/service/routes/answers.h"
#include "pool/workspaces/name.h"

namespace storagepool::service {

std::string workspace_of(const http::Request& request) {
  const auto found = request.parameters.find("workspace");
  return found == request.parameters.end() ? std::string() : found->second;
}

std::optional<http::Response> refuse_workspace(const http::Request& request,
                                               const std::string& system_database) {
  const std::string name = workspace_of(request);
  if (name.empty()) return std::nullopt;
  const auto database = workspaces::workspace_database(system_database, name);
  if (database) return std::nullopt;
  return invalid({{"workspace", database.error()}}, request);
}

std::optional<http::Response> refuse_place(const http::Request& request, const std::string& system_database,
                                           bool allowed, std::string_view scope) {
  if (auto refusal = refuse_workspace(request, system_database)) return refusal;
  if (!allowed) return auth::forbidden(request, scope);
  const std::string workspace = workspace_of(request);
  if (!auth::may_go_to(request.access, workspace)) return auth::forbidden_place(request, workspace);
  return std::nullopt;
}

boost::asio::awaitable<http::Response> failed_there(recording::Destinations& destinations,
                                                    tables::StoreError error,
                                                    recording::Destination destination,
                                                    const http::Request& request,
                                                    recording::Destinations::Deadline deadline) {
  const auto explained = co_await destinations.explain(std::move(destination), error.kind, deadline);
  co_return explained ? failed(*explained, request) : failed(error, request);
}

}  // namespace storagepool::service
