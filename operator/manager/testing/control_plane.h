// A Kubernetes control plane for one test: etcd and an API server in a network of the test's own, where no
// port is anybody else's and every address of 127.0.0.0/8 is free. No controller runs there: the test plays
// them. Finds `etcd` and `kube-apiserver` on PATH (hack/cluster builds them). Needs root, or user namespaces.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "operator/kube/kube.h"
#include "pool/common/runtime/testing/temporary_folder.h"

namespace storagepool::manager::testing {

// A program that ends with this object, or with the test. What it prints goes to `log`.
class Process {
 public:
  // Throws std::runtime_error when the program is not there.
  Process(const std::vector<std::string>& command, const std::string& log);
  ~Process();  // SIGTERM, then SIGKILL
  Process(const Process&) = delete;
  Process& operator=(const Process&) = delete;

  pid_t pid() const { return pid_; }
  bool running() const;
  void kill();  // at once; it is still to be destroyed
  void signal(int number) const;
  // Of one that has ended; waits for it.
  int exit_code();

 private:
  pid_t pid_ = -1;
};

enum class Authorization { kAll, kRoles };  // by RBAC, where it is not everybody for everything

class ControlPlane {
 public:
  static constexpr std::uint16_t kPort = 6443;

  // Moves the calling thread, and so all that it starts later, into a network of the process's own; waits
  // until the API server answers. Throws std::runtime_error with the end of the log.
  explicit ControlPlane(Authorization authorization = Authorization::kAll);

  // For the operator; the user may do everything.
  std::string kubeconfig() const { return folder_ / "kubeconfig"; }
  // The same by way of another port.
  std::string kubeconfig_by(std::uint16_t port);
  // The same as another user, "first" or "second", or "installed": the service account of a release
  // "storagepool" in the namespace default, which may do what roles say.
  std::string kubeconfig_as(const std::string& user);

  // The CRD, until the API server serves it.
  void define_storage_pools();

  void kill_api_server() { api_server_->kill(); }
  // Where there is none that runs. Waits until it answers.
  void start_api_server();
  // Stop and start both.
  void back_up_storage();
  void restore_storage();  // REQUIRES: there is a backup

  // What the API server keeps of each write, an Event of audit.k8s.io in a line (testing/audit_log.h).
  std::string audit_log() const { return file("audit.log"); }
  std::string file(const std::string& name) const { return folder_ / name; }
  kube::Transport& transport() const { return *transport_; }
  const kube::Client& client() const { return *client_; }

 private:
  std::string kubeconfig_text(std::uint16_t port, const std::string& token = "secret") const;
  void connect();
  void start_etcd();
  void wait_for_api_server();
  void stop();

  const char* const authorization_;  // the API server's mode
  runtime::testing::TemporaryFolder folder_;
  std::unique_ptr<Process> etcd_;
  std::unique_ptr<Process> api_server_;
  std::unique_ptr<kube::Transport> transport_;
  std::unique_ptr<kube::Client> client_;
};

// The last `bytes` of a file, for the message of a failure.
std::string tail_of(const std::string& file, std::size_t bytes = 4000);

}  // namespace storagepool::manager::testing
