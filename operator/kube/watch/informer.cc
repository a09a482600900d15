#include "operator/kube/watch/informer.h"

#include <set>
#include <utility>

#include "operator/kube/object.h"

namespace storagepool::kube {

Informer::Informer(Transport& transport, InformerOptions options, InformerHandlers handlers,
                   std::uint32_t seed)
    : handlers_(std::move(handlers)), driver_(transport, std::move(options), seed) {}

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
  const auto found = store_.find(key);
  return found == store_.end() ? nullptr : found->second;
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
    replace(std::move(replaced->items));
    synced_ = true;
  } else if (auto* upserted = std::get_if<Upserted>(&event)) {
    upsert(std::move(upserted->object));
  } else if (const auto* deleted = std::get_if<Deleted>(&event)) {
    erase(deleted->object);
  } else if (handlers_.on_skip) {
    handlers_.on_skip(std::get<Skipped>(event).count);
  }
}

void Informer::replace(std::vector<Json> items) {
  std::set<ObjectKey> kept;
  for (Json& item : items) {
    kept.insert(key_of(item));
    upsert(std::move(item));
  }
  for (const ObjectPtr& object : list()) {
    if (!kept.contains(key_of(*object))) erase(*object);
  }
}

void Informer::upsert(Json object) {
  const auto stored = std::make_shared<const Json>(std::move(object));
  ObjectPtr before;
  {
    const std::lock_guard lock(mutex_);
    ObjectPtr& slot = store_[key_of(*stored)];
    before = std::exchange(slot, stored);
  }
  const bool same =
      before && metadata_string(*before, "resourceVersion") == metadata_string(*stored, "resourceVersion");
  if (!same && handlers_.on_upsert) handlers_.on_upsert(before, stored);
}

void Informer::erase(const Json& object) {
  ObjectPtr gone;
  {
    const std::lock_guard lock(mutex_);
    const auto found = store_.find(key_of(object));
    if (found == store_.end()) return;
    gone = std::move(found->second);
    store_.erase(found);
  }
  if (handlers_.on_delete) handlers_.on_delete(gone);
}

}  // namespace storagepool::kube
