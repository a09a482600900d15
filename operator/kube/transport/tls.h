// TLS as the Kubernetes API is spoken to: nobody but the configured certificate authority is trusted, TLS 1.2
// or newer, and the client's certificate if there is one. OpenSSL only, so that it is checked before any
// connection.
#pragma once

#include <string>

#include <openssl/types.h>
#include <tl/expected.hpp>

#include "operator/kube/transport/config.h"

namespace storagepool::kube {

// Replaces what the context trusts. The error names the field that is malformed; never its content.
tl::expected<void, std::string> configure_tls(SSL_CTX* context, const ClientConfig& config);

// The same on a context of its own: is the configuration usable?
tl::expected<void, std::string> check_tls(const ClientConfig& config);

}  // namespace storagepool::kube
