// A PostgreSQL server of a scenario's own in its namespace: e2e/manifests/postgres.yaml, reached by the
// StoragePools as `postgres.<namespace>.svc` with TLS, and by the scenario through `kubectl exec`.
#pragma once

#include <string>
#include <vector>

namespace storagepool::e2e {

inline constexpr const char* kRole = "audit";
inline constexpr const char* kPassword = "p4ss-word-of-the-scenario";
inline constexpr const char* kDatabase = "audit";
inline constexpr const char* kCredentials = "audit-postgres";  // Secret with username and password
inline constexpr const char* kAuthority = "postgres-ca";       // Secret with ca.crt

class Postgres {
 public:
  // Creates the Secrets and the server in `name_space` and waits until it answers. Throws when it does not.
  Postgres(std::string name_space, int max_connections);

  // A name that leads to the server without address translation: `client_addr` is then the pod's address.
  std::string direct_host() const { return "postgres-direct." + namespace_ + ".svc"; }

  // Runs SQL as the superuser (who may use the reserved connections); the unaligned rows, fields separated by
  // '|'.
  std::vector<std::string> superuser(const std::string& sql, const std::string& database = "postgres") const;
  // Client backends of the role the StoragePools use.
  int role_backends() const;

  // Cuts every connection of the role and lets no new one in, as a broken network does; `restore` ends that.
  void cut_off() const;
  void restore() const;
  // Kills the server's processes; its container starts again over the same data.
  void crash() const;
  // In force when it returns: the server is started again.
  void set_max_connections(int count) const;
  // From now on the Services, and what is asked here, lead to another deployment of the namespace.
  void lead_to(const std::string& deployment);

 private:
  void wait_until_it_answers() const;
  void lead_services_to(const std::string& name) const;

  std::string namespace_;
  std::string deployment_ = "postgres";
};

}  // namespace storagepool::e2e
