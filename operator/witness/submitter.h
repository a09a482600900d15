// Asks outside witnesses, a few at a time and each host once at a time, so that one that is slow holds up
// nobody but itself. Its threads are begun with the first that is to be asked.
#pragma once

#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <functional>
#include <list>
#include <mutex>
#include <set>
#include <stop_token>
#include <string>
#include <thread>
#include <vector>

#include <boost/asio/ssl/context.hpp>
#include <tl/expected.hpp>

#include "operator/witness/post.h"

namespace storagepool::witness {

class Submitter {
 public:
  struct Limits {
    std::chrono::milliseconds deadline = kPostDeadline;
    std::size_t at_once = 8;
    std::size_t waiting = 256;
  };
  struct Job {
    render::WitnessUrl url{};
    std::string body{};
    std::function<void(tl::expected<WitnessAnswer, std::string>)> done{};  // on another thread
  };
  // Trusted are the certificates of a file, PEM; empty: those of the system.
  explicit Submitter(Limits limits, std::string trusted = {});
  ~Submitter();  // what waits is not asked, and `done` not called

  bool submit(Job job);  // false: too many wait

 private:
  void begin();
  void run(const std::stop_token& stop);

  const Limits limits_;
  const std::string trusted_;
  boost::asio::ssl::context tls_{boost::asio::ssl::context::tls_client};
  std::mutex mutex_;  // guards what follows
  std::condition_variable_any wake_;
  std::list<Job> waiting_;
  std::set<std::string> at_work_;  // hosts
  std::vector<std::jthread> threads_;
};

}  // namespace storagepool::witness
