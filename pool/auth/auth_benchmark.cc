// What it costs to find out who sends a request: the modes of the API, and a PASETO token whose signature is
// verified each time beside the same token remembered.
#include <benchmark/benchmark.h>

#include <string>
#include <vector>

#include "pool/auth/auth.h"
#include "pool/auth/testing/mounted_folder.h"
#include "pool/auth/testing/paseto_issuer.h"

namespace storagepool::auth {
namespace {

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
  Authenticator authenticator({.mode = mode, .dir = folder.path()});
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

}  // namespace
}  // namespace storagepool::auth
