#include "pool/common/http/tls.h"

#include <algorithm>
#include <string_view>
#include <utility>

#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

namespace storagepool::http {
namespace {

using Bio = std::unique_ptr<BIO, decltype(&BIO_free)>;
using Certificate = std::unique_ptr<X509, decltype(&X509_free)>;
using Key = std::unique_ptr<EVP_PKEY, decltype(&EVP_PKEY_free)>;

constexpr std::string_view kSessions = "storagepool";  // sessions are resumed among our connections only

Bio reading(const std::string& text) {
  return {BIO_new_mem_buf(text.data(), static_cast<int>(text.size())), BIO_free};
}

// The reason of OpenSSL's latest error, and none is left behind.
std::string last_error() {
  const unsigned long code = ERR_peek_last_error();
  ERR_clear_error();
  const char* reason = ERR_reason_error_string(code);
  return reason != nullptr ? reason : "unknown reason";
}

tl::unexpected<std::string> failed(const std::string& what) {
  return tl::unexpected(what + ": " + last_error());
}

// A key with a pass phrase is refused, and nobody is asked on a terminal.
int no_pass_phrase(char*, int, int, void*) {
  return -1;
}

Certificate read_certificate(BIO* pem) {
  return {PEM_read_bio_X509(pem, nullptr, no_pass_phrase, nullptr), X509_free};
}

// Reading stopped because there was nothing more, not because of what there was.
bool at_end() {
  const bool end = ERR_GET_REASON(ERR_peek_last_error()) == PEM_R_NO_START_LINE;
  if (end) ERR_clear_error();
  return end;
}

tl::expected<void, std::string> use_certificates(SSL_CTX* context, const std::string& text) {
  const Bio pem = reading(text);
  const Certificate own = read_certificate(pem.get());
  if (!own) return failed("the certificate cannot be read");
  if (SSL_CTX_use_certificate(context, own.get()) != 1) return failed("the certificate cannot be used");
  while (Certificate between = read_certificate(pem.get())) {
    if (SSL_CTX_add0_chain_cert(context, between.get()) != 1) return failed("the chain cannot be used");
    static_cast<void>(between.release());  // the context's now
  }
  if (!at_end()) return failed("the certificates after the first cannot be read");
  return {};
}

tl::expected<void, std::string> use_key(SSL_CTX* context, const std::string& text) {
  const Bio pem = reading(text);
  const Key key(PEM_read_bio_PrivateKey(pem.get(), nullptr, no_pass_phrase, nullptr), EVP_PKEY_free);
  if (!key) return failed("the key cannot be read");
  if (SSL_CTX_use_PrivateKey(context, key.get()) != 1) return failed("the key is not the certificate's");
  return {};
}

tl::expected<void, std::string> ask_clients(SSL_CTX* context, const std::string& text) {
  const Bio pem = reading(text);
  std::size_t count = 0;
  while (const Certificate authority = read_certificate(pem.get())) {
    if (X509_STORE_add_cert(SSL_CTX_get_cert_store(context), authority.get()) != 1 ||
        SSL_CTX_add_client_CA(context, authority.get()) != 1)
      return failed("the clients' authority cannot be used");
    ++count;
  }
  if (count == 0 || !at_end()) return failed("the clients' authority cannot be read");
  SSL_CTX_set_verify(context, SSL_VERIFY_PEER, nullptr);
  return {};
}

std::string text_of(const ASN1_STRING* string) {
  unsigned char* utf8 = nullptr;
  const int size = ASN1_STRING_to_UTF8(&utf8, string);
  if (size < 0) return {};
  std::string text(reinterpret_cast<const char*>(utf8), static_cast<std::size_t>(size));
  OPENSSL_free(utf8);
  const bool printable = std::none_of(
      text.begin(), text.end(), [](char c) { return static_cast<unsigned char>(c) < ' ' || c == 0x7f; });
  return printable ? text : std::string();
}

std::string common_name(const X509* certificate) {
  const X509_NAME* subject = X509_get_subject_name(certificate);
  const int at = X509_NAME_get_index_by_NID(subject, NID_commonName, -1);
  if (at < 0) return {};
  return text_of(X509_NAME_ENTRY_get_data(X509_NAME_get_entry(subject, at)));
}

std::string alternative_name(const X509* certificate) {
  const std::unique_ptr<GENERAL_NAMES, decltype(&GENERAL_NAMES_free)> names(
      static_cast<GENERAL_NAMES*>(X509_get_ext_d2i(certificate, NID_subject_alt_name, nullptr, nullptr)),
      GENERAL_NAMES_free);
  for (const int wanted : {GEN_URI, GEN_DNS}) {
    for (int i = 0; names && i < sk_GENERAL_NAME_num(names.get()); ++i) {
      int type = 0;
      const void* value = GENERAL_NAME_get0_value(sk_GENERAL_NAME_value(names.get(), i), &type);
      if (type == wanted) return text_of(static_cast<const ASN1_STRING*>(value));
    }
  }
  return {};
}

}  // namespace

void TlsContext::Free::operator()(ssl_ctx_st* context) const {
  SSL_CTX_free(context);
}

tl::expected<std::shared_ptr<const TlsContext>, std::string> TlsContext::make(const TlsMaterial& material) {
  ERR_clear_error();
  std::unique_ptr<ssl_ctx_st, Free> context(SSL_CTX_new(TLS_server_method()));
  if (!context) return failed("no context for TLS");
  SSL_CTX_set_min_proto_version(context.get(), TLS1_2_VERSION);
  // Clients often end without a word, and what is cut off shows in the framing of HTTP.
  SSL_CTX_set_options(context.get(), SSL_OP_NO_RENEGOTIATION | SSL_OP_IGNORE_UNEXPECTED_EOF |
                                         SSL_OP_CIPHER_SERVER_PREFERENCE | SSL_OP_PRIORITIZE_CHACHA);
  SSL_CTX_set_mode(context.get(), SSL_MODE_RELEASE_BUFFERS | SSL_MODE_ENABLE_PARTIAL_WRITE |
                                      SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
  SSL_CTX_set_session_id_context(context.get(), reinterpret_cast<const unsigned char*>(kSessions.data()),
                                 static_cast<unsigned>(kSessions.size()));
  if (auto used = use_certificates(context.get(), material.certificate); !used)
    return tl::unexpected(std::move(used.error()));
  if (auto used = use_key(context.get(), material.key); !used) return tl::unexpected(std::move(used.error()));
  if (!material.client_ca.empty()) {
    if (auto used = ask_clients(context.get(), material.client_ca); !used)
      return tl::unexpected(std::move(used.error()));
  }
  return std::shared_ptr<const TlsContext>(new TlsContext(std::move(context)));
}

std::string peer_certificate_name(const ssl_st* connection) {
  const X509* certificate = SSL_get0_peer_certificate(connection);
  if (certificate == nullptr || SSL_get_verify_result(connection) != X509_V_OK) return {};
  std::string name = common_name(certificate);
  return name.empty() ? alternative_name(certificate) : name;
}

}  // namespace storagepool::http
