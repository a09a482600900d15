// A tar archive (POSIX ustar) made in memory: regular files with names of at most 255 bytes. Pure.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace storagepool::cli {

class Tar {
 public:
  // `seconds`: Unix time of all files.
  explicit Tar(std::int64_t seconds) : seconds_(seconds) {}

  // `name`: a path with /, of which up to 100 bytes follow some / within the first 155. Other names are cut.
  void add(std::string_view name, std::string_view contents);
  // The whole archive.
  std::string finish();

 private:
  std::int64_t seconds_;
  std::string bytes_;
};

}  // namespace storagepool::cli
