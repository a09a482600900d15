// Signs requests to the administration port as the operator does, with a key that is thrown away, for tests.
#pragma once

#include <chrono>
#include <string>
#include <string_view>
#include <utility>

#include <nlohmann/json.hpp>

#include "pool/auth/testing/paseto_issuer.h"
#include "pool/common/encoding/sha256.h"
#include "pool/common/runtime/timestamp.h"

namespace storagepool::auth::testing {

class OperatorSigner {
 public:
  explicit OperatorSigner(std::string pod_uid, std::uint8_t number = 7)
      : pod_uid_(std::move(pod_uid)), issuer_(number) {}

  std::string public_key() const { return issuer_.public_key(); }
  const PasetoIssuer& issuer() const { return issuer_; }

  nlohmann::json claims(std::string_view method, std::string_view path, std::string_view body,
                        runtime::Timestamp now) const {
    return {{"aud", pod_uid_},
            {"method", method},
            {"path", path},
            {"body", encoding::sha256_hex(body)},
            {"iat", runtime::format_timestamp(now)},
            {"nbf", runtime::format_timestamp(now)},
            {"exp", runtime::format_timestamp(now + std::chrono::seconds{30})}};
  }
  // The value of the header Authorization.
  std::string authorization(std::string_view method, std::string_view path,
                            std::string_view body = {}) const {
    const auto now = std::chrono::floor<std::chrono::microseconds>(std::chrono::system_clock::now());
    return "Bearer " + issuer_.token(claims(method, path, body, now).dump());
  }

 private:
  std::string pod_uid_;
  PasetoIssuer issuer_;
};

}  // namespace storagepool::auth::testing
