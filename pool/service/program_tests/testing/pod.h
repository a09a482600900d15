// A DataStorage pod for tests: the real program as a child process with its mounted files in a temporary
// folder, its ports chosen by the kernel. Stopped and removed by the destructor.
#pragma once

#include <sys/types.h>

#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>

#include "pool/common/runtime/testing/temporary_folder.h"
#include "pool/common/settings/config_file.h"
#include "pool/postgres/connection.h"
#include "pool/service/program_tests/testing/http_client.h"

namespace storagepool::service::testing {

inline constexpr std::chrono::seconds kPatience{60};

// Polls until `condition` holds; false when it does not within `kPatience`.
bool eventually(const std::function<bool()>& condition);

class Pod {
 public:
  // Mounts a configuration of generation 1 and the credentials to reach `target`; `start` is up to the
  // caller.
  explicit Pod(const postgres::ConnectOptions& target);
  ~Pod();
  Pod(const Pod&) = delete;
  Pod& operator=(const Pod&) = delete;

  settings::Config config;  // what `write_config` mounts
  std::string token;        // that `api` sends, none when it is empty
  void write_config() const;
  void write(const std::string& file, const std::string& contents) const;  // below the pod's folder
  void remove(const std::string& file) const;
  std::string read(const std::string& file) const;
  std::string path(const std::string& file) const { return (folder_ / file).string(); }

  // Returns once the program listens; throws std::runtime_error with its log when it does not.
  void start(const std::map<std::string, std::string>& environment = {},
             const std::vector<std::string>& flags = {});
  // Runs the program to its end and returns its exit code.
  int run_to_end(const std::map<std::string, std::string>& environment = {});
  void signal(int number) const;
  int wait();  // for the end of the program: its exit code, or 128 + signal
  int stop();  // SIGTERM and wait
  bool running();

  HttpResponse api(const std::string& method, const std::string& target, const std::string& body = {}) const;
  HttpResponse create(const nlohmann::json& event) const {
    return api("POST", "/api/v1/audit/events", event.dump());
  }
  HttpResponse health(const std::string& path) const;
  HttpResponse admin(const std::string& method, const std::string& target,
                     const std::string& body = {}) const;
  HttpResponse admin_with(const HttpHeaders& headers, const std::string& method, const std::string& target,
                          const std::string& body = {}) const;
  std::string metrics() const;
  // To the server whose port is `port` (8080, 8081, 8082 or 9090) unless the kernel chooses it.
  HttpResponse send(std::uint16_t port, const std::string& method, const std::string& target,
                    const HttpHeaders& headers = {}, const std::string& body = {}) const;
  // The value of Authorization that the operator sends with such a request to the administration port.
  std::string authorization(const std::string& method, const std::string& target,
                            const std::string& body = {}) const;
  double metric(const std::string& name) const;  // of a metric without labels
  nlohmann::json facts() const { return nlohmann::json::parse(admin("GET", "/admin/facts").body); }
  nlohmann::json settings() const { return nlohmann::json::parse(admin("GET", "/admin/settings").body); }
  HttpResponse put_settings(std::int64_t generation, const nlohmann::json& settings) const;
  // Ready, and PostgreSQL stores the events.
  bool ready() const { return health("/readyz").status == 200 && metric("storagepool_postgres_usable") == 1; }
  bool becomes_ready() const;
  // True once /admin/facts tells this fault.
  bool reports(const std::string& fault) const;

  std::string log() const { return read("log"); }  // of all starts
  std::uint16_t api_port() const { return ports_.at("apiPort"); }
  std::uint16_t health_port() const { return ports_.at("healthPort"); }
  std::uint16_t metrics_port() const { return ports_.at("metricsPort"); }
  pid_t pid() const { return pid_; }

 private:
  void spawn(const std::map<std::string, std::string>& environment, const std::vector<std::string>& flags);

  runtime::testing::TemporaryFolder folder_;
  std::string uid_ = "test-pod";
  pid_t pid_ = -1;
  std::map<std::string, std::uint16_t> ports_;
};

// A valid event at this moment.
nlohmann::json valid_event();

}  // namespace storagepool::service::testing
