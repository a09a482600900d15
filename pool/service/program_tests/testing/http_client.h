// A blocking HTTP/1.1 client for tests: one request per connection to loopback, sent exactly as given.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace storagepool::service::testing {

struct HttpResponse {
  unsigned status = 0;                         // 0 when no answer came
  std::map<std::string, std::string> headers;  // names in lower case
  std::string body;
};

using HttpHeaders = std::vector<std::pair<std::string, std::string>>;

// Waits at most 60 s. `Connection: close`, Host and, with a body, Content-Length are added.
HttpResponse http(std::uint16_t port, const std::string& method, const std::string& target,
                  const HttpHeaders& headers = {}, const std::string& body = {});

}  // namespace storagepool::service::testing
