#include "e2e/support/process.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <system_error>
#include <thread>
#include <utility>

namespace storagepool::e2e {
namespace {

using Clock = std::chrono::steady_clock;

[[noreturn]] void fail(const char* what) {
  throw std::system_error(errno, std::generic_category(), what);
}

struct Pipe {
  int read = -1;
  int write = -1;

  Pipe() {
    std::array<int, 2> ends{};
    if (::pipe2(ends.data(), O_CLOEXEC) != 0) fail("pipe2");
    read = ends[0];
    write = ends[1];
  }
  ~Pipe() {
    close_end(read);
    close_end(write);
  }
  Pipe(const Pipe&) = delete;
  Pipe& operator=(const Pipe&) = delete;

  static void close_end(int& end) {
    if (end >= 0) ::close(end);
    end = -1;
  }
};

// Starts a program with the given standard streams. Between fork and exec only async-signal-safe calls are
// made.
pid_t start(const std::vector<std::string>& argv, int in, int out, int err) {
  std::vector<char*> arguments;
  arguments.reserve(argv.size() + 1);
  for (const auto& argument : argv) arguments.push_back(const_cast<char*>(argument.c_str()));
  arguments.push_back(nullptr);
  const pid_t parent = ::getpid();
  const pid_t pid = ::fork();
  if (pid < 0) fail("fork");
  if (pid == 0) {
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (::getppid() != parent) ::_exit(127);
    ::dup2(in, STDIN_FILENO);
    ::dup2(out, STDOUT_FILENO);
    ::dup2(err, STDERR_FILENO);
    ::execvp(arguments[0], arguments.data());
    constexpr std::string_view kMessage = "cannot execute the program\n";
    if (::write(STDERR_FILENO, kMessage.data(), kMessage.size()) < 0) ::_exit(126);
    ::_exit(127);
  }
  return pid;
}

int remaining_ms(Clock::time_point deadline) {
  const auto left = std::chrono::ceil<std::chrono::milliseconds>(deadline - Clock::now()).count();
  return static_cast<int>(std::max<std::int64_t>(0, left));
}

// Appends what `fd` has; closes it at the end of the stream.
void read_some(int& fd, std::string& into) {
  std::array<char, 65536> buffer{};
  const ssize_t count = ::read(fd, buffer.data(), buffer.size());
  if (count > 0) {
    into.append(buffer.data(), static_cast<std::size_t>(count));
  } else if (count == 0 || errno != EINTR) {
    Pipe::close_end(fd);
  }
}

void write_some(int& fd, std::string_view& input) {
  const ssize_t count = ::write(fd, input.data(), input.size());
  if (count > 0) input.remove_prefix(static_cast<std::size_t>(count));
  if (input.empty() || (count < 0 && errno != EINTR && errno != EAGAIN)) Pipe::close_end(fd);
}

int reap(pid_t pid) {
  int status = 0;
  while (::waitpid(pid, &status, 0) < 0) {
    if (errno != EINTR) fail("waitpid");
  }
  return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

// Whether the process has ended; it stays a zombie, so that its id is not reused before `reap`.
bool ended(pid_t pid) {
  siginfo_t info{};
  return ::waitid(P_PID, static_cast<id_t>(pid), &info, WEXITED | WNOHANG | WNOWAIT) == 0 &&
         info.si_pid == pid;
}

bool wait_until_ended(pid_t pid, Clock::time_point deadline) {
  while (!ended(pid)) {
    if (Clock::now() >= deadline) return false;
    std::this_thread::sleep_for(std::chrono::milliseconds{2});
  }
  return true;
}

}  // namespace

Result run(const std::vector<std::string>& argv, std::string_view input, std::chrono::milliseconds deadline) {
  const auto until = Clock::now() + deadline;
  // A program that does not read its input must not end the test by SIGPIPE.
  std::signal(SIGPIPE, SIG_IGN);
  Pipe in;
  Pipe out;
  Pipe err;
  const pid_t pid = start(argv, in.read, out.write, err.write);
  Pipe::close_end(in.read);
  Pipe::close_end(out.write);
  Pipe::close_end(err.write);
  ::fcntl(in.write, F_SETFL, O_NONBLOCK);
  if (input.empty()) Pipe::close_end(in.write);

  Result result;
  while (out.read >= 0 || err.read >= 0) {
    std::array<pollfd, 3> waits{{{out.read, POLLIN, 0}, {err.read, POLLIN, 0}, {in.write, POLLOUT, 0}}};
    const int ready = ::poll(waits.data(), waits.size(), remaining_ms(until));
    if (ready < 0 && errno != EINTR) fail("poll");
    if (ready == 0) break;
    if (waits[0].revents != 0) read_some(out.read, result.out);
    if (waits[1].revents != 0) read_some(err.read, result.err);
    if (waits[2].revents != 0) write_some(in.write, input);
  }
  if (!wait_until_ended(pid, until)) {
    result.timed_out = true;
    ::kill(pid, SIGKILL);
  }
  result.exit_code = reap(pid);
  return result;
}

Child::Child(const std::vector<std::string>& argv, std::string_view input) {
  std::signal(SIGPIPE, SIG_IGN);
  Pipe in;
  Pipe out;
  // Fits the pipe's buffer of 64 KiB, so this does not block.
  if (::write(in.write, input.data(), input.size()) < 0) fail("write");
  pid_ = start(argv, in.read, out.write, out.write);
  output_ = std::exchange(out.read, -1);
}

Child::~Child() {
  ::kill(pid_, SIGTERM);
  if (!wait_until_ended(pid_, Clock::now() + std::chrono::seconds{3})) ::kill(pid_, SIGKILL);
  int status = 0;
  ::waitpid(pid_, &status, 0);
  Pipe::close_end(output_);
}

std::optional<std::string> Child::read_line(std::chrono::milliseconds deadline) {
  const auto until = Clock::now() + deadline;
  while (true) {
    if (const auto end = pending_.find('\n'); end != std::string::npos) {
      std::string line = pending_.substr(0, end);
      pending_.erase(0, end + 1);
      return line;
    }
    if (output_ < 0) return std::nullopt;
    pollfd wait{output_, POLLIN, 0};
    const int ready = ::poll(&wait, 1, remaining_ms(until));
    if (ready < 0 && errno != EINTR) fail("poll");
    if (ready == 0) return std::nullopt;
    if (ready > 0) read_some(output_, pending_);
  }
}

bool Child::running() {
  return !ended(pid_);
}

}  // namespace storagepool::e2e
