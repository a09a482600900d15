// What it costs to find out who sends a request: the modes of the API, and PASETO and service-account tokens
// whose signature is verified each time beside the same token remembered.
#include <benchmark/benchmark.h>

#include <string>
#include <vector>

#include "pool/auth/auth.h"
#include "pool/auth/testing/jwt_issuer.h"
#include "pool/auth/testing/mounted_folder.h"
#include "pool/auth/testing/paseto_issuer.h"

namespace storagepool::auth {
namespace {

using testing::JwtIssuer;
using testing::MountedFolder;
using testing::PasetoIssuer;
using Files = MountedFolder::Files;

constexpr const char* kToken = "a-token-of-a-common-length-0123456789abcdef";

std::string paseto_token(const PasetoIssuer& issuer) {
  const std::string exp = runtime::format_timestamp(current_time().wall + std::chrono::hours(24));
  return issuer.token(R"({"sub":"audit-client","scope":"read write","exp":")" + exp + "\"}");
}

http::Request request_with(const std::string& token) {
  http::Request request;
  request.headers = {{"Host", "localhost"}, {"Content-Type", "application/json"}};
  request.headers.emplace_back("Authorization", "Bearer " + token);
  return request;
}

void authenticate(benchmark::State& state, AuthMode mode, const MountedFolder& folder,
                  const std::string& token) {
  Authenticator authenticator(
      {.mode = mode, .dir = folder.path(), .access_file = folder.path("access.json")});
  const http::Request request = request_with(token);
  if (!authenticator.authenticate(request, current_time())) {
    state.SkipWithError("the token is not admitted");
    return;
  }
  for (auto _ : state) {
    benchmark::DoNotOptimize(authenticator.authenticate(request, current_time()));
  }
}

void BM_None(benchmark::State& state) {
  authenticate(state, AuthMode::kNone, MountedFolder(Files{}), kToken);
}
BENCHMARK(BM_None);

void BM_Token(benchmark::State& state) {
  authenticate(state, AuthMode::kToken, MountedFolder(Files{{"token", kToken}}), kToken);
}
BENCHMARK(BM_Token);

void BM_PasetoRemembered(benchmark::State& state) {
  const PasetoIssuer issuer(1);
  authenticate(state, AuthMode::kPaseto, MountedFolder(Files{{"issuer.pub", issuer.public_key()}}),
               paseto_token(issuer));
}
BENCHMARK(BM_PasetoRemembered);

// The token is signed with the last of `keys` keys.
void BM_PasetoVerified(benchmark::State& state) {
  std::vector<PublicKey> keys;
  for (std::int64_t i = 1; i <= state.range(0); ++i) {
    keys.push_back(*parse_public_key(PasetoIssuer(static_cast<std::uint8_t>(i)).public_key()));
  }
  const std::string token = paseto_token(PasetoIssuer(static_cast<std::uint8_t>(state.range(0))));
  for (auto _ : state) {
    benchmark::DoNotOptimize(genuine_claims(token, keys));
  }
}
BENCHMARK(BM_PasetoVerified)->ArgName("keys")->Arg(1)->Arg(2)->Arg(16);

// A hostile client's: well-formed, but signed by nobody.
void BM_PasetoRefused(benchmark::State& state) {
  const std::vector<PublicKey> keys = {*parse_public_key(PasetoIssuer(1).public_key())};
  const std::string token = paseto_token(PasetoIssuer(2));
  for (auto _ : state) {
    benchmark::DoNotOptimize(genuine_claims(token, keys));
  }
}
BENCHMARK(BM_PasetoRefused);

// A token as the API server mounts it, and the file that admits it.
struct ServiceAccountCase {
  explicit ServiceAccountCase(JwtIssuer::Kind kind)
      : issuer(kind, "a-key-id-of-a-common-length-0123456789abcdef") {}

  std::string token() const {
    const auto now =
        std::chrono::duration_cast<std::chrono::seconds>(current_time().wall.time_since_epoch()).count();
    return issuer.token(
        {{"aud", {kIssuer}},
         {"exp", now + 3607},
         {"iat", now},
         {"iss", kIssuer},
         {"jti", "3b9e4f6c-0d8a-4f38-9a0b-7c54d1e7a5f1"},
         {"kubernetes.io",
          {{"namespace", "storage"},
           {"node", {{"name", "n1"}, {"uid", "6d1f0d8c-7c8f-4a34-8e8e-2f1b4b6f8a11"}}},
           {"pod", {{"name", "client-0"}, {"uid", "0a2c3d4e-7c8f-4a34-8e8e-2f1b4b6f8a11"}}},
           {"serviceaccount", {{"name", "client"}, {"uid", "c3a14b5c-7c8f-4a34-8e8e-2f1b4b6f8a11"}}},
           {"warnafter", now + 3607}}},
         {"nbf", now},
         {"sub", "system:serviceaccount:storage:client"}});
  }
  std::string access_file() const {
    return nlohmann::json{
        {"issuer", kIssuer},
        {"audiences", {kIssuer}},
        {"keys", {{"keys", nlohmann::json::array({issuer.jwk()})}}},
        {"serviceAccounts", {{{"namespace", "storage"}, {"name", "*"}, {"scopes", {"read", "write"}}}}}}
        .dump();
  }

  static constexpr const char* kIssuer = "https://kubernetes.default.svc.cluster.local";
  JwtIssuer issuer;
};

void BM_ServiceAccountRemembered(benchmark::State& state) {
  const ServiceAccountCase given(JwtIssuer::Kind::kRsa);
  authenticate(state, AuthMode::kServiceAccount, MountedFolder(Files{{"access.json", given.access_file()}}),
               given.token());
}
BENCHMARK(BM_ServiceAccountRemembered);

void verify_each_time(benchmark::State& state, JwtIssuer::Kind kind) {
  const ServiceAccountCase given(kind);
  const AccessFile file = parse_access_file(given.access_file()).value();
  const std::string token = given.token();
  if (!genuine_claims(token, file)) {
    state.SkipWithError("the token is not genuine");
    return;
  }
  for (auto _ : state) {
    benchmark::DoNotOptimize(genuine_claims(token, file));
  }
}

void BM_ServiceAccountVerifiedRs256(benchmark::State& state) {
  verify_each_time(state, JwtIssuer::Kind::kRsa);
}
BENCHMARK(BM_ServiceAccountVerifiedRs256);

void BM_ServiceAccountVerifiedEs256(benchmark::State& state) {
  verify_each_time(state, JwtIssuer::Kind::kEc);
}
BENCHMARK(BM_ServiceAccountVerifiedEs256);

}  // namespace
}  // namespace storagepool::auth
