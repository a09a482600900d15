// The Kubernetes API client: get, list, server-side apply, merge patch, create, delete over a Transport
// (transport/), which tests put a fake in place of. Objects are JSON values as the API serves them;
// resource.h names them. Thread-safe; every call blocks for at most its deadline. Nothing here retries: the
// caller's work queue (workqueue.h) does. watch/ keeps local copies of objects current.
#pragma once

#include <chrono>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

#include <tl/expected.hpp>

#include "operator/kube/resource.h"
#include "operator/kube/selection/selection.h"
#include "operator/kube/transport/transport.h"

namespace storagepool::kube {

struct ListOptions {
  std::string name_space = {};      // empty: all namespaces
  std::string label_selector = {};  // as kubectl's -l
  std::string field_selector = {};
  int page_size = 500;
  std::stop_token stop = {};  // a requested stop ends it as kReasonCancelled
};

struct ObjectList {
  std::string resource_version;  // where a watch starts
  std::vector<Json> items;       // each with apiVersion and kind set
};

struct ApplyOptions {
  // Take over fields that another manager owns; false: such a field is a 409 Conflict naming the manager.
  bool force = true;
  std::string_view subresource = {};  // "status"
};

struct DeleteOptions {
  std::string uid = {};  // delete only this incarnation (409 otherwise)
  // "Background" (Kubernetes' usual), "Foreground" or "Orphan".
  std::string_view propagation = "Background";
};

class Client {
 public:
  template <typename T>
  using Result = tl::expected<T, ApiError>;

  // `field_manager` names the operator in managedFields. The transport outlives the client.
  Client(Transport& transport, std::string field_manager);

  Result<Json> get(const ResourceType& type, const ObjectKey& key) const;
  // All pages; starts anew when a page's continue token has expired (410), at most 3 times.
  Result<ObjectList> list(const ResourceType& type, const ListOptions& options = {}) const;

  // Server-side apply (KEP-555). `object` needs metadata.name (and namespace); apiVersion and kind are filled
  // in from `type`. Idempotent. Returns the object as stored; of a status, and of what is new, without
  // metadata.managedFields, which are often half of it.
  Result<Json> apply(const ResourceType& type, Json object, const ApplyOptions& options = {}) const;
  Result<Json> apply_status(const ResourceType& type, Json object) const;
  // The same for an object that must not be there yet: 409 Conflict if there is one of that name. Other
  // things conflict too (a quota that is being counted): peek() tells.
  Result<Json> apply_new(const ResourceType& type, Json object) const;
  // JSON merge patch (RFC 7386). With metadata.resourceVersion in `patch` it fails with 409 if the object has
  // changed.
  Result<Json> merge_patch(const ResourceType& type, const ObjectKey& key, const Json& patch,
                           std::string_view subresource = {}) const;
  // metadata.name is required (not generateName: a repeated POST must not make two objects).
  Result<Json> create(const ResourceType& type, Json object) const;
  // The object as it is, for who may patch objects of this type and not read them: an apply of nothing that
  // is not carried out. An object that is not there is an error of any kind.
  Result<Json> peek(const ResourceType& type, const ObjectKey& key) const;
  // What was set by create() or merge_patch() counts as set by apply(), so that a later apply() takes away
  // what it leaves out (as client-go's csaupgrade does for kubectl). `stored` is an answer of any of them;
  // writes only where needed.
  Result<Json> own_as_applied(const ResourceType& type, Json stored) const;
  // 404 is an error as any other: test `is_not_found()`.
  Result<void> delete_(const ResourceType& type, const ObjectKey& key,
                       const DeleteOptions& options = {}) const;

  const std::string& field_manager() const { return field_manager_; }

 private:
  Result<Json> send(const ApiRequest& request, const Selection& answer = Selection()) const;
  ApiRequest apply_request(const ResourceType& type, Json object, const ApplyOptions& options) const;

  Transport& transport_;
  std::string field_manager_;
};

// Reads a response body; kReasonMalformed when it is no JSON object.
tl::expected<Json, ApiError> parse_object(std::string_view body, const Selection& selection = Selection());

struct ListPage {
  std::string resource_version;
  std::string continue_token;  // empty: the last page
  std::vector<Json> items;     // each with apiVersion, kind and metadata.name
  int malformed = 0;           // items left out because nobody could say what they are
};
// `selection` of the list as a whole.
tl::expected<ListPage, ApiError> parse_list_page(std::string_view body, const ResourceType& type,
                                                 const Selection& selection = Selection());
ApiRequest list_request(const ResourceType& type, const ListOptions& options,
                        const std::string& continue_token);

}  // namespace storagepool::kube
