#include "pool/common/runtime/memory_file.h"

#include <sys/mman.h>
#include <unistd.h>

#include <cerrno>
#include <system_error>

namespace storagepool::runtime {

MemoryFile::MemoryFile(std::string_view contents) : descriptor_(memfd_create("storagepool", MFD_CLOEXEC)) {
  bool written = descriptor_ >= 0;
  while (written && !contents.empty()) {
    const ssize_t count = ::write(descriptor_, contents.data(), contents.size());
    if (count >= 0) contents.remove_prefix(static_cast<std::size_t>(count));
    written = count >= 0 || errno == EINTR;
  }
  if (written) return;
  const std::error_code error(errno, std::generic_category());
  if (descriptor_ >= 0) ::close(descriptor_);
  throw std::system_error(error, "a file in memory");
}

MemoryFile::~MemoryFile() {
  ::close(descriptor_);
}

std::string MemoryFile::path() const {
  return "/proc/self/fd/" + std::to_string(descriptor_);
}

}  // namespace storagepool::runtime
