// Keeps the child objects of one StoragePool as rendered, with writes only where they are needed: an object
// is applied when its rendering has changed since it was last applied and when the live object was changed or
// deleted by somebody else; after a start, when it tells another rendering or lacks anything of this one. An
// object of that name which this StoragePool does not control is never touched: then every call fails with
// kNameTaken.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "operator/reconcile/cluster/cluster.h"

namespace storagepool::reconcile {

using kube::Json;

// The reason of an error that says which object is somebody else's.
inline constexpr std::string_view kNameTaken = "NameTaken";

// SHA-256 of the rendering that was applied last, in hexadecimal: what an older one had besides is gone.
inline constexpr std::string_view kAppliedAnnotation = "storagepool.dev/applied";

// From the cache, if the owner with this uid controls it; else null.
kube::ObjectPtr cached_own(const Cluster& cluster, const kube::ResourceType& type, const kube::ObjectKey& key,
                           const std::string& owner_uid);

class Children {
 public:
  // The resourceVersion that the live object must have, 0 that there must be none; otherwise a write fails
  // with 409. Nothing: it may have any.
  using Expected = std::optional<std::uint64_t>;

  // Applies `object` if needed: true when it was written, false when all was well.
  Cluster::Result<bool> ensure(Cluster& cluster, const kube::ResourceType& type, const Json& object,
                               Expected expected = {});
  // Applies `object` in any case and remembers it.
  Cluster::Result<Json> write(Cluster& cluster, const kube::ResourceType& type, Json object,
                              Expected expected = {});

 private:
  struct Applied {
    std::size_t rendering = 0;  // hash
    std::size_t live = 0;       // hash of what somebody else's change would change
    std::uint64_t version = 0;  // in which the cache showed that last, as Cluster::cached_version
  };
  // Whether the live object is as it was applied.
  static bool is_untouched(const Cluster& cluster, const kube::ResourceType& type, const kube::ObjectKey& key,
                           Applied& applied);
  static std::string id(const kube::ResourceType& type, const std::string& name);
  static Cluster::Result<Json> store(Cluster& cluster, const kube::ResourceType& type, Json object,
                                     Expected expected);

  std::map<std::string, Applied> applied_;
};

}  // namespace storagepool::reconcile
