#include "operator/kube/transport/tls.h"

#include <memory>

#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>

namespace storagepool::kube {
namespace {

using Bio = std::unique_ptr<BIO, decltype(&BIO_free)>;
using Certificate = std::unique_ptr<X509, decltype(&X509_free)>;

tl::unexpected<std::string> refuse(const char* why) {
  ERR_clear_error();
  return tl::unexpected(std::string(why));
}

Bio reader(const std::string& pem) {
  return {BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size())), BIO_free};
}

// A key with a passphrase is an error, not a question on the terminal.
int no_passphrase(char*, int, int, void*) {
  return -1;
}

Certificate next_certificate(BIO* bio) {
  return {PEM_read_bio_X509(bio, nullptr, no_passphrase, nullptr), X509_free};
}

tl::expected<void, std::string> trust_only(SSL_CTX* context, const std::string& ca_pem) {
  std::unique_ptr<X509_STORE, decltype(&X509_STORE_free)> store(X509_STORE_new(), X509_STORE_free);
  const Bio bio = reader(ca_pem);
  int count = 0;
  while (const Certificate certificate = next_certificate(bio.get())) {
    if (X509_STORE_add_cert(store.get(), certificate.get()) != 1) {
      return refuse("certificate-authority: a certificate cannot be used");
    }
    ++count;
  }
  const unsigned long last = ERR_peek_last_error();
  const bool at_end = ERR_GET_LIB(last) == ERR_LIB_PEM && ERR_GET_REASON(last) == PEM_R_NO_START_LINE;
  if (!ca_pem.empty() && (!at_end || count == 0))
    return refuse("certificate-authority: not PEM certificates");
  ERR_clear_error();
  // An intermediate authority in the file is enough, as in Go's clients.
  X509_STORE_set_flags(store.get(), X509_V_FLAG_PARTIAL_CHAIN);
  SSL_CTX_set_cert_store(context, store.release());
  return {};
}

tl::expected<void, std::string> use_client_certificate(SSL_CTX* context, const ClientConfig& config) {
  const Bio chain = reader(config.client_certificate_pem);
  const Certificate leaf = next_certificate(chain.get());
  if (!leaf || SSL_CTX_use_certificate(context, leaf.get()) != 1) {
    return refuse("client-certificate: not a PEM certificate");
  }
  while (const Certificate intermediate = next_certificate(chain.get())) {
    if (SSL_CTX_add1_chain_cert(context, intermediate.get()) != 1) {
      return refuse("client-certificate: an intermediate certificate cannot be used");
    }
  }
  const Bio key_bio = reader(config.client_key_pem);
  const std::unique_ptr<EVP_PKEY, decltype(&EVP_PKEY_free)> key(
      PEM_read_bio_PrivateKey(key_bio.get(), nullptr, no_passphrase, nullptr), EVP_PKEY_free);
  if (!key) return refuse("client-key: not a PEM private key, or one with a passphrase");
  ERR_clear_error();
  if (SSL_CTX_use_PrivateKey(context, key.get()) != 1 || SSL_CTX_check_private_key(context) != 1) {
    return refuse("client-key: does not belong to the client-certificate");
  }
  return {};
}

}  // namespace

tl::expected<void, std::string> configure_tls(SSL_CTX* context, const ClientConfig& config) {
  ERR_clear_error();
  if (SSL_CTX_set_min_proto_version(context, TLS1_2_VERSION) != 1) return refuse("TLS 1.2 is not available");
  SSL_CTX_set_mode(context,
                   SSL_MODE_RELEASE_BUFFERS);  // most connections are watches, silent most of the time
  if (auto trusted = trust_only(context, config.ca_pem); !trusted) return trusted;
  if (!config.client_certificate_pem.empty()) return use_client_certificate(context, config);
  return {};
}

tl::expected<void, std::string> check_tls(const ClientConfig& config) {
  const std::unique_ptr<SSL_CTX, decltype(&SSL_CTX_free)> context(SSL_CTX_new(TLS_client_method()),
                                                                  SSL_CTX_free);
  if (!context) return refuse("TLS cannot be set up");
  return configure_tls(context.get(), config);
}

}  // namespace storagepool::kube
