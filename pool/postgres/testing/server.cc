#include "pool/postgres/testing/server.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <functional>
#include <sstream>
#include <stdexcept>
#include <thread>

#include <fcntl.h>
#include <netinet/in.h>
#include <pwd.h>
#include <sys/ipc.h>
#include <sys/shm.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <libpq-fe.h>

#include "pool/postgres/testing/cluster.h"
#include "pool/postgres/testing/process.h"

namespace storagepool::postgres::testing {
namespace {

namespace fs = std::filesystem;
using std::chrono::steady_clock;

constexpr const char* kSuperuser = "postgres";
const std::vector<std::string> kInitdbOptions = {"--no-sync", "--auth=trust", "--encoding=UTF8", "--locale=C",
                                                 std::string("--username=") + kSuperuser};
constexpr auto kStartTimeout = std::chrono::seconds(60);
constexpr auto kStopTimeout = std::chrono::seconds(30);

// Outlives the test process, so that its server and its files go even when it is killed: the end of the pipe
// on standard input is the death of the test (or its wish to be rid of them).
constexpr const char* kGuardScript = R"(
trap '' INT TERM HUP
read -r _
pid=$(head -n 1 "$1/data/postmaster.pid" 2>/dev/null)
if [ -n "$pid" ]; then
  kill -CONT "$pid"; kill -QUIT "$pid"
  n=0; while kill -0 "$pid" 2>/dev/null && [ $n -lt 100 ]; do sleep 0.1; n=$((n+1)); done
  kill -KILL "$pid" 2>/dev/null
fi
rm -rf "$1")";

void write_file(const fs::path& file, const std::string& text) {
  std::ofstream out(file);
  if (!(out << text << std::flush)) fail("cannot write " + file.string());
}

fs::path find_binaries() {
  std::vector<fs::path> candidates;
  if (const char* path = std::getenv("PATH")) {
    std::stringstream folders{std::string(path)};
    for (std::string folder; std::getline(folders, folder, ':');) candidates.emplace_back(folder);
  }
  std::error_code ignored;
  for (const auto& version : fs::directory_iterator("/usr/lib/postgresql", ignored)) {
    candidates.push_back(version.path() / "bin");
  }
  for (const auto& folder : candidates) {
    if (fs::exists(folder / "initdb", ignored) && fs::exists(folder / "postgres", ignored)) return folder;
  }
  fail("no initdb and postgres in PATH or /usr/lib/postgresql/*/bin");
}

void make_certificates(const fs::path& folder, const fs::path& log) {
  const auto path = [&](const char* name) { return (folder / name).string(); };
  const std::vector<std::string> common = {
      "openssl", "req",   "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1",
      "-nodes",  "-days", "2"};
  const auto request = [&](std::vector<std::string> more) {
    more.insert(more.begin(), common.begin(), common.end());
    run_program(more, log);
  };
  request({"-subj", "/CN=test CA", "-keyout", path("ca.key"), "-out", path("ca.crt")});
  request({"-subj", "/CN=other CA", "-keyout", path("other_ca.key"), "-out", path("other_ca.crt")});
  request({"-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost", "-addext",
           "basicConstraints=critical,CA:FALSE", "-CA", path("ca.crt"), "-CAkey", path("ca.key"), "-keyout",
           path("server.key"), "-out", path("server.crt")});
  fs::permissions(folder / "server.key", fs::perms::owner_read | fs::perms::owner_write);
}

}  // namespace

struct Server::Impl {
  ServerOptions options;
  fs::path binaries;
  fs::path root;
  std::vector<std::string> as_postgres;  // command prefix that changes the user when we are root
  int port_holder = -1;
  std::uint16_t port = 0;
  int guard_pipe = -1;
  pid_t guard = -1;
  pid_t postmaster = -1;
  bool paused = false;

  explicit Impl(const ServerOptions& given) : options(given), binaries(find_binaries()) {
    make_root();
    try {
      hold_port();
      initialize();
      start();
      superuser("CREATE ROLE app LOGIN PASSWORD 'app-secret'", "postgres");
      superuser("CREATE DATABASE audit OWNER app", "postgres");
    } catch (...) {
      clean_up();
      throw;
    }
  }
  ~Impl() { clean_up(); }

  fs::path log() const { return root / "log"; }
  fs::path data() const { return root / "data"; }

  void make_root() {
    std::string name = (fs::temp_directory_path() / "storagepool-postgres-XXXXXX").string();
    if (mkdtemp(name.data()) == nullptr) fail("cannot make a temporary folder");
    root = name;
    std::array<int, 2> pipe_ends{};
    if (pipe2(pipe_ends.data(), O_CLOEXEC) != 0) fail("cannot make a pipe");
    guard_pipe = pipe_ends[1];
    guard = spawn({"sh", "-c", kGuardScript, "guard", root.string()}, pipe_ends[0], "/dev/null");
    close(pipe_ends[0]);
  }

