#include "pool/postgres/resolve.h"

#include <algorithm>
#include <array>
#include <atomic>
#include <map>
#include <mutex>
#include <set>
#include <system_error>
#include <thread>
#include <utility>

#include <netdb.h>
#include <sys/socket.h>

#include <boost/asio/ip/address.hpp>
#include <boost/asio/this_coro.hpp>

#include "pool/common/runtime/loop/promise.h"

namespace storagepool::postgres {
namespace asio = boost::asio;

namespace {

using Addresses = std::vector<std::string>;
using Giver = runtime::Promise<Addresses>::Giver;

std::atomic<LookUp> another_look_up = nullptr;

Addresses look_up(const std::string& host) {
  if (const LookUp another = another_look_up) return another(host);
  addrinfo hints{};
  hints.ai_family = AF_UNSPEC;
  hints.ai_socktype = SOCK_STREAM;
  addrinfo* found = nullptr;
  if (getaddrinfo(host.c_str(), nullptr, &hints, &found) != 0) return {};
  Addresses addresses;
  for (const addrinfo* one = found; one != nullptr; one = one->ai_next) {
    std::array<char, NI_MAXHOST> text{};
    if (getnameinfo(one->ai_addr, one->ai_addrlen, text.data(), text.size(), nullptr, 0, NI_NUMERICHOST) == 0)
      addresses.emplace_back(text.data());
  }
  freeaddrinfo(found);
  return addresses;
}

// The look-ups under way, one for each name, each on a thread of its own, and which address is preferred.
class Names {
 public:
  static Names& instance() {
    static auto* const names = new Names;  // never destroyed: a look-up may outlive `main`
    return *names;
  }

  void ask(const std::string& host, Giver giver) {
    const std::lock_guard lock(mutex_);
    const auto [asked, first] = asked_.try_emplace(host);
    std::erase_if(asked->second, [](const Giver& other) { return !other.wanted(); });
    asked->second.push_back(std::move(giver));
    if (!first) return;
    try {
      if (asked_.size() > kMost)
        throw std::system_error(std::make_error_code(std::errc::too_many_files_open));
      std::thread([this, host] { answer(host, look_up(host)); }).detach();
    } catch (const std::system_error&) {
      for (auto& waiting : asked->second) waiting.give({});
      asked_.erase(asked);
    }
  }
  void prefer(const std::string& host, const std::string& address) {
    const std::lock_guard lock(mutex_);
    if (preferred_.size() >= kMost) preferred_.clear();
    preferred_.insert_or_assign(host, address);
  }
  void note_silence(const std::string& address, bool silent) {
    const std::lock_guard lock(mutex_);
    if (silent_.size() >= kMost) silent_.clear();
    if (silent) {
      silent_.insert(address);
    } else {
      silent_.erase(address);
    }
  }
  bool was_silent(const std::string& address) {
    const std::lock_guard lock(mutex_);
    return silent_.contains(address);
  }
  void sort(const std::string& host, Addresses& addresses) {
    const std::lock_guard lock(mutex_);
    const auto preferred = preferred_.find(host);
    if (preferred == preferred_.end()) return;
    const auto first = std::find(addresses.begin(), addresses.end(), preferred->second);
    if (first != addresses.end()) std::rotate(addresses.begin(), first, addresses.end());
  }

 private:
  static constexpr std::size_t kMost = 64;

  void answer(const std::string& host, const Addresses& addresses) {
    const std::lock_guard lock(mutex_);
    const auto asked = asked_.find(host);
    for (auto& waiting : asked->second) waiting.give(addresses);
    asked_.erase(asked);
  }

  std::mutex mutex_;
  std::map<std::string, std::vector<Giver>> asked_;
  std::map<std::string, std::string> preferred_;
  std::set<std::string> silent_;
};

}  // namespace

asio::awaitable<std::vector<std::string>> resolve(std::string host, Deadline deadline) {
  boost::system::error_code no_address;
  const auto address = asio::ip::make_address(host, no_address);
  if (!no_address) co_return std::vector<std::string>{address.to_string()};
  runtime::Promise<Addresses> promise(co_await asio::this_coro::executor);
  Names::instance().ask(host, promise.giver());
  auto addresses = co_await promise.wait_until(deadline);
  if (!addresses) co_return Addresses{};
  Names::instance().sort(host, *addresses);
  co_return std::move(*addresses);
}

void look_up_with(LookUp look_up) {
  another_look_up = look_up;
}

void prefer_address(const std::string& host, const std::string& address) {
  Names::instance().prefer(host, address);
}

void note_silence(const std::string& address, bool silent) {
  Names::instance().note_silence(address, silent);
}

bool was_silent(const std::string& address) {
  return Names::instance().was_silent(address);
}

}  // namespace storagepool::postgres
