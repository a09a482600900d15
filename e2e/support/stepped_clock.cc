#include "e2e/support/stepped_clock.h"

#include <dlfcn.h>
#include <elf.h>
#include <fcntl.h>
#include <link.h>
#include <sys/auxv.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstdint>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <optional>
#include <sstream>
#include <stdexcept>
#include <string>
#include <system_error>
#include <thread>
#include <utility>

#include "e2e/support/node.h"

namespace storagepool::e2e {
namespace {

using namespace std::chrono_literals;
using std::chrono::steady_clock;
using Code = std::vector<std::uint8_t>;

constexpr auto kDeadline = 5s;

// A function of the vDSO: where it begins there, and how long it is.
struct Function {
  std::ptrdiff_t offset;
  std::size_t size;
};

// Of this process, and so of all: one kernel has one vDSO for 64 bits.
Function function_of_vdso(const char* name) {
  void* library = ::dlopen("linux-vdso.so.1", RTLD_LAZY | RTLD_LOCAL | RTLD_NOLOAD);
  void* found = library == nullptr ? nullptr : ::dlsym(library, name);
  Dl_info about{};
  void* entry = nullptr;
  if (found == nullptr || ::dladdr1(found, &about, &entry, RTLD_DL_SYMENT) == 0 || entry == nullptr)
    throw std::runtime_error(std::string("the vDSO of this machine has no ") + name);
  const auto base = ::getauxval(AT_SYSINFO_EHDR);
  return {static_cast<std::ptrdiff_t>(reinterpret_cast<std::uintptr_t>(found) - base),
          static_cast<const ElfW(Sym)*>(entry)->st_size};
}

Code with_seconds(Code before, std::int32_t seconds, const Code& after) {
  const auto* bytes = reinterpret_cast<const std::uint8_t*>(&seconds);
  before.insert(before.end(), bytes, bytes + sizeof seconds);
  before.insert(before.end(), after.begin(), after.end());
  return before;
}

struct Patch {
  Function where;
  Code code;
};

// Each asks the kernel itself and adds to what it says.
std::vector<Patch> patches(std::int32_t seconds) {
  // mov eax, 228; syscall; test eax, eax; jnz end; test edi, edi; jz add; cmp edi, 5 (CLOCK_REALTIME_COARSE);
  // jne end; add: add qword [rsi], seconds; end: ret
  Code clock_gettime = with_seconds({0xb8, 0xe4, 0,    0,    0,    0x0f, 0x05, 0x85, 0xc0, 0x75, 0x10, 0x85,
                                     0xff, 0x74, 0x05, 0x83, 0xff, 0x05, 0x75, 0x07, 0x48, 0x81, 0x06},
                                    seconds, {0xc3});
  // mov eax, 96; syscall; test eax, eax; jnz end; test rdi, rdi; jz end; add qword [rdi], seconds; end: ret
  Code gettimeofday = with_seconds({0xb8, 0x60, 0, 0, 0, 0x0f, 0x05, 0x85, 0xc0, 0x75, 0x0c, 0x48, 0x85, 0xff,
                                    0x74, 0x07, 0x48, 0x81, 0x07},
                                   seconds, {0xc3});
  // mov eax, 201; syscall; add rax, seconds; test rdi, rdi; jz end; mov [rdi], rax; end: ret
  Code time = with_seconds({0xb8, 0xc9, 0, 0, 0, 0x0f, 0x05, 0x48, 0x05}, seconds,
                           {0x48, 0x85, 0xff, 0x74, 0x03, 0x48, 0x89, 0x07, 0xc3});
  std::vector<Patch> all{{function_of_vdso("__vdso_clock_gettime"), std::move(clock_gettime)},
                         {function_of_vdso("__vdso_gettimeofday"), std::move(gettimeofday)},
                         {function_of_vdso("__vdso_time"), std::move(time)}};
  for (const Patch& patch : all) {
    if (patch.where.size < patch.code.size())
      throw std::runtime_error("a function of this machine's vDSO has " + std::to_string(patch.where.size) +
                               " bytes; " + std::to_string(patch.code.size()) + " are needed");
  }
  return all;
}

// What the vDSO has there by itself.
std::vector<Patch> originals(const std::vector<Patch>& patches) {
  const auto* base = reinterpret_cast<const std::uint8_t*>(::getauxval(AT_SYSINFO_EHDR));
  std::vector<Patch> all;
  for (const Patch& patch : patches) {
    const std::uint8_t* from = base + patch.where.offset;
    all.push_back({patch.where, Code(from, from + patch.code.size())});
  }
  return all;
}

std::string file_of(pid_t process, const std::string& name) {
  return "/proc/" + std::to_string(process) + "/" + name;
}

struct Range {
  std::uintptr_t from = 0;
  std::uintptr_t until = 0;
};

std::optional<Range> vdso_of(pid_t process) {
  std::ifstream maps(file_of(process, "maps"));
  for (std::string line; std::getline(maps, line);) {
    if (!line.ends_with("[vdso]")) continue;
    Range range;
    char dash = 0;
    std::istringstream(line) >> std::hex >> range.from >> dash >> range.until;
    return range;
  }
  return std::nullopt;
}

// Whether a thread is stopped by a signal, or is no more.
bool is_stopped(const std::filesystem::path& thread) {
  const std::string stat = contents_of(thread / "stat");
  const auto name = stat.rfind(')');
  return name == std::string::npos || name + 2 >= stat.size() ||
         std::string("TtZX").find(stat[name + 2]) != std::string::npos;
}

// Where a stopped thread goes on; the last word of proc(5)'s syscall.
std::uintptr_t goes_on_at(const std::filesystem::path& thread) {
  std::ifstream file(thread / "syscall");
  std::string word;
  std::string last;
  while (file >> word) last = word;
  return std::strtoull(last.c_str(), nullptr, 16);
}

// All threads of a process, stopped outside of its vDSO; one that was stopped already stays so.
class Held {
 public:
  explicit Held(pid_t process)
      : process_(process), fd_(static_cast<int>(::syscall(SYS_pidfd_open, process, 0))) {
    if (fd_ < 0 || !vdso_of(process)) return;
    was_stopped_ = stopped();
    const auto until = steady_clock::now() + kDeadline;
    while (!good_) {
      if (!was_stopped_) send(SIGSTOP);
      while (!stopped() && steady_clock::now() < until) std::this_thread::sleep_for(1ms);
      if (steady_clock::now() >= until) break;
      good_ = outside();
      if (!good_) go_on();
    }
  }
  ~Held() {
    go_on();
    if (fd_ >= 0) ::close(fd_);
  }
  Held(const Held&) = delete;
  Held& operator=(const Held&) = delete;

