#include "pool/service/program_tests/testing/pod.h"

#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <sstream>
#include <stdexcept>
#include <thread>

#include "pool/auth/testing/operator_signer.h"
#include "pool/common/runtime/timestamp.h"
#include "pool/common/tlog/note_key.h"

namespace storagepool::service::testing {
namespace {

namespace fs = std::filesystem;
using std::chrono::steady_clock;

constexpr std::string_view kPodUid = "--pod-uid=";

settings::SslMode to_settings(postgres::SslMode mode) {
  switch (mode) {
    case postgres::SslMode::kDisable:
      return settings::SslMode::kDisable;
    case postgres::SslMode::kRequire:
      return settings::SslMode::kRequire;
    case postgres::SslMode::kVerifyCa:
      return settings::SslMode::kVerifyCa;
    case postgres::SslMode::kVerifyFull:
      break;
  }
  return settings::SslMode::kVerifyFull;
}

}  // namespace

bool eventually(const std::function<bool()>& condition) {
  const auto deadline = steady_clock::now() + kPatience;
  while (!condition()) {
    if (steady_clock::now() > deadline) return false;
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
  }
  return true;
}

Pod::Pod(const postgres::ConnectOptions& target) {
  config.generation = 1;
  config.postgres = {target.host, target.port, target.database, to_settings(target.ssl_mode)};
  config.pool = {{"maxOpenConns", 4}, {"maxIdleConns", 4}};
  for (const char* sub : {"config", "credentials", "ca", "auth", "keys", "tls", "state"})
    fs::create_directory(folder_ / sub);
  write_config();
  write("credentials/username", target.user);
  write("credentials/password", target.password + "\n");
  const std::string seed(32, 's');
  write("keys/log",
        tlog::NoteKey::of_seed(tlog::KeyKind::kLog, "storagepool.dev/test/audit", seed)->private_text());
  write("config/operator-keys", auth::testing::OperatorSigner(uid_).public_key() + "\n");
}

Pod::~Pod() {
  if (pid_ > 0) {
    ::kill(pid_, SIGKILL);
    wait();
  }
}

void Pod::write_config() const {
  write("config/config.yaml", settings::render_config(config));
}

// By rename, as the kubelet replaces mounted files.
void Pod::write(const std::string& file, const std::string& contents) const {
  const fs::path path = folder_ / file;
  const fs::path fresh = path.string() + ".new";
  std::ofstream(fresh, std::ios::binary) << contents << std::flush;
  fs::rename(fresh, path);
}

void Pod::remove(const std::string& file) const {
  fs::remove(folder_ / file);
}

std::string Pod::read(const std::string& file) const {
  std::ifstream in(folder_ / file, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

void Pod::spawn(const std::map<std::string, std::string>& environment,
                const std::vector<std::string>& flags) {
  const std::string base = folder_.path().string();
  const char* const shipped = std::getenv("STORAGEPOOL_DATASTORAGE");
  std::vector<std::string> arguments{shipped != nullptr ? shipped : STORAGEPOOL_DATASTORAGE,
                                     "--config=" + base + "/config/config.yaml",
                                     "--credentials-dir=" + base + "/credentials",
                                     "--ca-file=" + base + "/ca/ca.crt",
                                     "--operator-keys=" + base + "/config/operator-keys",
                                     "--auth-dir=" + base + "/auth",
                                     "--log-key-file=" + base + "/keys/log",
                                     "--access-file=" + base + "/config/access.json",
                                     "--state-dir=" + base + "/state",
                                     "--api-port=0",
                                     "--health-port=0",
                                     "--admin-port=0",
                                     "--metrics-port=0"};
  arguments.insert(arguments.end(), flags.begin(), flags.end());
  // So that all tests can be run with threads for HTTP, too.
  const char* const lanes = std::getenv("STORAGEPOOL_HTTP_TEST_LANES");
  const std::string threads = "--http-threads=" + std::string(lanes != nullptr ? lanes : "0");
  for (const std::string& usual :
       {std::string("--drain-delay=0s"), std::string("--listen-address=127.0.0.1"), threads}) {
    const std::string name = usual.substr(0, usual.find('='));
    if (std::ranges::none_of(flags, [&](const std::string& flag) { return flag.starts_with(name); }))
      arguments.push_back(usual);
  }
  const auto uid = std::ranges::find_if(flags, [](const auto& flag) { return flag.starts_with(kPodUid); });
  if (uid != flags.end()) uid_ = uid->substr(kPodUid.size());
  if (uid == flags.end()) arguments.push_back(std::string(kPodUid) + uid_);
  std::vector<char*> argv;
  for (std::string& argument : arguments) argv.push_back(argument.data());
  argv.push_back(nullptr);
  std::vector<std::string> variables;
  for (const auto& [name, value] : environment) variables.push_back(name + "=" + value);
  std::vector<char*> envp;
  for (std::string& variable : variables) envp.push_back(variable.data());
  envp.push_back(nullptr);

  const std::string log = base + "/log";
  posix_spawn_file_actions_t files;
  posix_spawn_file_actions_init(&files);
  posix_spawn_file_actions_addopen(&files, 0, "/dev/null", O_RDONLY, 0);
  posix_spawn_file_actions_addopen(&files, 1, log.c_str(), O_WRONLY | O_CREAT | O_APPEND, 0600);
  posix_spawn_file_actions_adddup2(&files, 1, 2);
  const int result = posix_spawn(&pid_, argv[0], &files, nullptr, argv.data(), envp.data());
  posix_spawn_file_actions_destroy(&files);
  if (result != 0) throw std::runtime_error("cannot start " + arguments[0]);
}

void Pod::start(const std::map<std::string, std::string>& environment,
                const std::vector<std::string>& flags) {
  const std::size_t before = log().size();
  ports_.clear();
  spawn(environment, flags);
  const bool listening = eventually([&] {
    std::istringstream lines(log().substr(before));
    for (std::string line; std::getline(lines, line);) {
      const auto entry = nlohmann::json::parse(line, nullptr, false);
      if (!entry.is_object() || entry.value("message", "") != "listening") continue;
      for (const char* port : {"apiPort", "healthPort", "adminPort", "metricsPort"})
        ports_[port] = entry.at(port);
    }
    return !ports_.empty() || !running();
  });
  if (!listening || ports_.empty()) throw std::runtime_error("datastorage does not listen:\n" + log());
}

int Pod::run_to_end(const std::map<std::string, std::string>& environment) {
  spawn(environment, {});
  return wait();
}

void Pod::signal(int number) const {
  ::kill(pid_, number);
}

bool Pod::running() {
  if (pid_ <= 0) return false;
  siginfo_t info{};
  return ::waitid(P_PID, static_cast<id_t>(pid_), &info, WEXITED | WNOHANG | WNOWAIT) == 0 &&
         info.si_pid == 0;
}

int Pod::wait() {
  if (!eventually([this] { return !running(); })) {
    ::kill(pid_, SIGKILL);
  }
  int status = 0;
  while (::waitpid(pid_, &status, 0) < 0 && errno == EINTR) {
  }
  pid_ = -1;
  return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

int Pod::stop() {
  signal(SIGTERM);
  return wait();
}

HttpResponse Pod::api(const std::string& method, const std::string& target, const std::string& body) const {
  HttpHeaders headers;
  if (!body.empty()) headers.emplace_back("Content-Type", "application/json");
  if (!token.empty()) headers.emplace_back("Authorization", "Bearer " + token);
  return http(ports_.at("apiPort"), method, target, headers, body);
}

HttpResponse Pod::health(const std::string& path) const {
  return http(ports_.at("healthPort"), "GET", path);
}

HttpResponse Pod::admin(const std::string& method, const std::string& target, const std::string& body) const {
  return admin_with({{"Authorization", authorization(method, target, body)}}, method, target, body);
}

HttpResponse Pod::admin_with(const HttpHeaders& headers, const std::string& method, const std::string& target,
                             const std::string& body) const {
  return http(ports_.at("adminPort"), method, target, headers, body);
}

std::string Pod::metrics() const {
  return http(ports_.at("metricsPort"), "GET", "/metrics").body;
}

HttpResponse Pod::send(std::uint16_t port, const std::string& method, const std::string& target,
                       const HttpHeaders& headers, const std::string& body) const {
  static const std::map<std::uint16_t, std::string> kNames = {
      {8080, "apiPort"}, {8081, "healthPort"}, {8082, "adminPort"}, {9090, "metricsPort"}};
  return http(ports_.at(kNames.at(port)), method, target, headers, body);
}

std::string Pod::authorization(const std::string& method, const std::string& target,
                               const std::string& body) const {
  return auth::testing::OperatorSigner(uid_).authorization(method, target, body);
}

double Pod::metric(const std::string& name) const {
  std::istringstream lines(metrics());
  for (std::string line; std::getline(lines, line);) {
    if (line.starts_with(name + " ")) return std::stod(line.substr(name.size() + 1));
  }
  throw std::runtime_error("no metric " + name);
}

HttpResponse Pod::put_settings(std::int64_t generation, const nlohmann::json& settings) const {
  return admin("PUT", "/admin/settings",
               nlohmann::json{{"generation", generation}, {"settings", settings}}.dump());
}

bool Pod::becomes_ready() const {
  return eventually([this] { return ready(); });
}

bool Pod::reports(const std::string& fault) const {
  return eventually([&] { return facts().value("fault", "") == fault; });
}

nlohmann::json valid_event() {
  const auto now = std::chrono::floor<std::chrono::microseconds>(std::chrono::system_clock::now());
  return {{"version", "1.0"},
          {"event_type", "gateway.signal.received"},
          {"event_timestamp", runtime::format_timestamp(now)},
          {"event_category", "gateway"},
          {"event_action", "received"},
          {"event_outcome", "success"},
          {"correlation_id", "rr-1"},
          {"event_data", {{"a", 1}}}};
}

}  // namespace storagepool::service::testing
