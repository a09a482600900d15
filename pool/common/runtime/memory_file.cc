#include "pool/common/runtime/memory_file.h"

#include <sys/mman.h>
#include <unistd.h>

#include <cerrno>
#include <system_error>

#include "pool/common/runtime/files.h"

namespace storagepool::runtime {

MemoryFile::MemoryFile(std::string_view contents) : descriptor_(memfd_create("storagepool", MFD_CLOEXEC)) {
  const int failed = descriptor_ < 0 ? errno : write_all(descriptor_, contents);
  if (failed == 0) return;
  const std::error_code error(failed, std::generic_category());
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
