// The certificate and key of the API port as they are mounted (a Secret as cert-manager writes it: tls.crt
// with its chain, tls.key), and the authority of clients' certificates. What is mounted and cannot be used
// never takes the place of what is in force.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "pool/common/http/tls.h"

namespace storagepool::service {

class TlsFiles {
 public:
  // The folder of the pair, and the authority's file; without a folder (empty) there is no TLS, without a
  // file no client is asked for a certificate.
  TlsFiles(std::string dir, std::string client_ca_file)
      : dir_(std::move(dir)), client_ca_file_(std::move(client_ca_file)) {}

  bool wanted() const { return !dir_.empty(); }
  // Reads the files: what takes the place of what was in force; null when nothing does.
  std::shared_ptr<const http::TlsContext> look();
  // Something has been in force since the start.
  bool serves() const { return in_force_; }
  // Why what is mounted is not in force; empty: it is.
  const std::string& refusal() const { return refusal_; }

 private:
  std::optional<http::TlsMaterial> read();

  std::string dir_;
  std::string client_ca_file_;
  http::TlsMaterial seen_;
  std::string refusal_;
  bool in_force_ = false;
};

}  // namespace storagepool::service
