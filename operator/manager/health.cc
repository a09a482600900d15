#include "operator/manager/health.h"

#include <string>

#include <nlohmann/json.hpp>

#include "pool/common/runtime/log.h"
#include "pool/common/runtime/loop/bounded_work.h"

namespace storagepool::manager {

http::Response liveness(runtime::TimePoint now) {
  const auto hung = runtime::hung_work(now);
  nlohmann::json body{{"status", hung.empty() ? "healthy" : "hung"}};
  for (const std::string& reason : hung) {
    log::error("work hangs, the operator is to be started anew", {{"detail", reason}});
    body["reasons"].push_back(reason);
  }
  http::Response response;
  response.status = hung.empty() ? 200 : 503;
  response.body = body.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
  return response;
}

}  // namespace storagepool::manager
