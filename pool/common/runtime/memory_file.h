// A file that is in memory only, for libraries that take nothing but a path. Gone with its object.
#pragma once

#include <string>
#include <string_view>

namespace storagepool::runtime {

class MemoryFile {
 public:
  // Throws std::system_error when the process lacks a descriptor or memory.
  explicit MemoryFile(std::string_view contents);
  ~MemoryFile();
  MemoryFile(const MemoryFile&) = delete;
  MemoryFile& operator=(const MemoryFile&) = delete;

  // For this process alone.
  std::string path() const;

 private:
  int descriptor_;
};

}  // namespace storagepool::runtime
