#include "operator/manager/testing/control_plane.h"

#include <fcntl.h>
#include <net/if.h>
#include <sched.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <mutex>
#include <stdexcept>
#include <system_error>
#include <thread>

#include "operator/kube/transport/cpprest_transport.h"

namespace storagepool::manager::testing {
namespace {

using namespace std::chrono_literals;

void check(bool done, const char* what) {
  if (!done) throw std::system_error(errno, std::generic_category(), what);
}

void enter_own_network() {
  const int flags = geteuid() == 0 ? CLONE_NEWNET : CLONE_NEWNET | CLONE_NEWUSER;
  check(::unshare(flags) == 0, "a network of the test's own needs root or user namespaces");
  const int socket = ::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  check(socket >= 0, "socket");
  ifreq loopback{};
  std::strcpy(loopback.ifr_name, "lo");
  loopback.ifr_flags = IFF_UP | IFF_RUNNING;
  const int result = ::ioctl(socket, SIOCSIFFLAGS, &loopback);
  ::close(socket);
  check(result == 0, "bringing the loopback interface up");
}

void write(const std::string& file, const std::string& text) {
  std::ofstream(file) << text;
}

bool ended(pid_t pid) {
  siginfo_t info{};
  return ::waitid(P_PID, static_cast<id_t>(pid), &info, WEXITED | WNOHANG | WNOWAIT) != 0 || info.si_pid != 0;
}

}  // namespace

Process::Process(const std::vector<std::string>& command, const std::string& log) {
  std::vector<char*> argv;
  for (const std::string& word : command) argv.push_back(const_cast<char*>(word.c_str()));
  argv.push_back(nullptr);
  const int output = ::open(log.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
  check(output >= 0, log.c_str());
  pid_ = ::fork();
  check(pid_ >= 0, "fork");
  if (pid_ == 0) {
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);
    ::dup2(output, STDOUT_FILENO);
    ::dup2(output, STDERR_FILENO);
    ::execvp(argv[0], argv.data());
    ::_exit(127);
  }
  ::close(output);
}

Process::~Process() {
  ::kill(pid_, SIGTERM);
  const auto deadline = std::chrono::steady_clock::now() + 10s;
  while (running() && std::chrono::steady_clock::now() < deadline) std::this_thread::sleep_for(10ms);
  ::kill(pid_, SIGKILL);
  while (::waitpid(pid_, nullptr, 0) < 0 && errno == EINTR) {
  }
}

bool Process::running() const {
  return !ended(pid_);
}

void Process::kill() {
  ::kill(pid_, SIGKILL);
  const auto deadline = std::chrono::steady_clock::now() + 10s;
  while (running() && std::chrono::steady_clock::now() < deadline) std::this_thread::sleep_for(1ms);
}

void Process::signal(int number) const {
  ::kill(pid_, number);
}

int Process::exit_code() {
  siginfo_t info{};
  check(::waitid(P_PID, static_cast<id_t>(pid_), &info, WEXITED | WNOWAIT) == 0, "waitid");
  return info.si_code == CLD_EXITED ? info.si_status : 128 + info.si_status;
}

ControlPlane::ControlPlane(Authorization authorization)
    : authorization_(authorization == Authorization::kRoles ? "RBAC" : "AlwaysAllow") {
  static std::once_flag entered;  // threads of libraries outlive a control plane
  std::call_once(entered, enter_own_network);
  // The API server wants a key for the tokens of service accounts, of which none is asked for here.
  Process key({"openssl", "genrsa", "-out", file("key.pem"), "2048"}, file("openssl.log"));
  const auto deadline = std::chrono::steady_clock::now() + 30s;
  while (key.running() && std::chrono::steady_clock::now() < deadline) std::this_thread::sleep_for(10ms);
  write(file("tokens.csv"),
        "secret,admin,1,system:masters\nfirst,first,2,system:masters\nsecond,second,3,system:masters\n"
        "installed,system:serviceaccount:default:storagepool-operator,4\n");
  write(file("audit-policy.yaml"),
        "apiVersion: audit.k8s.io/v1\nkind: Policy\nomitStages: [RequestReceived]\nrules:\n"
        "  - {level: Metadata, verbs: [create, update, patch, delete]}\n  - {level: None}\n");
  write(kubeconfig(), kubeconfig_text(kPort));
  start_etcd();
  start_api_server();
}

std::string ControlPlane::kubeconfig_by(std::uint16_t port) {
  const std::string other = kubeconfig() + "-" + std::to_string(port);
  write(other, kubeconfig_text(port));
  return other;
}

std::string ControlPlane::kubeconfig_as(const std::string& user) {
  const std::string other = kubeconfig() + "-" + user;
  write(other, kubeconfig_text(kPort, user));
  return other;
}

std::string ControlPlane::kubeconfig_text(std::uint16_t port, const std::string& token) const {
  return "apiVersion: v1\nkind: Config\ncurrent-context: test\n"
         "clusters: [{name: test, cluster: {server: 'https://127.0.0.1:" +
         std::to_string(port) + "', certificate-authority: '" + file("certificates") +
         "/apiserver.crt'}}]\n"
         "users: [{name: test, user: {token: " +
         token +
         "}}]\n"
         "contexts: [{name: test, context: {cluster: test, user: test, namespace: default}}]\n";
}

void ControlPlane::start_etcd() {
  etcd_ = std::make_unique<Process>(std::vector<std::string>{"etcd", "--data-dir=" + file("etcd"),
                                                             "--unsafe-no-fsync", "--log-level=error"},
                                    file("etcd.log"));
}

void ControlPlane::start_api_server() {
  api_server_.reset();
  api_server_ = std::make_unique<Process>(
      std::vector<std::string>{
          "kube-apiserver", "--etcd-servers=http://127.0.0.1:2379", "--bind-address=127.0.0.1",
          "--advertise-address=127.0.0.1", "--secure-port=" + std::to_string(kPort),
          "--cert-dir=" + file("certificates"), "--service-account-issuer=https://kubernetes.default.svc",
          "--service-account-signing-key-file=" + file("key.pem"),
          "--service-account-key-file=" + file("key.pem"), "--token-auth-file=" + file("tokens.csv"),
          "--audit-policy-file=" + file("audit-policy.yaml"), "--audit-log-path=" + audit_log(),
          std::string("--authorization-mode=") + authorization_, "--endpoint-reconciler-type=none",
          "--disable-admission-plugins=ServiceAccount", "--service-cluster-ip-range=10.0.0.0/16"},
      file("api-server.log"));
  wait_for_api_server();
}

void ControlPlane::define_storage_pools() {
  std::ifstream definition(STORAGEPOOL_SOURCE_DIR "/crds/storagepool.yaml");
  const std::string yaml{std::istreambuf_iterator<char>(definition), {}};
  const auto made = transport_->request(
      {.method = kube::Method::kPatch,
       .path = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions/storagepools.storagepool.dev",
       .query = {{"fieldManager", "test"}},
       .content_type = "application/apply-patch+yaml",
       .body = yaml});
  if (!made) throw std::runtime_error("the CRD: " + made.error().to_string());
  const auto deadline = std::chrono::steady_clock::now() + 60s;
  while (!client_->list(kube::resources::kStoragePools)) {
    if (std::chrono::steady_clock::now() > deadline)
      throw std::runtime_error("the API server does not serve StoragePools");
    std::this_thread::sleep_for(50ms);
  }
}

void ControlPlane::stop() {
  api_server_->kill();
  api_server_.reset();
  etcd_.reset();
}

void ControlPlane::back_up_storage() {
  stop();
  std::filesystem::remove_all(file("backup"));
  std::filesystem::copy(file("etcd"), file("backup"), std::filesystem::copy_options::recursive);
  start_etcd();
  start_api_server();
}

void ControlPlane::restore_storage() {
  stop();
  std::filesystem::remove_all(file("etcd"));
  std::filesystem::copy(file("backup"), file("etcd"), std::filesystem::copy_options::recursive);
  start_etcd();
  start_api_server();
}

void ControlPlane::wait_for_api_server() {
  const auto deadline = std::chrono::steady_clock::now() + 120s;
  for (;; std::this_thread::sleep_for(100ms)) {
    if (transport_ == nullptr) connect();
    if (transport_ != nullptr && transport_->request({.path = "/readyz"})) return;
    if (api_server_->running() && etcd_->running() && std::chrono::steady_clock::now() < deadline) continue;
    throw std::runtime_error(
        "the API server did not come up (etcd and kube-apiserver are built by hack/cluster):\n" +
        tail_of(file("etcd.log")) + tail_of(file("api-server.log")));
  }
}

// The certificate is there once the API server has made it.
void ControlPlane::connect() {
  const auto config = kube::load_config(kubeconfig());
  auto made = config ? kube::make_transport(*config) : tl::unexpected(config.error());
  if (!made) return;
  transport_ = std::move(*made);
  client_ = std::make_unique<kube::Client>(*transport_, "test");
}

std::string tail_of(const std::string& file, std::size_t bytes) {
  std::ifstream stream(file);
  std::string text{std::istreambuf_iterator<char>(stream), {}};
  return text.size() > bytes ? text.substr(text.size() - bytes) : text;
}

}  // namespace storagepool::manager::testing
