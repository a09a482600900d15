#include "pool/auth/service_accounts/jwk_set.h"

#include <algorithm>
#include <array>
#include <cstdint>
#include <optional>
#include <utility>

#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/ecdsa.h>
#include <openssl/err.h>
#include <openssl/param_build.h>
#include <openssl/rsa.h>
#include <tl/expected.hpp>

#include "pool/common/encoding/encoding.h"

namespace storagepool::auth {
namespace {

using json::Json;
using Key = std::shared_ptr<EVP_PKEY>;
using Made = tl::expected<Key, std::string>;

constexpr std::size_t kCoordinateBytes = 32;  // of P-256, and of each half of a signature
constexpr std::size_t kMaxExponentBytes = 8;

template <auto Free>
struct Deleter {
  template <typename T>
  void operator()(T* object) const {
    Free(object);
  }
};
using Number = std::unique_ptr<BIGNUM, Deleter<BN_free>>;
using ParamBuilder = std::unique_ptr<OSSL_PARAM_BLD, Deleter<OSSL_PARAM_BLD_free>>;
using Params = std::unique_ptr<OSSL_PARAM, Deleter<OSSL_PARAM_free>>;
using KeyContext = std::unique_ptr<EVP_PKEY_CTX, Deleter<EVP_PKEY_CTX_free>>;
using DigestContext = std::unique_ptr<EVP_MD_CTX, Deleter<EVP_MD_CTX_free>>;
using EcdsaSignature = std::unique_ptr<ECDSA_SIG, Deleter<ECDSA_SIG_free>>;

const unsigned char* bytes_of(std::string_view text) {
  return reinterpret_cast<const unsigned char*>(text.data());
}

Number number_of(std::string_view bytes) {
  return Number(BN_bin2bn(bytes_of(bytes), static_cast<int>(bytes.size()), nullptr));
}

std::optional<std::string> bytes_in(const Json& jwk, const char* name) {
  auto bytes = encoding::decode_base64url(json::text_of(json::member(jwk, name)));
  if (!bytes || bytes->empty()) return std::nullopt;
  return std::move(*bytes);
}

// A key of these parameters that OpenSSL finds sound; else null.
Key key_from(const char* type, OSSL_PARAM_BLD* builder) {
  const Params params(OSSL_PARAM_BLD_to_param(builder));
  const KeyContext maker(EVP_PKEY_CTX_new_from_name(nullptr, type, nullptr));
  EVP_PKEY* made = nullptr;
  if (!params || !maker || EVP_PKEY_fromdata_init(maker.get()) != 1 ||
      EVP_PKEY_fromdata(maker.get(), &made, EVP_PKEY_PUBLIC_KEY, params.get()) != 1) {
    return nullptr;
  }
  Key key(made, EVP_PKEY_free);
  const KeyContext checker(EVP_PKEY_CTX_new_from_pkey(nullptr, key.get(), nullptr));
  if (!checker || EVP_PKEY_public_check(checker.get()) != 1) return nullptr;
  return key;
}

Made rsa_key(const Json& jwk) {
  const auto modulus = bytes_in(jwk, "n");
  const auto exponent = bytes_in(jwk, "e");
  if (!modulus || !exponent || exponent->size() > kMaxExponentBytes)
    return tl::unexpected(std::string("has no modulus and exponent"));
  const Number n = number_of(*modulus);
  const Number e = number_of(*exponent);
  const int bits = BN_num_bits(n.get());
  if (bits < kMinRsaBits || bits > kMaxRsaBits) {
    return tl::unexpected("has " + std::to_string(bits) + " bits; allowed: " + std::to_string(kMinRsaBits) +
                          " to " + std::to_string(kMaxRsaBits));
  }
  if (BN_is_odd(e.get()) != 1 || BN_is_one(e.get()) == 1)
    return tl::unexpected(std::string("has no sound exponent"));
  const ParamBuilder builder(OSSL_PARAM_BLD_new());
  if (!builder || OSSL_PARAM_BLD_push_BN(builder.get(), OSSL_PKEY_PARAM_RSA_N, n.get()) != 1 ||
      OSSL_PARAM_BLD_push_BN(builder.get(), OSSL_PKEY_PARAM_RSA_E, e.get()) != 1) {
    return nullptr;
  }
  return key_from("RSA", builder.get());
}

Made ec_key(const Json& jwk) {
  const auto x = bytes_in(jwk, "x");
  const auto y = bytes_in(jwk, "y");
  if (json::text_of(json::member(jwk, "crv")) != "P-256")
    return tl::unexpected(std::string("is on no P-256 curve"));
  if (!x || !y || x->size() != kCoordinateBytes || y->size() != kCoordinateBytes)
    return tl::unexpected(std::string("has no point of two times 32 bytes"));
  const std::string point = "\x04" + *x + *y;  // uncompressed
  const ParamBuilder builder(OSSL_PARAM_BLD_new());
  if (!builder ||
      OSSL_PARAM_BLD_push_utf8_string(builder.get(), OSSL_PKEY_PARAM_GROUP_NAME, "prime256v1", 0) != 1 ||
      OSSL_PARAM_BLD_push_octet_string(builder.get(), OSSL_PKEY_PARAM_PUB_KEY, point.data(), point.size()) !=
          1) {
    return nullptr;
  }
  return key_from("EC", builder.get());
}

// Whether the key is meant to verify signatures of this algorithm.
bool is_for(const Json& jwk, std::string_view algorithm) {
  const Json& operations = json::member(jwk, "key_ops");
  const bool uses = !jwk.contains("use") || json::text_of(jwk["use"]) == "sig";
  const bool operates = !jwk.contains("key_ops") ||
                        (operations.is_array() &&
                         std::find(operations.begin(), operations.end(), "verify") != operations.end());
  return uses && operates && (!jwk.contains("alg") || json::text_of(jwk["alg"]) == algorithm);
}

tl::expected<Jwk, std::string> parse_jwk(const Json& jwk) {
  const std::string type = json::text_of(json::member(jwk, "kty"));
  const bool rsa = type == "RSA";
  if (!rsa && type != "EC") return tl::unexpected(std::string("is neither RSA nor EC"));
  Jwk parsed;
  parsed.key_id = json::text_of(json::member(jwk, "kid"));
  if (parsed.key_id.empty()) return tl::unexpected(std::string("has no kid"));
  if (!is_for(jwk, rsa ? "RS256" : "ES256"))
    return tl::unexpected(std::string("is not for signatures of RS256 or ES256"));
  if (jwk.contains("d")) return tl::unexpected(std::string("is a private key, which must not be here"));
  parsed.algorithm = rsa ? JwtAlgorithm::kRs256 : JwtAlgorithm::kEs256;
  auto key = rsa ? rsa_key(jwk) : ec_key(jwk);
  ERR_clear_error();
  if (!key) return tl::unexpected(std::move(key.error()));
  if (*key == nullptr) return tl::unexpected(std::string("is not sound"));
  parsed.key = std::move(*key);
  return parsed;
}

// r and s as JWS writes them (RFC 7518, section 3.4), in the form that OpenSSL takes; empty when they are
// none.
std::string der_signature(std::string_view signature) {
  if (signature.size() != 2 * kCoordinateBytes) return {};
  const EcdsaSignature both(ECDSA_SIG_new());
  Number r = number_of(signature.substr(0, kCoordinateBytes));
  Number s = number_of(signature.substr(kCoordinateBytes));
  if (!both || !r || !s || ECDSA_SIG_set0(both.get(), r.get(), s.get()) != 1) return {};
  static_cast<void>(r.release());
  static_cast<void>(s.release());
  const int size = i2d_ECDSA_SIG(both.get(), nullptr);
  std::string der(size > 0 ? static_cast<std::size_t>(size) : 0, '\0');
  auto* out = reinterpret_cast<unsigned char*>(der.data());
  if (size <= 0 || i2d_ECDSA_SIG(both.get(), &out) != size) return {};
  return der;
}

}  // namespace

const Jwk* JwkSet::find(const Jwt& token) const {
  const auto found = std::find_if(keys.begin(), keys.end(), [&](const Jwk& key) {
    return key.key_id == token.key_id && key.algorithm == token.algorithm;
  });
  return found == keys.end() ? nullptr : &*found;
}

JwkSet parse_jwk_set(const Json& set) {
  JwkSet parsed;
  const Json& keys = json::member(set, "keys");
  if (!keys.is_array()) return {{}, {"there is no list of keys"}};
  std::size_t number = 0;
  for (const Json& jwk : keys) {
    const std::string where = "key " + std::to_string(++number) + " ";
    auto key = parse_jwk(jwk);
    if (!key) {
      parsed.problems.push_back(where + key.error());
    } else if (parsed.keys.size() == kMaxJwks) {
      parsed.problems.push_back(where + "is one too many: at most " + std::to_string(kMaxJwks) + " are used");
    } else {
      parsed.keys.push_back(std::move(*key));
    }
  }
  if (parsed.keys.empty() && parsed.problems.empty())
    parsed.problems.emplace_back("the list of keys is empty");
  return parsed;
}

bool verify(const Jwt& token, const Jwk& key) {
  if (token.algorithm != key.algorithm) return false;
  const std::string signature =
      key.algorithm == JwtAlgorithm::kEs256 ? der_signature(token.signature) : token.signature;
  const DigestContext context(EVP_MD_CTX_new());
  // The padding of RSA is that of PKCS #1 v1.5 where none is chosen.
  const bool holds =
      context && EVP_DigestVerifyInit(context.get(), nullptr, EVP_sha256(), nullptr, key.key.get()) == 1 &&
      EVP_DigestVerify(context.get(), bytes_of(signature), signature.size(), bytes_of(token.signed_text),
                       token.signed_text.size()) == 1;
  if (!holds) ERR_clear_error();
  return holds;
}

}  // namespace storagepool::auth
