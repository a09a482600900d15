// Starting, finding and awaiting the processes of servers and proxies that tests run.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include <sys/types.h>

namespace storagepool::postgres::testing {

// Throws std::runtime_error.
[[noreturn]] void fail(const std::string& what);

// Starts a program in a session of its own, with `input` (-1: nothing) as standard input and its output in
// `log`.
pid_t spawn(std::vector<std::string> arguments, int input, const std::filesystem::path& log);
// Runs one to its end; throws with the end of the log when it fails.
void run_program(const std::vector<std::string>& arguments, const std::filesystem::path& log);

bool exited(pid_t child);  // reaps it
bool is_gone(pid_t pid);   // of any process: ended, reaped or not
std::vector<pid_t> children_of(pid_t parent);

// A killed postmaster leaves its lock file and a small System V segment.
void remove_leftovers(const std::filesystem::path& data);

void write_file(const std::filesystem::path& file, const std::string& text);
std::string read_tail(const std::filesystem::path& file);

}  // namespace storagepool::postgres::testing
