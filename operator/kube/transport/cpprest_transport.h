// The Transport over cpprestsdk: HTTP/1.1 with keep-alive, TLS 1.2 or newer, only the configuration's CA
// trusted (never the system's), client certificate or bearer token, no redirects, bounded bodies.
#pragma once

#include <memory>
#include <string>

#include <tl/expected.hpp>

#include "operator/kube/transport/config.h"
#include "operator/kube/transport/transport.h"
#include "pool/common/runtime/metrics/metrics.h"

namespace storagepool::kube {

// Gives cpprestsdk its process-wide pool of (two) threads instead of its usual forty. Call once, first in
// main.
void initialize_http_threads();

// Checks certificates and keys now; does not connect. The error names the field at fault. `metrics`, which
// outlives it: where requests are counted, under client-go's name.
tl::expected<std::unique_ptr<Transport>, std::string> make_transport(const ClientConfig& config,
                                                                     runtime::Metrics* metrics = nullptr);

}  // namespace storagepool::kube
