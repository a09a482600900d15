// Signs requests to the administration ports of pods: PASETO v4.public tokens (PASETO specification, version
// 4; RFC 8032) that are for one request to one pod. pool/auth/paseto/operator_requests.h, which checks them,
// names the claims. Pure but for the key; thread-safe.
#pragma once

#include <chrono>
#include <cstddef>
#include <map>
#include <memory>
#include <string>
#include <string_view>

#include <openssl/evp.h>

#include "pool/common/runtime/timestamp.h"

namespace storagepool::pods {

inline constexpr std::size_t kSeedBytes = 32;
// How long a token is valid. A pod's clock may differ by another minute.
inline constexpr std::chrono::seconds kTokenLife{30};
// How long one is sent again with the same request: it stays valid for as long as a pod takes to read it.
inline constexpr std::chrono::seconds kTokenReuse{20};

struct SignedRequest {
  std::string_view pod_uid;
  std::string_view method;  // "GET"
  std::string_view path;    // with its query, as in the request line
  std::string_view body;
};

class Signer {
 public:
  // The key pair that belongs to a seed (RFC 8032, section 5.1.5) of kSeedBytes bytes.
  explicit Signer(std::string_view seed);

  // As PASERK: "k4.public.…".
  std::string public_key() const;
  // "v4.public.…" of any message.
  std::string sign(std::string_view message, std::string_view footer = {},
                   std::string_view implicit_assertion = {}) const;
  // The token of a request that is sent now.
  std::string token(const SignedRequest& request, runtime::Timestamp now) const;

 private:
  struct Free {
    void operator()(EVP_PKEY* key) const { EVP_PKEY_free(key); }
  };
  std::unique_ptr<EVP_PKEY, Free> key_;
};

// The tokens of the requests without a body that one pod is sent again and again. A signature takes longer
// than all else of a request. Not thread-safe.
class RepeatedTokens {
 public:
  // `request.path` is one of a few.
  const std::string& token(const Signer& signer, const SignedRequest& request, runtime::Timestamp now);

 private:
  struct Signed {
    runtime::Timestamp at{};
    std::string token;
  };
  std::map<std::string, Signed, std::less<>> by_path_;
};

}  // namespace storagepool::pods
