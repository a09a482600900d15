#include "operator/manager/issuer_watch.h"

#include <algorithm>
#include <memory>
#include <utility>

#include "pool/common/runtime/log.h"
#include "pool/common/runtime/loop/bounded_work.h"
#include "pool/common/runtime/loop/pause.h"

namespace storagepool::manager {
namespace {

constexpr std::chrono::minutes kReadLimit{3};  // two requests
constexpr const char* kDiscovery = "/.well-known/openid-configuration";
constexpr const char* kKeySet = "/openid/v1/jwks";
constexpr const char* kKeySetType = "application/jwk-set+json";  // all that the API server has it in

}  // namespace

IssuerWatch::IssuerWatch(kube::Transport& transport, OwnToken own_token, std::function<void()> changed,
                         IssuerWatchTimes times)
    : transport_(transport),
      own_token_(std::move(own_token)),
      changed_(std::move(changed)),
      times_(times),
      thread_([this](const std::stop_token& stop) { run(stop); }) {}

IssuerWatch::~IssuerWatch() {
  thread_.request_stop();
  thread_.join();
}

bool IssuerWatch::wait(std::chrono::milliseconds limit, const std::stop_token& stop) {
  std::unique_lock lock(mutex_);
  return arrived_.wait_for(lock, stop, limit, [this] { return known_.issuer != nullptr; });
}

reconcile::KnownIssuer IssuerWatch::current() const {
  const std::lock_guard lock(mutex_);
  return known_;
}

void IssuerWatch::run(const std::stop_token& stop) {
  do {
    const runtime::BoundedWork work("reading who signs tokens", kReadLimit);
    auto found = read(stop);
    if (stop.stop_requested()) return;
    take(std::move(found));
  } while (runtime::pause_for(pause(), stop));
}

tl::expected<render::TokenIssuer, std::string> IssuerWatch::read(const std::stop_token& stop) {
  const auto discovery = transport_.request({.path = kDiscovery, .stop = stop});
  if (!discovery) return tl::unexpected(std::string(kDiscovery) + ": " + discovery.error().to_string());
  const auto keys = transport_.request({.path = kKeySet, .accept = kKeySetType, .stop = stop});
  if (!keys) return tl::unexpected(std::string(kKeySet) + ": " + keys.error().to_string());
  return render::read_token_issuer(*discovery, *keys, own_token_());
}

void IssuerWatch::take(tl::expected<render::TokenIssuer, std::string> found) {
  bool changed = false;
  {
    const std::lock_guard lock(mutex_);
    failures_ = found ? 0 : failures_ + 1;
    changed = found && (!known_.issuer || *known_.issuer != *found);
    if (changed) known_.issuer = std::make_shared<const render::TokenIssuer>(std::move(*found));
    known_.failure = found ? "" : found.error();
  }
  if (!found && failures_ == 1) {
    log::warn("who signs the tokens of service accounts cannot be read, trying again",
              {{"detail", found.error()}});
  }
  if (!changed) return;
  arrived_.notify_all();
  log::info("read who signs the tokens of service accounts");
  changed_();
}

std::chrono::milliseconds IssuerWatch::pause() {
  if (failures_ > 0) {
    const auto doubled = times_.retry * (1LL << std::min(failures_ - 1, 10));
    return std::min<std::chrono::milliseconds>(doubled, times_.longest_retry);
  }
  const std::int64_t tenth = times_.refresh.count() / 10;
  std::uniform_int_distribution<std::int64_t> jitter(-tenth, tenth);
  return times_.refresh + std::chrono::milliseconds(jitter(random_));
}

}  // namespace storagepool::manager
