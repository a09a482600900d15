// The program's four HTTP servers, each on a port of its own: the API, health, the administration (for the
// operator) and metrics.
#pragma once

#include <array>
#include <cstdint>

#include <boost/asio/any_io_executor.hpp>

#include "pool/auth/auth.h"
#include "pool/common/http/router.h"
#include "pool/common/http/server.h"
#include "pool/service/config/options.h"
#include "pool/service/routes/admin.h"
#include "pool/service/service_metrics.h"

namespace storagepool::service {

class Servers {
 public:
  // What is referred to must outlive them.
  Servers(boost::asio::any_io_executor executor, const Options& options, ServiceMetrics& metrics,
          auth::Authenticator& authenticator, AdminContext admin);

  // Where routes are added before listen().
  http::Router& api_routes() { return api_routes_; }
  http::Router& health_routes() { return health_routes_; }
  http::Router& metrics_routes() { return metrics_routes_; }

  // False, and logged, when a port cannot be had.
  bool listen();

  http::Server& api() { return api_; }
  const http::Server& api() const { return api_; }
  std::array<http::Server*, 3> others() { return {&admin_, &metrics_, &health_}; }

 private:
  bool listen(http::Server& server, std::uint16_t port, const char* name, std::uint16_t& bound) const;

  const Options& options_;
  http::Router api_routes_;
  http::Router health_routes_;
  http::Router metrics_routes_;
  http::Server api_;
  http::Server health_;
  http::Server admin_;
  http::Server metrics_;
};

}  // namespace storagepool::service
