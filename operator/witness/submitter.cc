#include "operator/witness/submitter.h"

#include <algorithm>
#include <utility>

#include <openssl/ssl.h>

#include "pool/common/runtime/log.h"

namespace storagepool::witness {
namespace {

constexpr const char* kPath = "/add-checkpoint";

}  // namespace

Submitter::Submitter(Limits limits, std::string trusted) : limits_(limits), trusted_(std::move(trusted)) {}

Submitter::~Submitter() {
  for (std::jthread& thread : threads_) thread.request_stop();
}

// Reading the system's certificates takes some memory, which is not needed where nobody names a witness.
void Submitter::begin() {
  boost::system::error_code error;
  ::SSL_CTX_set_min_proto_version(tls_.native_handle(), TLS1_2_VERSION);
  if (trusted_.empty()) {
    tls_.set_default_verify_paths(error);
  } else {
    tls_.load_verify_file(trusted_, error);
  }
  if (error) log::error("no certificates are trusted of outside witnesses", {{"detail", error.message()}});
  for (std::size_t i = 0; i < limits_.at_once; ++i)
    threads_.emplace_back([this](const std::stop_token& stop) { run(stop); });
}

bool Submitter::submit(Job job) {
  {
    const std::lock_guard lock(mutex_);
    if (waiting_.size() >= limits_.waiting) return false;
    waiting_.push_back(std::move(job));
    if (threads_.empty()) begin();
  }
  wake_.notify_one();
  return true;
}

void Submitter::run(const std::stop_token& stop) {
  std::unique_lock lock(mutex_);
  const auto next = [&] {
    return std::ranges::find_if(waiting_,
                                [&](const Job& job) { return !at_work_.contains(job.url.authority()); });
  };
  while (wake_.wait(lock, stop, [&] { return next() != waiting_.end(); })) {
    if (stop.stop_requested()) return;
    const auto chosen = next();
    const Job job = std::move(*chosen);
    waiting_.erase(chosen);
    at_work_.insert(job.url.authority());
    lock.unlock();
    auto answer = post(job.url, kPath, job.body, tls_, limits_.deadline, stop);
    if (!stop.stop_requested()) job.done(std::move(answer));
    lock.lock();
    at_work_.erase(job.url.authority());
    wake_.notify_one();
  }
}

}  // namespace storagepool::witness
