#include "e2e/chaos/standby.h"

#include <chrono>
#include <stdexcept>
#include <utility>

#include <nlohmann/json.hpp>

#include "e2e/support/kubectl.h"
#include "e2e/support/objects.h"
#include "e2e/support/poll.h"

namespace storagepool::e2e {
namespace {

using nlohmann::json;

constexpr const char* kDeployment = "postgres-standby";
constexpr std::chrono::seconds kDeadline{90};

void must(const ::testing::AssertionResult& result, const std::string& what) {
  if (!result) throw std::runtime_error(what + ": " + result.message());
}

// The same deployment under another name, whose data are a copy of the server's.
json deployment_like(const json& server) {
  const json labels{{"app.kubernetes.io/name", kDeployment}};
  json spec = server.at("spec");
  spec["selector"]["matchLabels"] = labels;
  spec["template"]["metadata"] = {{"labels", labels}};
  spec["template"]["spec"]["containers"][0]["command"] = {
      "sh", "-ec",
      "[ -s \"$PGDATA/PG_VERSION\" ] || PGPASSWORD=$POSTGRES_PASSWORD pg_basebackup -h postgres-direct -U "
      "\"$POSTGRES_USER\" -D \"$PGDATA\" -R -X stream -c fast\nexec postgres-entrypoint \"$@\"",
      "sh"};
  return {{"apiVersion", "apps/v1"},
          {"kind", "Deployment"},
          {"metadata", {{"name", kDeployment}, {"labels", labels}}},
          {"spec", spec}};
}

}  // namespace

Standby::Standby(Postgres& primary, std::string name_space)
    : primary_(primary), namespace_(std::move(name_space)) {
  primary_.superuser("alter role " + std::string(kRole) +
                     " replication;\n"
                     "copy (select 'host replication all all scram-sha-256') to program 'cat >> "
                     "\"$PGDATA/pg_hba.conf\"';\nselect pg_reload_conf();");
  kubectl_out({"-n", namespace_, "apply", "-f", "-"},
              deployment_like(get_object(namespace_, "deployment", "postgres")).dump());
  const auto is = [&](const std::string& state) {
    must(eventually(kDeadline,
                    [&]() -> std::string {
                      const auto found =
                          primary_.superuser("select state || ' ' || sync_state from pg_stat_replication");
                      if (found.size() == 1 && found[0] == state) return "";
                      return found.empty() ? "no standby" : found[0];
                    }),
         "a standby that is " + state);
  };
  is("streaming async");
  primary_.superuser("alter system set synchronous_standby_names = '*'");
  primary_.superuser("select pg_reload_conf()");
  is("streaming sync");
}

void Standby::take_over(const std::function<void()>& fence) {
  primary_.lead_to(kDeployment);
  kubectl_out({"-n", namespace_, "scale", "deployment/postgres", "--replicas=0"});
  fence();
  must(eventually(kDeadline,
                  [&]() -> std::string {
                    return primary_.superuser("select pg_promote()").at(0) == "t" ? "" : "not promoted";
                  }),
       "the promotion");
}

}  // namespace storagepool::e2e
