// Work that would keep the loop, and with it every other request, for long is done in parts.
#pragma once

#include <cstddef>

namespace storagepool::service {

class Turns {
 public:
  // Some milliseconds of reading, digesting and writing events.
  static constexpr std::size_t kBytes = std::size_t{256} * 1024;

  // After work on so many bytes: whether others are to come first now.
  bool over(std::size_t bytes) {
    done_ += bytes;
    if (done_ < kBytes) return false;
    done_ = 0;
    return true;
  }

 private:
  std::size_t done_ = 0;
};

}  // namespace storagepool::service
