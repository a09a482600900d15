// One request and its answer, for whoever keeps account of them.
#pragma once

#include <chrono>
#include <cstddef>
#include <string>
#include <utility>
#include <vector>

#include "pool/common/http/message/message.h"

namespace storagepool::http {

struct Exchange {
  std::string method;
  std::string path;
  std::vector<std::pair<std::string, std::string>> query;
  std::string client;      // see Request
  std::string request_id;  // never empty
  std::string trace_id;
  std::string subject;        // who sent it, as far as its token says
  std::size_t bytes_in = 0;   // of the body, as it was sent
  std::size_t bytes_out = 0;  // of the answer's body
  unsigned status = 0;
  std::chrono::steady_clock::duration duration{};  // from its first bytes until its answer was sent
};

// What is known when the request has been read.
Exchange exchange_of(const Request& request);

// The value of Server-Timing, e.g. "total;dur=12.345" (in milliseconds, as the W3C has it).
std::string server_timing(std::chrono::steady_clock::duration total);

}  // namespace storagepool::http
