#include "operator/kube/watch/informer.h"

#include <set>
#include <utility>

#include "operator/kube/object.h"
#include "pool/common/runtime/clock.h"

namespace storagepool::kube {

Informer::Informer(Transport& transport, InformerOptions options, InformerHandlers handlers,
                   std::uint32_t seed)
    : handlers_(std::move(handlers)), prune_(options.prune), driver_(transport, std::move(options), seed) {}

Informer::~Informer() {
  stop();
}

void Informer::start() {
  if (thread_.joinable()) return;
  thread_ = std::jthread([this](const std::stop_token& stop) {
    driver_.run([this](WatchEvent event) { take(std::move(event)); }, stop);
  });
}

void Informer::stop() {
  if (!thread_.joinable()) return;
  thread_.request_stop();
  thread_.join();
}

ObjectPtr Informer::get(const ObjectKey& key) const {
  const std::lock_guard lock(mutex_);
  if (ObjectPtr written = overlay_.find(key, runtime::steady_now())) return written;
  const auto found = store_.find(key);
  return found == store_.end() ? nullptr : found->second;
}

void Informer::written(Json object) {
  prune_(object);
  auto written = std::make_shared<const Json>(std::move(object));
  const std::lock_guard lock(mutex_);
  const auto shown = store_.find(key_of(*written));
  if (shown != store_.end() && resource_version(*shown->second) >= resource_version(*written)) return;
  overlay_.written(std::move(written), runtime::steady_now());
}

std::vector<ObjectPtr> Informer::list(const std::string& name_space) const {
  const std::lock_guard lock(mutex_);
  std::vector<ObjectPtr> objects;
  auto at = name_space.empty() ? store_.begin() : store_.lower_bound({name_space, {}});
  for (; at != store_.end() && (name_space.empty() || at->first.name_space == name_space); ++at) {
    objects.push_back(at->second);
  }
  return objects;
}

void Informer::take(WatchEvent event) {
  if (auto* replaced = std::get_if<Replaced>(&event)) {
    replace(std::move(*replaced));
    synced_ = true;
  } else if (auto* upserted = std::get_if<Upserted>(&event)) {
    upsert(std::move(upserted->object));
  } else if (const auto* deleted = std::get_if<Deleted>(&event)) {
    erase(deleted->object);
  } else if (handlers_.on_skip) {
    handlers_.on_skip(std::get<Skipped>(event).count);
  }
}

void Informer::replace(Replaced list) {
  {
    const std::lock_guard lock(mutex_);
    overlay_.listed(list.version, list.began);
  }
  std::set<ObjectKey> kept;
  for (Json& item : list.items) {
    kept.insert(key_of(item));
    upsert(std::move(item));
  }
  for (const ObjectPtr& object : this->list()) {
    if (!kept.contains(key_of(*object))) erase(*object);
  }
}

void Informer::upsert(Json object) {
  const auto stored = std::make_shared<const Json>(std::move(object));
  ObjectPtr before;
  {
    const std::lock_guard lock(mutex_);
    const ObjectKey key = key_of(*stored);
    before = std::exchange(store_[key], stored);
    overlay_.seen(key, resource_version(*stored));
  }
  const bool same =
      before && metadata_string(*before, "resourceVersion") == metadata_string(*stored, "resourceVersion");
  if (!same && handlers_.on_upsert) handlers_.on_upsert(before, stored);
}

void Informer::erase(const Json& object) {
  ObjectPtr gone;
  {
    const std::lock_guard lock(mutex_);
    const ObjectKey key = key_of(object);
    overlay_.seen(key, resource_version(object));
    const auto found = store_.find(key);
    if (found == store_.end()) return;
    gone = std::move(found->second);
    store_.erase(found);
  }
  if (handlers_.on_delete) handlers_.on_delete(gone);
}

}  // namespace storagepool::kube
