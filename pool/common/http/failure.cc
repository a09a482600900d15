#include "pool/common/http/failure.h"

#include <typeinfo>

#include <boost/core/demangle.hpp>
#include <nlohmann/json.hpp>

#include "pool/common/http/message/problem.h"
#include "pool/common/http/message/response_head.h"
#include "pool/common/runtime/log.h"

namespace storagepool::http {
namespace {

void log_failure(const Request& request, const std::string& type, const std::string& what) {
  log::error("request handler failed", {{"method", request.method},
                                        {"path", request.path},
                                        {"requestId", request.request_id},
                                        {"traceId", request.trace_id},
                                        {"exception", type},
                                        {"error", what}});
}

void log_thrown(const Request& request, const std::exception_ptr& thrown) {
  try {
    std::rethrow_exception(thrown);
  } catch (const nlohmann::json::exception& error) {
    // Its text quotes the body.
    log_failure(request, "nlohmann::json::exception", "JSON error " + std::to_string(error.id));
  } catch (const std::exception& error) {
    log_failure(request, boost::core::demangle(typeid(error).name()), error.what());
  } catch (...) {
    log_failure(request, "unknown", "not a std::exception");
  }
}

}  // namespace

Response failed(const Request& request, const std::exception_ptr& thrown) {
  if (thrown) {
    log_thrown(request, thrown);
  } else {
    log_failure(request, "none", "the answer has a header that cannot be sent");
  }
  return problem(ProblemKind::kInternal,
                 "the request failed for a reason on our side; see our log for request " + request.request_id,
                 request.path);
}

std::optional<Response> pass_gate(const Gate& gate, Request& head) {
  if (!gate) return std::nullopt;
  try {
    auto refusal = gate(head);
    if (!refusal || sendable(*refusal)) return refusal;
  } catch (...) {
    return failed(head, std::current_exception());
  }
  return failed(head, nullptr);
}

}  // namespace storagepool::http
