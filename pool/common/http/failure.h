// What is answered, and said in our log, when handler or gate fail.
#pragma once

#include <exception>
#include <optional>

#include "pool/common/http/server.h"

namespace storagepool::http {

// Logs why there is no answer, never with the request's body or the answer, and returns the 500 to send
// instead. Null: there is an answer, but one whose header cannot be sent.
Response failed(const Request& request, const std::exception_ptr& thrown);

// The gate's refusal, also when it fails; none when the request may go on.
std::optional<Response> pass_gate(const Gate& gate, Request& head);

}  // namespace storagepool::http
