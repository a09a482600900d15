// Subprocesses with deadlines, for scenarios that use a cluster as people do: through kubectl.
//
// `run` waits for a program to end; `Child` keeps one running in the background and reads what it prints line
// by line. Both end the program by its process id when its time is up or its owner goes away, also when the
// test itself is killed. Programs are found on PATH. Errors of the system calls are thrown as
// std::system_error.
#pragma once

#include <sys/types.h>

#include <chrono>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace storagepool::e2e {

struct Result {
  int exit_code = -1;  // 128 + signal number when a signal ended it
  bool timed_out = false;
  std::string out;
  std::string err;

  bool ok() const { return exit_code == 0 && !timed_out; }
};

Result run(const std::vector<std::string>& argv, std::string_view input = {},
           std::chrono::milliseconds deadline = std::chrono::seconds{60});

class Child {
 public:
  explicit Child(const std::vector<std::string>& argv, std::string_view input = {});
  ~Child();
  Child(const Child&) = delete;
  Child& operator=(const Child&) = delete;

  // The next whole line of its standard output or error, without the newline; nothing when `deadline` passes
  // or the program has closed its output.
  std::optional<std::string> read_line(std::chrono::milliseconds deadline);
  bool running();

 private:
  pid_t pid_ = -1;
  int output_ = -1;
  std::string pending_;
};

}  // namespace storagepool::e2e
