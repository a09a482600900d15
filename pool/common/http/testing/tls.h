// Certificates made on the spot, and a blocking client that speaks TLS, for tests.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include <openssl/ssl.h>

#include "pool/common/http/tls.h"

namespace storagepool::http::testing {

// As PEM.
struct Pair {
  std::string certificate;
  std::string key;
};

struct Subject {
  std::string common_name;
  std::string alternative_names;  // as in OpenSSL's configuration: "URI:spiffe://a/b,DNS:c"
  int expires_in_days = 1;        // less than 0: it has expired
};

// A certificate authority.
class Authority {
 public:
  Authority();
  ~Authority();
  Authority(const Authority&) = delete;
  Authority& operator=(const Authority&) = delete;

  std::string certificate() const;
  Pair issue(const Subject& subject) const;
  // A pair for a server on loopback.
  TlsMaterial server(const std::string& client_ca = {}) const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

struct ClientOptions {
  int version = 0;      // TLS1_2_VERSION and so on: this one alone; 0: any
  Pair own;             // none when empty
  std::string trusted;  // the server's authority; not verified when empty
};

class TlsClient {
 public:
  // Connects; connected() tells how that ended.
  TlsClient(std::uint16_t port, const ClientOptions& options = {});
  ~TlsClient();
  TlsClient(const TlsClient&) = delete;
  TlsClient& operator=(const TlsClient&) = delete;

  bool connected() const { return connected_; }
  std::string version() const { return SSL_get_version(ssl_); }
  bool send(std::string_view bytes);
  // Status line, fields and body (by its Content-Length) of the next answer; empty: the connection has ended.
  std::string read();
  // The server has said that nothing more comes, and then nothing came.
  bool ended_properly();

 private:
  int fd_ = -1;
  SSL_CTX* context_ = nullptr;
  SSL* ssl_ = nullptr;
  bool connected_ = false;
};

}  // namespace storagepool::http::testing
