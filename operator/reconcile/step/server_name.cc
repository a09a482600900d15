#include "operator/reconcile/step/server_name.h"

#include <string_view>

namespace storagepool::reconcile {

std::string qualified_server(const std::string& target, const std::string& name_space) {
  const std::string server = target.substr(0, target.find('/'));
  const std::size_t colon = server.rfind(':');
  if (colon == std::string::npos) return server;
  std::string host = server.substr(0, colon);
  for (const std::string_view suffix : {".cluster.local", ".svc"}) {
    if (host.ends_with(suffix)) host.resize(host.size() - suffix.size());
  }
  if (host.find_first_of(".:") == std::string::npos) host += "." + name_space;
  return host + server.substr(colon);
}

std::string server_name(const settings::PostgresTarget& target, const render::Identity& identity) {
  return qualified_server(settings::server_of(target), identity.name_space);
}

}  // namespace storagepool::reconcile
