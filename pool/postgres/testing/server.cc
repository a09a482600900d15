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
#include <stdexcept>
#include <thread>

#include <fcntl.h>
#include <pwd.h>
#include <sys/wait.h>
#include <unistd.h>

#include <libpq-fe.h>

#include "pool/postgres/testing/binaries.h"
#include "pool/postgres/testing/certificates.h"
#include "pool/postgres/testing/cluster.h"
#include "pool/postgres/testing/port.h"
#include "pool/postgres/testing/process.h"
#include "pool/postgres/testing/superuser.h"
#include "pool/postgres/testing/upgrade.h"

namespace storagepool::postgres::testing {
namespace {

namespace fs = std::filesystem;
using std::chrono::steady_clock;

const std::vector<std::string> kInitdbOptions = {"--no-sync", "--auth=trust", "--locale=C",
                                                 std::string("--username=") + kSuperuser};
constexpr const char* kStandbySignal = "standby.signal";
constexpr const char* kBackupLabel = "backup_label";
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

fs::path find_server() {
  fs::path found = find_binaries("initdb");
  if (found.empty()) fail("no initdb and postgres in PATH or /usr/lib/postgresql/*/bin");
  return found;
}

// A copy of files that change meanwhile, some of which vanish; none is of use without the control file.
constexpr const char* kCopyScript = R"(
cp -a "$1" "$2" 2>&1
rm -f "$2"/postmaster.pid "$2"/postmaster.opts
test -s "$2"/global/pg_control)";

}  // namespace

struct Server::Impl {
  ServerOptions options;
  fs::path binaries;
  fs::path root;
  std::vector<std::string> as_postgres;  // command prefix that changes the user when we are root
  HeldPort held;
  int guard_pipe = -1;
  pid_t guard = -1;
  pid_t postmaster = -1;
  bool paused = false;

