// service_bare: the HTTP server of `datastorage` with its limits, which answers every POST 201 and stores
// nothing. What it answers in a second is the most that anything behind that server can. Run by
// e2e/peers/service/bench.
#include <malloc.h>

#include <exception>
#include <string>
#include <utility>

#include <boost/asio/awaitable.hpp>
#include <boost/asio/io_context.hpp>

#include "pool/common/http/router.h"
#include "pool/common/http/server.h"
#include "pool/common/runtime/descriptors.h"
#include "pool/common/runtime/log.h"
#include "pool/common/runtime/loop/stop_signal.h"

namespace storagepool {
namespace {

// As long as that of `datastorage` to one event.
constexpr const char* kAnswer =
    R"({"event_id":"019a5b60-0000-7000-8000-000000000000","event_timestamp":"2026-11-21T12:00:00Z",)"
    R"("message":"Audit event created successfully"})";

boost::asio::awaitable<http::Response> created(http::Request&) {
  http::Response response;
  response.status = 201;
  response.body = kAnswer;
  co_return response;
}

int serve() {
  boost::asio::io_context loop(1);
  http::Router routes;
  for (const char* path : {"/api/v1/audit/events", "/api/v1/audit/events/batch"})
    routes.add("POST", path, created);
  http::Server server(loop.get_executor(), {}, routes.handler());
  runtime::StopSignal stop(loop.get_executor(), [&](int) { loop.stop(); });
  const auto port = server.listen("127.0.0.1", 0);
  if (!port) {
    log::error("cannot listen", {{"detail", port.error()}});
    return 1;
  }
  log::info("listening", {{"apiPort", *port}});
  loop.run();
  return 0;
}

}  // namespace
}  // namespace storagepool

int main() {
  mallopt(M_ARENA_MAX, 1);  // as `datastorage`
  storagepool::runtime::use_all_descriptors();
  try {
    return storagepool::serve();
  } catch (const std::exception& error) {
    storagepool::log::error("unexpected failure", {{"detail", error.what()}});
    return 1;
  }
}
