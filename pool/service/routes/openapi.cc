#include "pool/service/routes/openapi.h"

namespace storagepool::service {
namespace {

boost::asio::awaitable<http::Response> serve(http::Request&) {
  http::Response response;
  response.content_type = "application/yaml";  // RFC 9512
  response.body = openapi_document();
  co_return response;
}

}  // namespace

void add_openapi_route(http::Router& router) {
  router.add("GET", "/openapi.yaml", serve);
}

}  // namespace storagepool::service
