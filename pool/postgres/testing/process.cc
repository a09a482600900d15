#include "pool/postgres/testing/process.h"

#include <array>
#include <cerrno>
#include <fstream>
#include <sstream>
#include <stdexcept>
#include <utility>

#include <fcntl.h>
#include <spawn.h>
#include <sys/ipc.h>
#include <sys/shm.h>
#include <sys/wait.h>
#include <unistd.h>

namespace storagepool::postgres::testing {

namespace fs = std::filesystem;

namespace {

// State and parent of a process, {0, 0} when there is none.
std::pair<char, pid_t> look_up(const std::string& pid) {
  std::ifstream in(fs::path("/proc") / pid / "stat");
  std::string stat;
  std::getline(in, stat);
  const auto end_of_name = stat.rfind(')');
  if (end_of_name == std::string::npos) return {0, 0};
  std::istringstream rest(stat.substr(end_of_name + 1));
  char state = 0;
  pid_t parent = 0;
  rest >> state >> parent;
  return {state, parent};
}

}  // namespace

[[noreturn]] void fail(const std::string& what) {
  throw std::runtime_error("test PostgreSQL: " + what);
}

std::string read_tail(const fs::path& file) {
  std::ifstream in(file);
  std::stringstream text;
  text << in.rdbuf();
  const std::string all = text.str();
  return all.size() > 4000 ? all.substr(all.size() - 4000) : all;
}

pid_t spawn(std::vector<std::string> arguments, int input, const fs::path& log) {
  posix_spawn_file_actions_t files;
  posix_spawn_file_actions_init(&files);
  if (input >= 0) {
    posix_spawn_file_actions_adddup2(&files, input, STDIN_FILENO);
  } else {
    posix_spawn_file_actions_addopen(&files, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
  }
  posix_spawn_file_actions_addopen(&files, STDOUT_FILENO, log.c_str(), O_WRONLY | O_CREAT | O_APPEND, 0644);
  posix_spawn_file_actions_adddup2(&files, STDOUT_FILENO, STDERR_FILENO);
  posix_spawnattr_t attributes;
  posix_spawnattr_init(&attributes);
  posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSID);

  std::vector<char*> argv;
  argv.reserve(arguments.size() + 1);
  for (auto& argument : arguments) argv.push_back(argument.data());
  argv.push_back(nullptr);
  std::array<std::string, 3> variables = {"PATH=/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL=C", "TZ=UTC"};
  std::array<char*, 4> environment = {variables[0].data(), variables[1].data(), variables[2].data(), nullptr};
  pid_t pid = -1;
  const int result = posix_spawnp(&pid, argv[0], &files, &attributes, argv.data(), environment.data());
  posix_spawnattr_destroy(&attributes);
  posix_spawn_file_actions_destroy(&files);
  if (result != 0) fail("cannot start " + arguments[0]);
  return pid;
}

void run_program(const std::vector<std::string>& arguments, const fs::path& log) {
  const pid_t pid = spawn(arguments, -1, log);
  int status = 0;
  while (waitpid(pid, &status, 0) < 0 && errno == EINTR) {
  }
  if (status != 0) fail(arguments[0] + " failed:\n" + read_tail(log));
}

bool exited(pid_t pid) {
  int status = 0;
  return waitpid(pid, &status, WNOHANG) == pid;
}

bool is_gone(pid_t pid) {
  const char state = look_up(std::to_string(pid)).first;
  return state == 0 || state == 'Z' || state == 'X';
}

std::vector<pid_t> children_of(pid_t parent) {
  std::vector<pid_t> children;
  std::error_code ignored;
  for (const auto& entry : fs::directory_iterator("/proc", ignored)) {
    const std::string name = entry.path().filename();
    if (name.find_first_not_of("0123456789") != std::string::npos) continue;
    if (look_up(name).second == parent) children.push_back(std::stoi(name));
  }
  return children;
}

// Its lock file names the segment in the seventh line.
void remove_leftovers(const fs::path& data) {
  const fs::path lock = data / "postmaster.pid";
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

void write_file(const fs::path& file, const std::string& text) {
  std::ofstream out(file);
  if (!(out << text << std::flush)) fail("cannot write " + file.string());
}

}  // namespace storagepool::postgres::testing
