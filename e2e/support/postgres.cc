#include "e2e/support/postgres.h"

#include <fstream>
#include <sstream>
#include <stdexcept>
#include <utility>

#include "e2e/support/kubectl.h"
#include "e2e/support/objects.h"
#include "e2e/support/poll.h"

namespace storagepool::e2e {
namespace {

constexpr std::chrono::seconds kStartDeadline{90};

std::string manifest(int max_connections) {
  const std::string path = STORAGEPOOL_SOURCE_DIR "/e2e/manifests/postgres.yaml";
  std::ifstream file(path);
  std::string text{std::istreambuf_iterator<char>(file), {}};
  const std::string setting = R"(value: "100")";
  const auto at = text.find(setting);
  if (at == std::string::npos)
    throw std::runtime_error(path + " does not set POSTGRES_MAX_CONNECTIONS to 100");
  return text.replace(at, setting.size(), "value: \"" + std::to_string(max_connections) + "\"");
}

void must(const ::testing::AssertionResult& result, const std::string& what) {
  if (!result) throw std::runtime_error(what + ": " + result.message());
}

}  // namespace

Postgres::Postgres(std::string name_space, int max_connections) : namespace_(std::move(name_space)) {
  const Result tls = run({STORAGEPOOL_SOURCE_DIR "/hack/postgres-tls", namespace_});
  if (!tls.ok()) throw std::runtime_error("hack/postgres-tls: " + tls.err);
  kubectl_out({"apply", "-f", "-"}, tls.out);
  kubectl_out({"-n", namespace_, "create", "secret", "generic", kCredentials,
               std::string("--from-literal=username=") + kRole,
               std::string("--from-literal=password=") + kPassword});
  kubectl_out({"-n", namespace_, "apply", "-f", "-"}, manifest(max_connections));
  wait_until_it_answers();
}

void Postgres::wait_until_it_answers() const {
  must(eventually(kStartDeadline,
                  [&]() -> std::string {
                    const auto deployment = get_object(namespace_, "deployment", "postgres");
                    if (deployment["status"].value("readyReplicas", 0) != 1) {
                      return "deployment postgres: " + deployment["status"].dump();
                    }
                    superuser("select 1");
                    return "";
                  }),
       "PostgreSQL in " + namespace_);
}

std::vector<std::string> Postgres::superuser(const std::string& sql, const std::string& database) const {
  std::istringstream out(kubectl_out({"-n", namespace_, "exec", "-i", "deployment/" + deployment_, "--",
                                      "psql", "-XtAq", "-v", "ON_ERROR_STOP=1", "-d", database},
                                     sql));
  std::vector<std::string> rows;
  for (std::string row; std::getline(out, row);) rows.push_back(row);
  return rows;
}

int Postgres::role_backends() const {
  return std::stoi(
      superuser(std::string("select count(*) from pg_stat_activity where backend_type = 'client backend' "
                            "and usename = '") +
                kRole + "'")
          .at(0));
}

void Postgres::lead_services_to(const std::string& name) const {
  for (const char* service : {"postgres", "postgres-direct"}) {
    kubectl_out({"-n", namespace_, "patch", "service", service, "--type=merge", "-p",
                 R"({"spec":{"selector":{"app.kubernetes.io/name":")" + name + R"("}}})"});
  }
}

void Postgres::lead_to(const std::string& deployment) {
  lead_services_to(deployment);
  deployment_ = deployment;
}

void Postgres::cut_off() const {
  // Not even the Services lead to the server, and who is connected is thrown out.
  lead_services_to("nothing");
  must(eventually(
           std::chrono::seconds{30},
           [&]() -> std::string {
             superuser(
                 std::string("select pg_terminate_backend(pid) from pg_stat_activity where usename = '") +
                 kRole + "'");
             const auto slices = list_objects(namespace_, "endpointslices",
                                              "kubernetes.io/service-name%20in%20(postgres,postgres-direct)");
             for (const auto& slice : slices) {
               if (slice.contains("endpoints") && slice["endpoints"].is_array() &&
                   !slice["endpoints"].empty()) {
                 return "a Service still has endpoints";
               }
             }
             const int left = role_backends();
             return left == 0 ? "" : std::to_string(left) + " backends are left";
           }),
       "cutting PostgreSQL off");
}

void Postgres::restore() const {
  lead_services_to(deployment_);
}

void Postgres::crash() const {
  const auto restarts = [&] {
    const auto pods = list_objects(namespace_, "pods", "app.kubernetes.io/name=postgres");
    return pods.at(0).at("status").at("containerStatuses").at(0).at("restartCount").get<int>();
  };
  const int before = restarts();
  // How the shell in the dying container ends is not known: whether the container did is looked at below.
  kubectl({"-n", namespace_, "exec", "deployment/postgres", "--", "sh", "-c", "kill -QUIT 1"});
  must(eventually(std::chrono::seconds{30},
                  [&]() -> std::string { return restarts() > before ? "" : "the container still runs"; }),
       "crashing PostgreSQL");
}

void Postgres::set_max_connections(int count) const {
  superuser("alter system set max_connections = " + std::to_string(count));
  crash();
  must(eventually(kStartDeadline,
                  [&]() -> std::string {
                    const std::string now = superuser("show max_connections").at(0);
                    return now == std::to_string(count) ? "" : "max_connections is " + now;
                  }),
       "PostgreSQL with max_connections " + std::to_string(count));
}

}  // namespace storagepool::e2e
