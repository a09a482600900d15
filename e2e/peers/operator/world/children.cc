#include "e2e/peers/operator/world/children.h"

#include <stdexcept>

#include "operator/render/render.h"
#include "operator/render/token_issuer.h"
#include "pool/common/settings/settings.h"

namespace storagepool::peers {
namespace {

using kube::Json;

constexpr const char* kName = "the-name";
constexpr const char* kUid = "the-uid";
constexpr const char* kHost = "the-host";
constexpr std::int64_t kLimit = 4321;
constexpr std::int64_t kGeneration = 1234;
// As long as a real one.
constexpr const char* kOperatorKey = "k4.public.AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";

std::string get(kube::Transport& transport, const char* path) {
  auto body = transport.request({.path = path, .accept = "*/*"});
  if (!body) throw std::runtime_error(std::string(path) + ": " + body.error().to_string());
  return std::move(*body);
}

Json made_by_a_user(const std::string& name, const std::string& host, int pods, std::int64_t limit) {
  return {{"metadata", {{"name", name}, {"namespace", kNameSpace}}},
          {"spec",
           {{"replicas", pods},
            {"pool", {{"maxOpenConns", limit}}},
            {"postgres",
             {{"host", host}, {"database", "audit"}, {"credentialsSecretRef", {{"name", "creds"}}}}}}}};
}

}  // namespace

std::string name_of(int number) {
  return "p" + std::to_string(number);
}

std::string host_of(int number) {
  return "db" + std::to_string(number);
}

Json storage_pool(int number, int pods, std::int64_t limit) {
  return made_by_a_user(name_of(number), host_of(number), pods, limit);
}

Json children_of_ours(kube::Transport& transport) {
  const auto issuer = render::read_token_issuer(get(transport, "/.well-known/openid-configuration"),
                                                get(transport, "/openid/v1/jwks"), "");
  if (!issuer) throw std::runtime_error("the issuer of tokens: " + issuer.error());
  const auto spec = render::parse_spec(made_by_a_user(kName, kHost, 1, kLimit));
  if (!spec) throw std::runtime_error("a StoragePool: " + spec.error().front());
  const render::Identity pool{.name_space = kNameSpace, .name = kName, .uid = kUid};
  render::ConfigMapInput config;
  config.generation = kGeneration;
  config.settings = settings::resolve(spec->pool).value();
  config.ceiling = kLimit;
  config.postgres = spec->postgres;
  config.operator_key = kOperatorKey;
  config.access = render::access_text(pool, *spec, *issuer, {});
  render::StatefulSetInput pods;
  pods.replicas = 1;
  pods.peak_pods = 1;
  pods.default_image = "docker.io/storagepool/storagepool:" STORAGEPOOL_VERSION;
  return {{"children",
           {render::service_account(pool), render::config_map(pool, config), render::service(pool, *spec),
            render::pods_service(pool), render::stateful_set(pool, *spec, pods),
            render::pod_disruption_budget(pool, true)}},
          {"name", kName},
          {"uid", kUid},
          {"host", kHost},
          {"limit", kLimit},
          {"generation", kGeneration}};
}

}  // namespace storagepool::peers
