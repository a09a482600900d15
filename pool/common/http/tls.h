// TLS of a server: certificate and key as PEM, protocol versions, who among the clients is asked for a
// certificate of its own; and what of a verified one is told to handlers.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include <tl/expected.hpp>

struct ssl_st;
struct ssl_ctx_st;

namespace storagepool::http {

struct TlsMaterial {
  std::string certificate;  // PEM: the server's, then those between it and its authority
  std::string key;          // PEM, without a pass phrase
  std::string client_ca;    // PEM; empty: no client is asked for a certificate

  bool operator==(const TlsMaterial&) const = default;
};

// What connections are made with. It does not change: another pair is another TlsContext, and connections
// stay with the one they began with.
class TlsContext {
 public:
  // TLS 1.2 or newer. A client may have a certificate if there is a `client_ca`; one that this does not
  // verify (or that has expired) fails the handshake. Why not, when the material is not usable: never with
  // the key.
  static tl::expected<std::shared_ptr<const TlsContext>, std::string> make(const TlsMaterial& material);

  ssl_ctx_st* native() const { return context_.get(); }

 private:
  struct Free {
    void operator()(ssl_ctx_st* context) const;
  };
  explicit TlsContext(std::unique_ptr<ssl_ctx_st, Free> context) : context_(std::move(context)) {}

  std::unique_ptr<ssl_ctx_st, Free> context_;
};

// Of a connection after its handshake: the subject's common name of the certificate that the client has
// proved to own, else its first URI or DNS name. Empty: it has none, or none that is text.
std::string peer_certificate_name(const ssl_st* connection);

}  // namespace storagepool::http
