#include "pool/common/http/testing/tls.h"

#include <array>
#include <csignal>
#include <cstdlib>
#include <stdexcept>

#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <openssl/pem.h>
#include <openssl/x509v3.h>

namespace storagepool::http::testing {
namespace {

using Key = std::unique_ptr<EVP_PKEY, decltype(&EVP_PKEY_free)>;
using Certificate = std::unique_ptr<X509, decltype(&X509_free)>;
using Bio = std::unique_ptr<BIO, decltype(&BIO_free)>;

constexpr long kDay = 86'400;

Key make_key() {
  return {EVP_EC_gen("P-256"), EVP_PKEY_free};
}

template <typename Write>
std::string pem(Write write) {
  const Bio out(BIO_new(BIO_s_mem()), BIO_free);
  write(out.get());
  char* data = nullptr;
  const long size = BIO_get_mem_data(out.get(), &data);
  return {data, static_cast<std::size_t>(size)};
}

std::string to_pem(X509* certificate) {
  return pem([&](BIO* out) { PEM_write_bio_X509(out, certificate); });
}
std::string to_pem(EVP_PKEY* key) {
  return pem([&](BIO* out) { PEM_write_bio_PrivateKey(out, key, nullptr, nullptr, 0, nullptr, nullptr); });
}

void extend(X509* certificate, int what, const std::string& value) {
  X509V3_CTX context;
  X509V3_set_ctx_nodb(&context);
  X509V3_set_ctx(&context, certificate, certificate, nullptr, nullptr, 0);
  X509_EXTENSION* extension = X509V3_EXT_conf_nid(nullptr, &context, what, value.c_str());
  if (extension == nullptr) throw std::runtime_error("no extension " + value);
  X509_add_ext(certificate, extension, -1);
  X509_EXTENSION_free(extension);
}

Certificate begin(EVP_PKEY* key, const Subject& subject) {
  static long serial = 1;
  Certificate certificate(X509_new(), X509_free);
  X509_set_version(certificate.get(), X509_VERSION_3);
  ASN1_INTEGER_set(X509_get_serialNumber(certificate.get()), ++serial);
  X509_gmtime_adj(X509_getm_notBefore(certificate.get()), -30 * kDay);
  X509_gmtime_adj(X509_getm_notAfter(certificate.get()), subject.expires_in_days * kDay);
  X509_set_pubkey(certificate.get(), key);
  X509_NAME* name = X509_get_subject_name(certificate.get());
  if (!subject.common_name.empty()) {
    X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_UTF8,
                               reinterpret_cast<const unsigned char*>(subject.common_name.c_str()), -1, -1,
                               0);
  }
  return certificate;
}

}  // namespace

struct Authority::State {
  Key key = make_key();
  Certificate certificate = begin(key.get(), {.common_name = "authority", .alternative_names = {}});
};

Authority::Authority() : state_(std::make_unique<State>()) {
  X509* own = state_->certificate.get();
  X509_set_issuer_name(own, X509_get_subject_name(own));
  extend(own, NID_basic_constraints, "critical,CA:TRUE");
  X509_sign(own, state_->key.get(), EVP_sha256());
}
Authority::~Authority() = default;

std::string Authority::certificate() const {
  return to_pem(state_->certificate.get());
}

Pair Authority::issue(const Subject& subject) const {
  const Key key = make_key();
  const Certificate made = begin(key.get(), subject);
  X509_set_issuer_name(made.get(), X509_get_subject_name(state_->certificate.get()));
  if (!subject.alternative_names.empty()) extend(made.get(), NID_subject_alt_name, subject.alternative_names);
  X509_sign(made.get(), state_->key.get(), EVP_sha256());
  return {to_pem(made.get()), to_pem(key.get())};
}

TlsMaterial Authority::server(const std::string& client_ca) const {
  const Pair pair = issue({.common_name = "loopback", .alternative_names = "IP:127.0.0.1"});
  return {.certificate = pair.certificate + certificate(), .key = pair.key, .client_ca = client_ca};
}

TlsClient::TlsClient(std::uint16_t port, const ClientOptions& options)
    : fd_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)), context_(SSL_CTX_new(TLS_client_method())) {
  std::signal(SIGPIPE, SIG_IGN);  // OpenSSL writes to a socket that the server may have closed
  const timeval patience{60, 0};
  ::setsockopt(fd_, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  SSL_CTX_set_security_level(context_, 0);  // else TLS 1.1 would be refused on this side
  if (options.version != 0) {
    SSL_CTX_set_min_proto_version(context_, options.version);
    SSL_CTX_set_max_proto_version(context_, options.version);
  } else {
    SSL_CTX_set_min_proto_version(context_, TLS1_VERSION);
  }
  const auto certificate_of = [](const std::string& text) {
    const Bio in(BIO_new_mem_buf(text.data(), static_cast<int>(text.size())), BIO_free);
    return Certificate(PEM_read_bio_X509(in.get(), nullptr, nullptr, nullptr), X509_free);
  };
  if (!options.own.certificate.empty()) {
    const Bio in(BIO_new_mem_buf(options.own.key.data(), static_cast<int>(options.own.key.size())), BIO_free);
    const Key key(PEM_read_bio_PrivateKey(in.get(), nullptr, nullptr, nullptr), EVP_PKEY_free);
    SSL_CTX_use_certificate(context_, certificate_of(options.own.certificate).get());
    SSL_CTX_use_PrivateKey(context_, key.get());
  }
  if (!options.trusted.empty()) {
    X509_STORE_add_cert(SSL_CTX_get_cert_store(context_), certificate_of(options.trusted).get());
    SSL_CTX_set_verify(context_, SSL_VERIFY_PEER, nullptr);
  }
  ssl_ = SSL_new(context_);
  SSL_set_fd(ssl_, fd_);
  connected_ = ::connect(fd_, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0 &&
               SSL_connect(ssl_) == 1;
}

TlsClient::~TlsClient() {
  SSL_free(ssl_);
  SSL_CTX_free(context_);
  ::close(fd_);
}

bool TlsClient::send(std::string_view bytes) {
  return connected_ && SSL_write(ssl_, bytes.data(), static_cast<int>(bytes.size())) > 0;
}

std::string TlsClient::read() {
  std::string text;
  std::array<char, 16384> buffer{};
  std::size_t wanted = std::string::npos;
  while (text.size() < wanted) {
    const int got = SSL_read(ssl_, buffer.data(), static_cast<int>(buffer.size()));
    if (got <= 0) return {};
    text.append(buffer.data(), static_cast<std::size_t>(got));
    const std::size_t head = text.find("\r\n\r\n");
    const std::size_t length = text.find("Content-Length: ");
    if (head == std::string::npos) continue;
    const std::size_t body = length < head ? std::strtoul(text.c_str() + length + 16, nullptr, 10) : 0;
    wanted = head + 4 + body;
  }
  return text;
}

bool TlsClient::ended_properly() {
  char byte = 0;
  const int got = SSL_read(ssl_, &byte, 1);
  return SSL_get_error(ssl_, got) == SSL_ERROR_ZERO_RETURN;
}

}  // namespace storagepool::http::testing
