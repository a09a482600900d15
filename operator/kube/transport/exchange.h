// One HTTP exchange over cpprestsdk, blocking its caller, with a deadline, a stop token and a bounded body.
// Included only by the translation units that use cpprestsdk.
#pragma once

#include <chrono>
#include <cstddef>
#include <functional>
#include <stop_token>
#include <string>
#include <string_view>

#include <cpprest/http_client.h>
#include <tl/expected.hpp>

#include "operator/kube/transport/body_pipe.h"
#include "operator/kube/transport/error.h"

namespace storagepool::kube {

struct WholeResponse {
  ResponseHead head;
  std::string body;
};

// The whole answer, whatever its status.
tl::expected<WholeResponse, ApiError> exchange(web::http::client::http_client& client,
                                               const web::http::http_request& request,
                                               std::chrono::steady_clock::time_point deadline,
                                               std::size_t max_body_bytes, const std::stop_token& stop);

// A 2xx answer's body goes to `on_piece` (on this thread) until it returns false; any other answer comes back
// as in error_from_response. A value: the body ended, or `on_piece` ended it. `silence`: the longest wait for
// a piece.
tl::expected<void, ApiError> exchange_stream(web::http::client::http_client& client,
                                             const web::http::http_request& request,
                                             std::chrono::milliseconds silence,
                                             const std::function<bool(std::string_view)>& on_piece,
                                             const std::stop_token& stop);

}  // namespace storagepool::kube
