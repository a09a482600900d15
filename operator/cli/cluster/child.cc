#include "operator/cli/cluster/child.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <string_view>
#include <system_error>
#include <thread>
#include <utility>

namespace storagepool::cli {
namespace {

using namespace std::chrono_literals;

constexpr std::size_t kLongestLineBytes = std::size_t{1} << 20;

[[noreturn]] void fail(const char* what) {
  throw std::system_error(errno, std::generic_category(), what);
}

struct Pipe {
  Descriptor read;
  Descriptor write;

  Pipe() {
    std::array<int, 2> ends{};
    if (::pipe2(ends.data(), O_CLOEXEC) != 0) fail("pipe2");
    read = Descriptor(ends[0]);
    write = Descriptor(ends[1]);
  }
};

[[noreturn]] void become(char* const* argv, int in, int out, int err) {
  ::dup2(in, STDIN_FILENO);
  ::dup2(out, STDOUT_FILENO);
  ::dup2(err, STDERR_FILENO);
  ::execvp(argv[0], argv);
  constexpr std::string_view kMessage = "cannot be run: there is no such program, or it may not be run\n";
  if (::write(STDERR_FILENO, kMessage.data(), kMessage.size()) < 0) ::_exit(126);
  ::_exit(127);
}

bool ended(pid_t pid) {
  siginfo_t info{};
  return ::waitid(P_PID, static_cast<id_t>(pid), &info, WEXITED | WNOHANG | WNOWAIT) == 0 &&
         info.si_pid == pid;
}

}  // namespace

Descriptor::Descriptor(Descriptor&& other) noexcept : number_(std::exchange(other.number_, -1)) {}

Descriptor& Descriptor::operator=(Descriptor&& other) noexcept {
  close();
  number_ = std::exchange(other.number_, -1);
  return *this;
}

void Descriptor::close() {
  if (number_ >= 0) ::close(number_);
  number_ = -1;
}

Child::Child(const std::vector<std::string>& argv, Errors errors) {
  std::signal(SIGPIPE, SIG_IGN);  // a program that does not read its input must not end this one
  Pipe in;
  Pipe out;
  std::optional<Pipe> err;
  if (errors == Errors::kApart) err.emplace();
  std::vector<char*> words;
  words.reserve(argv.size() + 1);
  for (const std::string& word : argv) words.push_back(const_cast<char*>(word.c_str()));
  words.push_back(nullptr);
  const pid_t parent = ::getpid();
  pid_ = ::fork();
  if (pid_ < 0) fail("fork");
  if (pid_ == 0) {  // only what is safe between fork and exec
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (::getppid() != parent) ::_exit(127);
    become(words.data(), in.read.get(), out.write.get(), err ? err->write.get() : out.write.get());
  }
  input_ = std::move(in.write);
  output_ = std::move(out.read);
  if (err) error_ = std::move(err->read);
}

Child::~Child() {
  if (pid_ < 0) return;
  ::kill(pid_, SIGTERM);
  if (!wait_until(runtime::steady_now() + 2s)) kill();
  reap();
}

std::optional<std::string> Child::read_line(runtime::TimePoint until) {
  while (true) {
    const std::size_t end = pending_.find('\n');
    if (end != std::string::npos || pending_.size() > kLongestLineBytes) {
      std::string line = pending_.substr(0, std::min(end, kLongestLineBytes));
      pending_.erase(0, end == std::string::npos ? pending_.size() : end + 1);
      return line;
    }
    if (!output_.open()) return std::nullopt;
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(until - runtime::steady_now()).count();
    pollfd wait{output_.get(), POLLIN, 0};
    const int ready = ::poll(&wait, 1, static_cast<int>(std::clamp<std::int64_t>(left, 0, 60'000)));
    if (ready == 0 && runtime::steady_now() >= until) return std::nullopt;
    if (ready <= 0) continue;
    std::array<char, 65536> buffer{};
    const ssize_t count = ::read(output_.get(), buffer.data(), buffer.size());
    if (count > 0) {
      pending_.append(buffer.data(), static_cast<std::size_t>(count));
    } else if (count == 0 || errno != EINTR) {
      output_.close();
    }
  }
}

bool Child::wait_until(runtime::TimePoint until) const {
  while (!ended(pid_)) {
    if (runtime::steady_now() >= until) return false;
    std::this_thread::sleep_for(2ms);
  }
  return true;
}

void Child::kill() {
  ::kill(pid_, SIGKILL);
}

int Child::reap() {
  int status = 0;
  while (::waitpid(pid_, &status, 0) < 0) {
    if (errno != EINTR) fail("waitpid");
  }
  pid_ = -1;
  return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

}  // namespace storagepool::cli
