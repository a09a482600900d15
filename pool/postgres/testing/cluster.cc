#include "pool/postgres/testing/cluster.h"

#include <cerrno>
#include <cstdlib>
#include <string>
#include <system_error>
#include <utility>

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include "pool/postgres/testing/process.h"

namespace storagepool::postgres::testing {

namespace fs = std::filesystem;

namespace {

// An open file or folder.
class Descriptor {
 public:
  explicit Descriptor(int number) : number_(number) {}
  ~Descriptor() {
    if (number_ >= 0) close(number_);
  }
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  int number() const { return number_; }

 private:
  int number_;
};

void copy(const fs::path& from, const fs::path& to, const fs::path& log) {
  run_program({"cp", "-a", "--reflink=auto", from.string(), to.string()}, log);
}

// The template must be whole after a crash of the machine too, and initdb and cp leave it to the kernel when
// they write.
void flush(const fs::path& folder) {
  const Descriptor opened(open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (opened.number() < 0 || syncfs(opened.number()) != 0) fail("cannot flush " + folder.string());
}

}  // namespace

fs::path cluster_cache() {
  for (const auto& [variable, below] : {std::pair("XDG_CACHE_HOME", ""), std::pair("HOME", ".cache")}) {
    const char* folder = std::getenv(variable);
    if (folder != nullptr && *folder == '/') return fs::path(folder) / below / "storagepool" / "postgres";
  }
  return {};
}

void make_cluster(const fs::path& cache, const std::string& key, const fs::path& data, const fs::path& log,
                  const std::function<void()>& initdb) {
  const fs::path whole = cache / key;
  std::error_code error;
  if (!cache.empty() && fs::exists(whole, error)) return copy(whole, data, log);
  if (!cache.empty()) fs::create_directories(cache, error);
  // The kernel lets go of the lock when its holder dies.
  const Descriptor lock(
      cache.empty() ? -1 : open((whole.string() + ".lock").c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600));
  if (lock.number() < 0) return initdb();
  while (flock(lock.number(), LOCK_EX) != 0) {
    if (errno != EINTR) fail("cannot lock " + whole.string());
  }
  if (fs::exists(whole)) return copy(whole, data, log);
  initdb();
  const fs::path half = whole.string() + ".half";
  fs::remove_all(half);
  copy(data, half, log);
  flush(half);
  fs::rename(half, whole);
}

}  // namespace storagepool::postgres::testing
