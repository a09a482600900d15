#include "pool/common/runtime/loop/side_loops.h"

#include <pthread.h>

namespace storagepool::runtime {
namespace {

constexpr std::size_t kLongestName = 15;

}  // namespace

SideLoops::SideLoops(std::size_t count, const std::string& name) {
  for (std::size_t i = 0; i < count; ++i) {
    Thread& made = *threads_.emplace_back(std::make_unique<Thread>());
    made.thread = std::thread([&made] { made.loop.run(); });
    const std::string shown = (name + " " + std::to_string(i + 1)).substr(0, kLongestName);
    ::pthread_setname_np(made.thread.native_handle(), shown.c_str());
  }
}

SideLoops::~SideLoops() {
  join();
}

std::vector<boost::asio::any_io_executor> SideLoops::executors() const {
  std::vector<boost::asio::any_io_executor> executors;
  for (const auto& each : threads_) executors.emplace_back(each->loop.get_executor());
  return executors;
}

void SideLoops::join() {
  for (const auto& each : threads_) each->loop.stop();
  for (const auto& each : threads_)
    if (each->thread.joinable()) each->thread.join();
}

void SideLoops::stop(Loop& own) {
  join();
  if (threads_.empty()) return;
  // What waits on one loop for what the other does is dropped by the latter, and only then by the former.
  constexpr int kRounds = 3;
  for (int i = 0; i < kRounds; ++i) {
    own.drop_all();
    for (const auto& each : threads_) each->loop.drop_all();
  }
}

}  // namespace storagepool::runtime
