#include "operator/kube/tls.h"

#include <memory>

#include <gtest/gtest.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>

namespace storagepool::kube {
namespace {

std::string text_of(BIO* bio) {
  char* data = nullptr;
  const long size = BIO_get_mem_data(bio, &data);
  return {data, static_cast<std::size_t>(size)};
}

// A self-signed certificate and its key, as PEM.
struct Identity {
  std::string certificate;
  std::string key;
};

Identity make_identity(const char* passphrase = nullptr) {
  const std::unique_ptr<EVP_PKEY, decltype(&EVP_PKEY_free)> key(EVP_EC_gen("P-256"), EVP_PKEY_free);
  const std::unique_ptr<X509, decltype(&X509_free)> certificate(X509_new(), X509_free);
  X509_gmtime_adj(X509_getm_notBefore(certificate.get()), 0);
  X509_gmtime_adj(X509_getm_notAfter(certificate.get()), 3600);
  X509_set_pubkey(certificate.get(), key.get());
  X509_NAME_add_entry_by_txt(X509_get_subject_name(certificate.get()), "CN", MBSTRING_ASC,
                             reinterpret_cast<const unsigned char*>("test"), -1, -1, 0);
  X509_set_issuer_name(certificate.get(), X509_get_subject_name(certificate.get()));
  X509_sign(certificate.get(), key.get(), EVP_sha256());
  const std::unique_ptr<BIO, decltype(&BIO_free)> one(BIO_new(BIO_s_mem()), BIO_free);
  const std::unique_ptr<BIO, decltype(&BIO_free)> two(BIO_new(BIO_s_mem()), BIO_free);
  PEM_write_bio_X509(one.get(), certificate.get());
  PEM_write_bio_PrivateKey(two.get(), key.get(), passphrase ? EVP_aes_128_cbc() : nullptr, nullptr, 0,
                           nullptr, const_cast<char*>(passphrase));
  return {text_of(one.get()), text_of(two.get())};
}

std::string verdict_on(const ClientConfig& config) {
  const auto usable = check_tls(config);
  return usable ? "usable" : usable.error();
}

TEST(TlsTest, TakesOneOrMoreAuthoritiesAndAClientCertificate) {
  const Identity one = make_identity();
  const Identity two = make_identity();
  EXPECT_EQ(verdict_on({.server = "https://h", .ca_pem = one.certificate}), "usable");
  EXPECT_EQ(verdict_on({.server = "https://h", .ca_pem = "# comment\n" + one.certificate + two.certificate}),
            "usable");
  EXPECT_EQ(verdict_on({.server = "https://h",
                        .ca_pem = one.certificate,
                        .client_certificate_pem = two.certificate + one.certificate,
                        .client_key_pem = two.key}),
            "usable");
}

TEST(TlsTest, ErrorsNameTheField) {
  const Identity one = make_identity();
  const Identity two = make_identity();
  EXPECT_EQ(verdict_on({.server = "https://h", .ca_pem = "text"}),
            "certificate-authority: not PEM certificates");
  std::string damaged = one.certificate;
  damaged.replace(damaged.size() / 2, 8, "????????");
  EXPECT_EQ(verdict_on({.server = "https://h", .ca_pem = one.certificate + damaged}),
            "certificate-authority: not PEM certificates");
  const auto with_client = [&](const std::string& certificate, const std::string& key) {
    return verdict_on({.server = "https://h",
                       .ca_pem = one.certificate,
                       .client_certificate_pem = certificate,
                       .client_key_pem = key});
  };
  EXPECT_EQ(with_client("text", one.key), "client-certificate: not a PEM certificate");
  EXPECT_EQ(with_client(one.certificate, "text"),
            "client-key: not a PEM private key, or one with a passphrase");
  EXPECT_EQ(with_client(one.certificate, make_identity("secret").key),
            "client-key: not a PEM private key, or one with a passphrase");
  EXPECT_EQ(with_client(one.certificate, two.key), "client-key: does not belong to the client-certificate");
}

}  // namespace
}  // namespace storagepool::kube
