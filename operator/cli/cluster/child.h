// A program that runs beside this one and ends with its owner, or with this program.
#pragma once

#include <sys/types.h>

#include <chrono>
#include <optional>
#include <string>
#include <vector>

#include "pool/common/runtime/clock.h"

namespace storagepool::cli {

class Descriptor {
 public:
  Descriptor() = default;
  explicit Descriptor(int number) : number_(number) {}
  ~Descriptor() { close(); }
  Descriptor(Descriptor&& other) noexcept;
  Descriptor& operator=(Descriptor&& other) noexcept;

  int get() const { return number_; }
  bool open() const { return number_ >= 0; }
  void close();

 private:
  int number_ = -1;
};

class Child {
 public:
  enum class Errors { kInOutput, kApart };  // where its standard error is read

  // Starts the program; its exit code is 127 when there is none. Throws std::system_error when the system has
  // no pipe or process left. It ends with the thread that started it.
  explicit Child(const std::vector<std::string>& argv, Errors errors = Errors::kInOutput);
  ~Child();  // SIGTERM, and SIGKILL after two seconds
  Child(const Child&) = delete;
  Child& operator=(const Child&) = delete;

  Descriptor& input() { return input_; }
  Descriptor& output() { return output_; }
  Descriptor& error() { return error_; }

  // The next whole line of the output, without its end; nothing at the end of the output or when `until` has
  // passed. Lines longer than 1 MiB are cut.
  std::optional<std::string> read_line(runtime::TimePoint until);
  // Whether it has ended by then.
  bool wait_until(runtime::TimePoint until) const;
  void kill();
  // Waits for its end: the exit code, or 128 + the number of the signal that ended it.
  int reap();

 private:
  pid_t pid_ = -1;
  Descriptor input_;
  Descriptor output_;
  Descriptor error_;
  std::string pending_;
};

}  // namespace storagepool::cli
