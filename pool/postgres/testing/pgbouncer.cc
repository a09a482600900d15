#include "pool/postgres/testing/pgbouncer.h"

#include <chrono>
#include <csignal>
#include <filesystem>
#include <fstream>
#include <thread>

#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include "pool/postgres/testing/port.h"
#include "pool/postgres/testing/process.h"

namespace storagepool::postgres::testing {
namespace {

using std::chrono::steady_clock;

constexpr auto kPatience = std::chrono::seconds(30);

bool listens(std::uint16_t port) {
  const int client = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  address.sin_port = htons(port);
  const bool accepted = connect(client, reinterpret_cast<sockaddr*>(&address), sizeof address) == 0;
  close(client);
  return accepted;
}

}  // namespace

PgBouncer::PgBouncer(const Server& server, const std::string& mode, const std::vector<std::string>& settings)
    : options_(server.connect_options()) {
  const std::string server_port = std::to_string(options_.port);
  const auto held = hold_port();
  port_holder_ = held.descriptor;
  options_.port = held.port;
  const std::filesystem::path log = folder_ / "log";
  std::ofstream ini(folder_ / "pgbouncer.ini");
  ini << "[databases]\n* = host=127.0.0.1 port=" << server_port << " user=" << options_.user
      << " password=" << options_.password
      << "\n[pgbouncer]\nlisten_addr = 127.0.0.1\nlisten_port = " << options_.port
      << "\nunix_socket_dir =\nauth_type = any\npool_mode = " << mode << '\n';
  for (const auto& setting : settings) ini << setting << '\n';
  ini.close();
  std::filesystem::permissions(folder_.path(),
                               std::filesystem::perms::others_exec | std::filesystem::perms::owner_all);
  std::vector<std::string> command = {"setpriv", "--pdeathsig", "KILL"};
  if (geteuid() == 0) {
    for (const char* word : {"--reuid=postgres", "--regid=postgres", "--clear-groups"})
      command.emplace_back(word);
  }
  for (const std::string& word : {std::string("pgbouncer"), (folder_ / "pgbouncer.ini").string()})
    command.push_back(word);
  process_ = spawn(command, -1, log);
  const auto give_up = steady_clock::now() + kPatience;
  while (!listens(options_.port)) {
    if (exited(process_)) fail("PgBouncer (hack/setup installs it) did not start:\n" + read_tail(log));
    if (steady_clock::now() > give_up) fail("PgBouncer does not answer:\n" + read_tail(log));
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
  }
}

PgBouncer::~PgBouncer() {
  ::kill(process_, SIGKILL);
  const auto give_up = steady_clock::now() + kPatience;
  while (!exited(process_) && steady_clock::now() < give_up)
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  close(port_holder_);
}

ConnectOptions PgBouncer::connect_options(const std::string& database) const {
  ConnectOptions options = options_;
  options.database = database;
  return options;
}

}  // namespace storagepool::postgres::testing
