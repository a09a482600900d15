// A local copy of one kind of objects, kept current by list and watch (see watch.h), with handlers told of
// each change. Reading it costs the API server nothing, and shows what was written through this operator
// before the watch does (overlay.h). Thread-safe. Handlers run on the informer's own
// thread, one at a time, must be quick (put a key into a work queue) and must not call back into `stop`.
#pragma once

#include <atomic>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "operator/kube/resource.h"
#include "operator/kube/transport/transport.h"
#include "operator/kube/watch/overlay.h"
#include "operator/kube/watch/packer.h"
#include "operator/kube/watch/watch.h"

namespace storagepool::kube {

using InformerOptions = WatchOptions;

struct InformerHandlers {
  // New or changed; `before` is null for a new object. Not called when the resourceVersion is the one already
  // stored.
  std::function<void(const ObjectPtr& before, const ObjectPtr& object)> on_upsert;
  // Gone; the object as last seen.
  std::function<void(const ObjectPtr& object)> on_delete;
  // So many were left out because they are no objects with a name and a version.
  std::function<void(int count)> on_skip = {};
};

class Informer {
 public:
  // The transport outlives the informer. `seed`: of the back-off's jitter.
  Informer(Transport& transport, InformerOptions options, InformerHandlers handlers, std::uint32_t seed);
  ~Informer();  // stops
  Informer(const Informer&) = delete;
  Informer& operator=(const Informer&) = delete;

  void start();
  void stop();  // returns when the thread has ended; no handler runs afterwards

  // The first list has been taken over whole.
  bool has_synced() const { return synced_; }
  ObjectPtr get(const ObjectKey& key) const;  // null: not there
  // Of what get() gives, without reading it; 0: not there.
  std::uint64_t version(const ObjectKey& key) const;
  // As the API server has answered a write with: from now on it is read, until the watch has come so far.
  void written(const Json& object);
  // What the watch has shown, in the order of their keys; of one namespace, or of all.
  std::vector<ObjectPtr> list(const std::string& name_space = {}) const;

 private:
  // Text takes a fifth of the memory that its values would, packed a tenth of that; but the texts of a few
  // objects take less than what packing needs.
  static constexpr std::size_t kFew = 100;
  struct Stored {
    std::string text;  // empty: there was none
    bool packed = false;
    std::uint64_t version = 0;
  };
  ObjectPtr read(const Stored& stored) const;
  void take(WatchEvent event);
  void replace(Replaced list);
  void upsert(Json object, const std::string& text);
  void erase(const ObjectKey& key, std::uint64_t version);

  InformerHandlers handlers_;
  const Selection selection_;
  std::function<void(Json& object)> prune_;
  WatchDriver driver_;
  Packer packer_;
  std::atomic<bool> synced_{false};
  mutable std::mutex mutex_;
  std::map<ObjectKey, Stored> store_;  // what the watch has shown
  Overlay overlay_;
  std::jthread thread_;
};

}  // namespace storagepool::kube