  // `get_data` has it serve.
  Impl(const ServerOptions& given, fs::path programs, const std::function<void(Impl&)>& get_data)
      : options(given), binaries(std::move(programs)) {
    make_root();
    try {
      held = hold_port();
      if (options.tls) make_certificates(root, log());
      give_to_postgres();
      get_data(*this);
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

  void give_to_postgres() {
    if (geteuid() != 0) return;
    const passwd* account = getpwnam("postgres");
    if (account == nullptr) fail("running as root needs a system account `postgres`");
    as_postgres = {"setpriv", "--reuid=postgres", "--regid=postgres", "--clear-groups", "--"};
    for (const auto& file :
         {root, log(), root / "server.key", data() / kStandbySignal, data() / kBackupLabel}) {
      if (fs::exists(file) && chown(file.c_str(), account->pw_uid, account->pw_gid) != 0) fail("chown");
    }
  }

  std::vector<std::string> initdb_options() const {
    auto all = kInitdbOptions;
    all.push_back("--encoding=" + options.encoding);
    return all;
  }

  void make_data() const {
    make_cluster(cluster_cache(), cluster_key(), data(), log(), [&] {
      auto command = initdb_options();
      command.insert(command.begin(), {(binaries / "initdb").string(), "--pgdata=" + data().string()});
      run_program(with_user(command), log());
    });
    configure();
    write_file(data() / "pg_hba.conf",
               std::string("local all,replication postgres trust\nhost all all 127.0.0.1/32 ") +
                   (options.require_password ? "scram-sha-256" : "trust") + "\n");
  }

  void initialize() {
    make_data();
    start();
    superuser("CREATE ROLE app LOGIN PASSWORD 'app-secret'", "postgres");
    superuser("CREATE DATABASE audit OWNER app TEMPLATE template0 ENCODING 'UTF8'", "postgres");
  }

  // Later lines win, in a copy of another server's file too.
  void configure(const std::string& more = "") const {
    std::ofstream conf(data() / "postgresql.conf", std::ios::app);
    conf << "\nlisten_addresses = '127.0.0.1'\nport = " << held.port << "\nunix_socket_directories = '"
         << root.string()
         << "'\nfsync = off\nfull_page_writes = off\nshared_buffers = 16MB\ndynamic_shared_memory_type = "
            "mmap\n"
         << "password_encryption = scram-sha-256\nlogging_collector = off\n";
    if (options.tls) {
      conf << "ssl = on\nssl_cert_file = '" << (root / "server.crt").string() << "'\nssl_key_file = '"
           << (root / "server.key").string() << "'\n";
    }
    for (const auto& setting : options.settings) conf << setting << '\n';
    conf << more;
    if (!conf.flush()) fail("cannot write the configuration");
  }

  void follow(const Impl& primary) {
    if (postmaster > 0) fail("is running");
    fs::remove_all(data());
    primary.copy_data(data(), log());
    configure("primary_conninfo = 'host=" + primary.root.string() +
              " port=" + std::to_string(primary.held.port) + " user=" + kSuperuser + "'\n");
    write_file(data() / kStandbySignal, "");
    give_to_postgres();
    start();
  }

  void take_over(Impl& old) {
    old.stop();
    make_data();
    upgrade_cluster({.old_binaries = old.binaries,
                     .old_data = old.data(),
                     .binaries = binaries,
                     .data = data(),
                     .folder = root,
                     .port = held.port,
                     .as_postgres = as_postgres});
    start();
  }

  // As pg_basebackup does, which does not come with every version's programs.
  void copy_data(const fs::path& to, const fs::path& copy_log) const {
    Superuser session(root, held.port, "postgres");
    session.run("ALTER SYSTEM SET wal_keep_size = '1GB'");  // until the standby has come for it
    session.run("SELECT pg_reload_conf()");
    const bool renamed = session.version() >= 150000;
    session.run(renamed ? "SELECT pg_backup_start('copy', true)"
                        : "SELECT pg_start_backup('copy', true, false)");
    run_program({"sh", "-c", kCopyScript, "copy", data().string(), to.string()}, copy_log);
    const auto label = session.run(renamed ? "SELECT labelfile FROM pg_backup_stop(false)"
                                           : "SELECT labelfile FROM pg_stop_backup(false, false)");
    write_file(to / kBackupLabel, label.at(0));
  }

  // Two builds of one version may differ in how they were configured.
  std::string cluster_key() const {
    std::string version = version_of(binaries, root / "version");
    std::replace_if(
        version.begin(), version.end(), [](unsigned char c) { return std::isalnum(c) == 0 && c != '.'; },
        '-');
    std::string depends = binaries.string();
    for (const auto& option : initdb_options()) depends += ' ' + option;
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
    const std::string port_text = std::to_string(held.port);
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
    remove_leftovers(data());
  }

  void resume() {
    ::kill(postmaster, SIGCONT);
    paused = false;
  }

  std::vector<std::string> superuser(const std::string& sql, const std::string& database) const {
    return Superuser(root, held.port, database).run(sql);
  }

  void clean_up() noexcept {
    try {
      stop();
    } catch (const std::exception& error) {
      std::fprintf(stderr, "%s\n", error.what());
    }
    if (held.descriptor >= 0) close(held.descriptor);
    if (guard_pipe >= 0) close(guard_pipe);
    int status = 0;
    if (guard > 0) waitpid(guard, &status, 0);
  }
};

Server::Server(const ServerOptions& options)
    : impl_(std::make_unique<Impl>(options, find_server(), [](Impl& impl) { impl.initialize(); })) {}
Server::Server(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Server::~Server() = default;

std::uint16_t Server::port() const {
  return impl_->held.port;
}

ConnectOptions Server::connect_options(const std::string& database) const {
  ConnectOptions options;
  options.host = impl_->options.tls ? "localhost" : "127.0.0.1";
  options.port = impl_->held.port;
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

std::unique_ptr<Server> Server::standby_of(const Server& primary) {
  const Impl& other = *primary.impl_;
  return std::unique_ptr<Server>(new Server(
      std::make_unique<Impl>(other.options, other.binaries, [&](Impl& impl) { impl.follow(other); })));
}

std::unique_ptr<Server> Server::upgraded(Server& old) {
  Impl& other = *old.impl_;
  const fs::path programs = find_binaries("pg_upgrade");
  const fs::path scratch = other.root / "version";
  if (programs.empty() || major_of(programs, scratch) < major_of(other.binaries, scratch)) return nullptr;
  return std::unique_ptr<Server>(new Server(
      std::make_unique<Impl>(other.options, programs, [&](Impl& impl) { impl.take_over(other); })));
}

bool Server::reset_wal(const std::vector<std::string>& options) {
  const fs::path program = impl_->binaries / "pg_resetwal";
  if (!fs::exists(program)) return false;
  impl_->stop();
  auto command = impl_->with_user({program.string(), "--pgdata=" + impl_->data().string()});
  command.insert(command.end(), options.begin(), options.end());
  run_program(command, impl_->log());
  impl_->start();
  return true;
}

void Server::promote() {
  if (superuser("SELECT pg_promote(true, 60)").at(0) != "t") fail("was not promoted within a minute");
}

void Server::follow(const Server& primary) {
  impl_->follow(*primary.impl_);
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
