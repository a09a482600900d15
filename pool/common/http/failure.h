// What is answered, and said in our log, when handler or gate fail.
#pragma once

#include <exception>
#include <optional>
#include <string>

#include "pool/common/http/server.h"

namespace storagepool::http {

// What of a request its answer and our log need after the handler took the request.
struct Outline {
  std::string method;
  std::string path;
  std::string request_id;
  std::string trace_id = {};
};
Outline outline_of(const Request& request);

// Logs why there is no answer, never with the request's body or the answer, and returns the 500 to send
// instead. Null: there is an answer, but one whose header cannot be sent.
Response failed(const Outline& request, const std::exception_ptr& thrown);

// The gate's refusal, also when it fails; none when the request may go on.
std::optional<Response> pass_gate(const Gate& gate, Request& head);

}  // namespace storagepool::http