  bool gone() const { return fd_ < 0 || !vdso_of(process_); }
  bool good() const { return good_; }

 private:
  bool all(const std::function<bool(const std::filesystem::path&)>& is_so) const {
    std::error_code failed;
    for (std::filesystem::directory_iterator thread(file_of(process_, "task"), failed), end;
         !failed && thread != end; thread.increment(failed)) {
      if (!is_so(thread->path())) return false;
    }
    return true;
  }
  bool stopped() const { return all(is_stopped); }
  bool outside() const {
    const auto vdso = vdso_of(process_);
    return all([&](const std::filesystem::path& thread) {
      const auto at = goes_on_at(thread);
      return !vdso || at < vdso->from || at >= vdso->until;
    });
  }
  void go_on() const {
    if (fd_ >= 0 && !was_stopped_) send(SIGCONT);
  }
  void send(int signal) const { ::syscall(SYS_pidfd_send_signal, fd_, signal, nullptr, 0); }

  pid_t process_;
  int fd_;
  bool was_stopped_ = false;
  bool good_ = false;
};

void write_code(pid_t process, const std::vector<Patch>& patches) {
  const Held held(process);
  if (held.gone()) return;
  const auto vdso = vdso_of(process);
  const int memory = ::open(file_of(process, "mem").c_str(), O_RDWR | O_CLOEXEC);
  bool done = held.good() && vdso && memory >= 0;
  for (const Patch& patch : patches) {
    const auto at = static_cast<off_t>(vdso ? vdso->from : 0) + patch.where.offset;
    done = done && ::pwrite(memory, patch.code.data(), patch.code.size(), at) ==
                       static_cast<ssize_t>(patch.code.size());
  }
  const int error = errno;
  if (memory >= 0) ::close(memory);
  if (!done && !held.gone())
    throw std::runtime_error("the clock of process " + std::to_string(process) +
                             " cannot be changed: " + std::generic_category().message(error));
}

}  // namespace

SteppedClock::SteppedClock(std::function<std::vector<pid_t>()> processes, std::chrono::seconds step)
    : processes_(std::move(processes)) {
#ifndef __x86_64__
  throw std::runtime_error("clocks are stepped on x86-64 only");
#endif
  const auto all = patches(static_cast<std::int32_t>(step.count()));
  for (const pid_t process : processes_()) write_code(process, all);
}

SteppedClock::~SteppedClock() {
  const auto all = originals(patches(0));
  for (const pid_t process : processes_()) {
    try {
      write_code(process, all);
    } catch (const std::runtime_error&) {
      continue;  // what is not well again is seen
    }
  }
}

}  // namespace storagepool::e2e
