#include "pool/common/runtime/files.h"

#include <algorithm>
#include <cerrno>
#include <filesystem>
#include <system_error>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

namespace storagepool::runtime {
namespace {

class Descriptor {
 public:
  explicit Descriptor(int fd) : fd_(fd) {}
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  ~Descriptor() {
    if (fd_ >= 0) ::close(fd_);
  }
  int get() const { return fd_; }
  bool valid() const { return fd_ >= 0; }

 private:
  int fd_;
};

tl::unexpected<std::string> failed(std::string_view action, const std::string& path, int error) {
  return tl::unexpected("cannot " + std::string(action) + " " + path + ": " +
                        std::system_category().message(error));
}

tl::expected<void, std::string> write_and_sync(const std::string& path, std::string_view contents) {
  const Descriptor file(::open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0600));
  if (!file.valid()) return failed("create", path, errno);
  if (const int error = write_all(file.get(), contents)) return failed("write", path, error);
  if (::fsync(file.get()) != 0) return failed("sync", path, errno);
  return {};
}

}  // namespace

int write_all(int fd, std::string_view contents) {
  while (!contents.empty()) {
    const ssize_t written = ::write(fd, contents.data(), contents.size());
    if (written < 0) {
      if (errno == EINTR) continue;
      return errno;
    }
    contents.remove_prefix(static_cast<std::size_t>(written));
  }
  return 0;
}

tl::expected<std::string, std::string> read_file(const std::string& path, std::size_t max_bytes) {
  // O_NONBLOCK: a pipe in the file's place must not hang the program.
  const Descriptor file(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  if (!file.valid()) return failed("read", path, errno);
  struct stat status {};
  if (::fstat(file.get(), &status) != 0) return failed("read", path, errno);
  if (!S_ISREG(status.st_mode)) return tl::unexpected("cannot read " + path + ": not a regular file");
  const auto too_large = [&] {
    return tl::unexpected("cannot read " + path + ": larger than " + std::to_string(max_bytes) + " bytes");
  };
  if (static_cast<std::size_t>(status.st_size) > max_bytes) return too_large();

  // The file may grow meanwhile: what is read decides, not what fstat said.
  std::string contents(static_cast<std::size_t>(status.st_size) + 1, '\0');
  std::size_t size = 0;
  while (true) {
    const ssize_t got = ::read(file.get(), contents.data() + size, contents.size() - size);
    if (got < 0) {
      if (errno == EINTR) continue;
      return failed("read", path, errno);
    }
    if (got == 0) break;
    size += static_cast<std::size_t>(got);
    if (size > max_bytes) return too_large();
    if (size == contents.size()) contents.resize(std::min(2 * contents.size(), max_bytes + 1));
  }
  contents.resize(size);
  return contents;
}

tl::expected<void, std::string> write_file_durably(const std::string& path, std::string_view contents) {
  const std::string temporary = path + ".tmp";
  auto written = write_and_sync(temporary, contents);
  if (!written) {
    ::unlink(temporary.c_str());
    return written;
  }
  if (::rename(temporary.c_str(), path.c_str()) != 0) {
    const int error = errno;
    ::unlink(temporary.c_str());
    return failed("replace", path, error);
  }
  std::string folder = std::filesystem::path(path).parent_path().string();
  if (folder.empty()) folder = ".";
  const Descriptor directory(::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!directory.valid()) return failed("open", folder, errno);
  if (::fsync(directory.get()) != 0) return failed("sync", folder, errno);
  return {};
}

}  // namespace storagepool::runtime