  // A bound socket that never listens keeps the port from everybody but the server (both set SO_REUSEADDR),
  // also between stop and start.
  void hold_port() {
    port_holder = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    const int yes = 1;
    setsockopt(port_holder, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t length = sizeof address;
    if (bind(port_holder, reinterpret_cast<sockaddr*>(&address), sizeof address) != 0 ||
        getsockname(port_holder, reinterpret_cast<sockaddr*>(&address), &length) != 0) {
      fail("cannot bind to loopback");
    }
    port = ntohs(address.sin_port);
  }

  void initialize() {
    if (options.tls) make_certificates(root, log());
    if (geteuid() == 0) {
      const passwd* account = getpwnam("postgres");
      if (account == nullptr) fail("running as root needs a system account `postgres`");
      as_postgres = {"setpriv", "--reuid=postgres", "--regid=postgres", "--clear-groups", "--"};
      for (const auto& file : {root, root / "log", root / "server.key"}) {
        if (fs::exists(file) && chown(file.c_str(), account->pw_uid, account->pw_gid) != 0) fail("chown");
      }
    }
    make_cluster(cluster_cache(), cluster_key(), data(), log(), [&] {
      std::vector<std::string> command = {(binaries / "initdb").string(), "--pgdata=" + data().string()};
      command.insert(command.end(), kInitdbOptions.begin(), kInitdbOptions.end());
      run_program(with_user(command), log());
    });
    std::ofstream conf(data() / "postgresql.conf", std::ios::app);
    conf << "\nlisten_addresses = '127.0.0.1'\nport = " << port << "\nunix_socket_directories = '"
         << root.string()
         << "'\nfsync = off\nfull_page_writes = off\nshared_buffers = 16MB\ndynamic_shared_memory_type = "
            "mmap\n"
         << "password_encryption = scram-sha-256\nlogging_collector = off\n";
    if (options.tls) {
      conf << "ssl = on\nssl_cert_file = '" << (root / "server.crt").string() << "'\nssl_key_file = '"
           << (root / "server.key").string() << "'\n";
    }
    for (const auto& setting : options.settings) conf << setting << '\n';
    conf.close();
    write_file(data() / "pg_hba.conf", std::string("local all postgres trust\nhost all all 127.0.0.1/32 ") +
                                           (options.require_password ? "scram-sha-256" : "trust") + "\n");
  }

  // Two builds of one version may differ in how they were configured.
  std::string cluster_key() const {
    const fs::path file = root / "version";
    run_program({(binaries / "postgres").string(), "--version"}, file);
    std::string version = read_tail(file);
    std::replace_if(
        version.begin(), version.end(), [](unsigned char c) { return std::isalnum(c) == 0 && c != '.'; },
        '-');
    std::string depends = binaries.string();
    for (const auto& option : kInitdbOptions) depends += ' ' + option;
    return version + std::to_string(std::hash<std::string>{}(depends));
  }

  std::vector<std::string> with_user(std::vector<std::string> arguments) const {
    arguments.insert(arguments.begin(), as_postgres.begin(), as_postgres.end());
    return arguments;
  }

  void start() {
    if (postmaster > 0) fail("is running already");
    postmaster = spawn(with_user({(binaries / "postgres").string(), "-D", data().string()}), -1, log());
    const auto give_up = steady_clock::now() + kStartTimeout;
    const std::string socket_folder = root.string();
    const std::string port_text = std::to_string(port);
    const std::array<const char*, 5> keys = {"host", "port", "dbname", "user", nullptr};
    const std::array<const char*, 5> values = {socket_folder.c_str(), port_text.c_str(), "postgres",
                                               kSuperuser, nullptr};
    while (PQpingParams(keys.data(), values.data(), 0) != PQPING_OK) {
      if (exited(postmaster)) {
        postmaster = -1;
        fail("did not start:\n" + read_tail(log()));
      }
      if (steady_clock::now() > give_up) fail("does not answer:\n" + read_tail(log()));
      std::this_thread::sleep_for(std::chrono::milliseconds(5));
    }
  }

  // True when the postmaster ended; it is then forgotten.
  bool await_end(steady_clock::duration timeout) {
    const auto give_up = steady_clock::now() + timeout;
    while (!exited(postmaster)) {
      if (steady_clock::now() > give_up) return false;
      std::this_thread::sleep_for(std::chrono::milliseconds(2));
    }
    postmaster = -1;
    paused = false;
    return true;
  }

  void stop() {
    if (postmaster <= 0) return;
    if (paused) resume();
    ::kill(postmaster, SIGINT);
    if (!await_end(kStopTimeout)) kill();
  }

  void kill() {
    if (postmaster <= 0) return;
    ::kill(postmaster, SIGSTOP);  // so that it starts no more children while they are counted
    const auto children = children_of(postmaster);
    for (const pid_t child : children) ::kill(child, SIGKILL);
    ::kill(postmaster, SIGKILL);
    const auto give_up = steady_clock::now() + kStopTimeout;
    if (!await_end(kStopTimeout)) fail("did not die");
    for (const pid_t child : children) {
      while (!is_gone(child)) {
        if (steady_clock::now() > give_up) fail("a child did not die");
        std::this_thread::sleep_for(std::chrono::milliseconds(1));
      }
    }
    remove_leftovers();
  }

  // A killed postmaster leaves its lock file and a small System V segment, named in the lock file's seventh
  // line.
  void remove_leftovers() {
    const fs::path lock = data() / "postmaster.pid";
    std::ifstream in(lock);
    std::string line;
    for (int i = 0; i < 7; ++i) std::getline(in, line);
    std::istringstream ids(line);
    long key = 0;
    int id = 0;
    if (ids >> key >> id) shmctl(id, IPC_RMID, nullptr);
    std::error_code ignored;
    fs::remove(lock, ignored);
  }

  void resume() {
    ::kill(postmaster, SIGCONT);
    paused = false;
  }

  std::vector<std::string> superuser(const std::string& sql, const std::string& database) const {
    const std::string socket_folder = root.string();
    const std::string port_text = std::to_string(port);
    const std::array<const char*, 5> keys = {"host", "port", "dbname", "user", nullptr};
    const std::array<const char*, 5> values = {socket_folder.c_str(), port_text.c_str(), database.c_str(),
                                               kSuperuser, nullptr};
    const std::unique_ptr<PGconn, decltype(&PQfinish)> connection(
        PQconnectdbParams(keys.data(), values.data(), 0), &PQfinish);
    if (PQstatus(connection.get()) != CONNECTION_OK) fail(PQerrorMessage(connection.get()));
    const std::unique_ptr<PGresult, decltype(&PQclear)> result(PQexec(connection.get(), sql.c_str()),
                                                               &PQclear);
    const auto status = PQresultStatus(result.get());
    if (status != PGRES_TUPLES_OK && status != PGRES_COMMAND_OK) fail(PQerrorMessage(connection.get()));
    std::vector<std::string> column;
    for (int row = 0; row < PQntuples(result.get()); ++row)
      column.emplace_back(PQgetvalue(result.get(), row, 0));
    return column;
  }

  void clean_up() noexcept {
    try {
      stop();
    } catch (const std::exception& error) {
      std::fprintf(stderr, "%s\n", error.what());
    }
    if (port_holder >= 0) close(port_holder);
    if (guard_pipe >= 0) close(guard_pipe);
    int status = 0;
    if (guard > 0) waitpid(guard, &status, 0);
  }
};

Server::Server(const ServerOptions& options) : impl_(std::make_unique<Impl>(options)) {}
Server::~Server() = default;

std::uint16_t Server::port() const {
  return impl_->port;
}

ConnectOptions Server::connect_options(const std::string& database) const {
  ConnectOptions options;
  options.host = impl_->options.tls ? "localhost" : "127.0.0.1";
  options.port = impl_->port;
  options.database = database;
  options.user = "app";
  options.password = "app-secret";
  options.ssl_mode = impl_->options.tls ? SslMode::kVerifyFull : SslMode::kDisable;
  if (impl_->options.tls) options.ca_file = ca_file();
  return options;
}

std::string Server::ca_file() const {
  return impl_->root / "ca.crt";
}
std::string Server::other_ca_file() const {
  return impl_->root / "other_ca.crt";
}

void Server::start() {
  impl_->start();
}
void Server::stop() {
  impl_->stop();
}
void Server::kill() {
  impl_->kill();
}
void Server::pause() {
  ::kill(impl_->postmaster, SIGSTOP);
  impl_->paused = true;
}
void Server::resume() {
  impl_->resume();
}

std::vector<std::string> Server::superuser(const std::string& sql, const std::string& database) const {
  return impl_->superuser(sql, database);
}

void Server::empty(const std::string& database) const {
  superuser(
      "SET client_min_messages = warning; DROP SCHEMA public CASCADE; CREATE SCHEMA public AUTHORIZATION app",
      database);
}

int Server::app_backends() const {
  return std::stoi(superuser("SELECT count(*) FROM pg_stat_activity WHERE usename = 'app'").at(0));
}

void Server::terminate(const std::string& condition) const {
  const std::string those = " FROM pg_stat_activity WHERE pid <> pg_backend_pid() AND (" + condition + ")";
  std::string pids = "0";
  for (const auto& pid : superuser("SELECT pid, pg_terminate_backend(pid)" + those)) pids += "," + pid;
  const auto give_up = std::chrono::steady_clock::now() + std::chrono::seconds(10);
  while (superuser("SELECT count(*) FROM pg_stat_activity WHERE pid IN (" + pids + ")").at(0) != "0") {
    if (std::chrono::steady_clock::now() > give_up) fail("sessions did not end within 10 s: " + pids);
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
}

}  // namespace storagepool::postgres::testing
