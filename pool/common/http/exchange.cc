#include "pool/common/http/exchange.h"

#include <string_view>

namespace storagepool::http {
namespace {

constexpr std::int64_t kMicrosecondsEach = 1000;

}  // namespace

Exchange exchange_of(const Request& request) {
  Exchange exchange;
  exchange.method = request.method;
  exchange.path = request.path;
  exchange.query = request.query;
  exchange.client = request.client;
  exchange.request_id = request.request_id;
  exchange.trace_id = request.trace_id;
  exchange.subject = request.access.subject;
  exchange.bytes_in = request.body.size();
  return exchange;
}

std::string server_timing(std::chrono::steady_clock::duration total) {
  const auto microseconds = std::chrono::duration_cast<std::chrono::microseconds>(total).count();
  const std::string fraction = std::to_string(kMicrosecondsEach + microseconds % kMicrosecondsEach);
  return "total;dur=" + std::to_string(microseconds / kMicrosecondsEach) + "." + fraction.substr(1);
}

}  // namespace storagepool::http
