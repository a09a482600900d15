// The program's four HTTP servers, each on a port of its own: the API, health, the administration (for the
// operator) and metrics.
#pragma once

#include <array>
#include <cstdint>
#include <utility>
#include <vector>

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>

#include "pool/auth/auth.h"
#include "pool/common/http/router.h"
#include "pool/common/http/server.h"
#include "pool/service/access_log.h"
#include "pool/service/config/options.h"
#include "pool/service/routes/admin.h"
#include "pool/service/service_metrics.h"
#include "pool/service/tls_files.h"

namespace storagepool::service {

class Servers {
 public:
  // What is referred to must outlive them.
  // The API's connections are on `lanes`, if there are any (http::Server).
  Servers(boost::asio::any_io_executor executor, std::vector<boost::asio::any_io_executor> lanes,
          const Options& options, ServiceMetrics& metrics, auth::Authenticator& authenticator,
          const AdminContext& admin);

  // Where routes are added before listen().
  http::Router& api_routes() { return api_routes_; }
  http::Router& health_routes() { return health_routes_; }
  http::Router& metrics_routes() { return metrics_routes_; }

  // False, and logged, when a port cannot be had.
  bool listen();

  // The certificate of the API's port; not wanted() where that speaks clear text.
  const TlsFiles& tls() const { return tls_; }
  http::Server& api() { return api_; }
  HttpFigures figures() const;  // of the API
  std::array<http::Server*, 3> others() { return {&admin_, &metrics_, &health_}; }

 private:
  void follow_tls();
  static boost::asio::awaitable<void> watch_tls(Servers* self);
  bool listen(http::Server& server, std::uint16_t port, const char* name, std::uint16_t& bound) const;

  boost::asio::any_io_executor executor_;
  const Options& options_;
  TlsFiles tls_;
  http::Router api_routes_;
  AccessLog access_log_;
  http::Router health_routes_;
  http::Router metrics_routes_;
  http::Server api_;
  http::Server health_;
  http::Server admin_;
  http::Server metrics_;
};

}  // namespace storagepool::service
