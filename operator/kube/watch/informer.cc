#include "operator/kube/watch/informer.h"

#include <set>
#include <utility>

#include "operator/kube/object.h"
#include "pool/common/runtime/clock.h"

namespace storagepool::kube {

Informer::Informer(Transport& transport, InformerOptions options, InformerHandlers handlers,
                   std::uint32_t seed)
    : handlers_(std::move(handlers)),
      selection_(options.selection),
      prune_(options.prune),
      driver_(transport, std::move(options), seed) {}

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
  Stored stored;
  {
    const std::lock_guard lock(mutex_);
    if (ObjectPtr written = overlay_.find(key, runtime::steady_now())) return written;
    const auto found = store_.find(key);
    if (found == store_.end()) return nullptr;
    stored = found->second;
  }
  return read(stored);
}

std::uint64_t Informer::version(const ObjectKey& key) const {
  const std::lock_guard lock(mutex_);
  if (const ObjectPtr written = overlay_.find(key, runtime::steady_now())) return resource_version(*written);
  const auto found = store_.find(key);
  return found == store_.end() ? 0 : found->second.version;
}

ObjectPtr Informer::read(const Stored& stored) const {
  return std::make_shared<const Json>(
      Selection().read(stored.packed ? packer_.unpack(stored.text) : stored.text));
}

void Informer::written(const Json& object) {
  Json kept = selection_.pick(object);
  if (prune_) prune_(kept);
  auto written = std::make_shared<const Json>(std::move(kept));
  const std::lock_guard lock(mutex_);
  const auto shown = store_.find(key_of(*written));
  if (shown != store_.end() && shown->second.version >= resource_version(*written)) return;
  overlay_.written(std::move(written), runtime::steady_now());
}

std::vector<ObjectPtr> Informer::list(const std::string& name_space) const {
  const std::lock_guard lock(mutex_);
  std::vector<ObjectPtr> objects;
  auto at = name_space.empty() ? store_.begin() : store_.lower_bound({name_space, {}});
  for (; at != store_.end() && (name_space.empty() || at->first.name_space == name_space); ++at) {
    objects.push_back(read(at->second));
  }
  return objects;
}

void Informer::take(WatchEvent event) {
  if (auto* replaced = std::get_if<Replaced>(&event)) {
    replace(std::move(*replaced));
    synced_ = true;
  } else if (auto* upserted = std::get_if<Upserted>(&event)) {
    const std::string text = upserted->object.dump();
    upsert(std::move(upserted->object), text);
  } else if (const auto* deleted = std::get_if<Deleted>(&event)) {
    erase(key_of(deleted->object), resource_version(deleted->object));
  } else if (handlers_.on_skip) {
    handlers_.on_skip(std::get<Skipped>(event).count);
  }
}

void Informer::replace(Replaced list) {
  std::set<ObjectKey> gone;
  {
    const std::lock_guard lock(mutex_);
    overlay_.listed(list.version, list.began);
    for (const auto& [key, stored] : store_) gone.insert(key);
  }
  for (std::string& text : list.items) {
    Json item = Selection().read(text);
    gone.erase(key_of(item));
    upsert(std::move(item), text);
    text = {};  // what is left takes less and less
  }
  for (const ObjectKey& key : gone) erase(key, 0);
}

void Informer::upsert(Json object, const std::string& text) {
  const ObjectKey key = key_of(object);
  const bool packed = store_.size() >= kFew;  // only this thread writes it
  Stored stored{
      .text = packed ? packer_.pack(text) : text, .packed = packed, .version = resource_version(object)};
  const std::uint64_t version = stored.version;
  Stored before;
  {
    const std::lock_guard lock(mutex_);
    before = std::exchange(store_[key], std::move(stored));
    overlay_.seen(key, version);
  }
  const bool same = !before.text.empty() && before.version == version;
  if (same || !handlers_.on_upsert) return;
  handlers_.on_upsert(before.text.empty() ? nullptr : read(before),
                      std::make_shared<const Json>(std::move(object)));
}

void Informer::erase(const ObjectKey& key, std::uint64_t version) {
  Stored gone;
  {
    const std::lock_guard lock(mutex_);
    overlay_.seen(key, version);
    const auto found = store_.find(key);
    if (found == store_.end()) return;
    gone = std::move(found->second);
    store_.erase(found);
  }
  if (handlers_.on_delete) handlers_.on_delete(read(gone));
}

}  // namespace storagepool::kube
