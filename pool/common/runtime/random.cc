#include "pool/common/runtime/random.h"

#include <array>
#include <cerrno>
#include <system_error>

#include <sys/random.h>

namespace storagepool::runtime {
namespace {

constexpr std::size_t kMost = 256;  // what getrandom gives whole, whatever signals arrive

struct Stock {
  std::array<std::uint8_t, kMost> bytes{};
  std::size_t given = kMost;

  void refill() {
    ssize_t got = -1;
    do {
      got = ::getrandom(bytes.data(), bytes.size(), 0);
    } while (got < 0 && errno == EINTR);
    if (got != static_cast<ssize_t>(bytes.size()))
      throw std::system_error(errno, std::generic_category(), "getrandom");
    given = 0;
  }
};

}  // namespace

void fill_random(std::span<std::uint8_t> bytes) {
  thread_local Stock stock;
  for (std::uint8_t& byte : bytes) {
    if (stock.given == stock.bytes.size()) stock.refill();
    byte = stock.bytes.at(stock.given++);
  }
}

}  // namespace storagepool::runtime
