// What a look has read of the objects in the caches, so that the next reads those alone that are in another
// version: the caches keep them packed. Not thread-safe.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "operator/kube/object.h"
#include "operator/reconcile/cluster/cluster.h"

namespace storagepool::reconcile {

using kube::Json;

// What is read of an object, once for each version of it.
template <typename View>
class Viewed {
 public:
  // `owner`: of another's object nothing is read, as if it were not there; empty: whose it is does not
  // matter.
  template <typename Read>
  const std::optional<View>& update(const Cluster& cluster, const kube::ResourceType& type,
                                    const kube::ObjectKey& key, Read read, const std::string& owner = {}) {
    // Before it is read: what changes meanwhile is read once more.
    const std::uint64_t cached = cluster.cached_version(type, key);
    if (cached_ == cached) return view_;
    *this = {};
    cached_ = cached;
    const kube::ObjectPtr object = cached == 0 ? nullptr : cluster.cached(type, key);
    if (object && (owner.empty() || kube::controller_uid(*object) == owner)) take(*object, read);
    return view_;
  }
  // Null: it is not there.
  template <typename Read>
  const std::optional<View>& update(const kube::ObjectPtr& object, Read read) {
    if (!object) *this = {};
    cached_.reset();
    if (object && kube::resource_version(*object) != version_) take(*object, read);
    return view_;
  }
  const std::optional<View>& view() const { return view_; }
  std::uint64_t version() const { return version_; }  // 0: there is no object

 private:
  template <typename Read>
  void take(const Json& object, Read read) {
    view_ = read(object);
    version_ = kube::resource_version(object);
  }

  std::optional<View> view_;
  std::uint64_t version_ = 0;
  std::optional<std::uint64_t> cached_;  // as Cluster::cached_version gave it with what was read
};

// Of the objects of one type that a StoragePool has, by their names.
template <typename View>
class ViewedAll {
 public:
  template <typename Read>
  std::vector<View> update(const Cluster& cluster, const kube::ResourceType& type,
                           const kube::ObjectKey& pool, Read read) {
    std::map<std::string, Viewed<View>> before = std::exchange(by_name_, {});
    std::vector<View> views;
    for (const std::string& name : cluster.cached_names(type, pool)) {
      auto known = before.extract(name);
      Viewed<View>& viewed = known ? by_name_.insert(std::move(known)).position->second : by_name_[name];
      if (const auto& view = viewed.update(cluster, type, {pool.name_space, name}, read))
        views.push_back(*view);
    }
    return views;
  }

 private:
  std::map<std::string, Viewed<View>> by_name_;
};

}  // namespace storagepool::reconcile
