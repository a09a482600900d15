#include "operator/kube/kube.h"

#include <utility>

#include "operator/kube/object.h"

namespace storagepool::kube {
namespace {

constexpr int kMaxListAttempts = 3;
constexpr int kMaxOwnAttempts = 5;
constexpr std::size_t kMaxPages = 100000;
// No object has it, for an etcd that has never been written to is at 1. The API server compares it with that
// of an object that is there, and makes one that is not without a look at it.
constexpr const char* kVersionOfNone = "1";

tl::unexpected<ApiError> malformed(std::string message) {
  return tl::unexpected(ApiError{.reason = std::string(kReasonMalformed), .message = std::move(message)});
}

const Selection& without_managers() {
  static const Selection selection = Selection::all_but({"/metadata/managedFields"});
  return selection;
}

// What is not UTF-8 (a note may hold another program's words) becomes U+FFFD.
std::string to_body(const Json& object) {
  return object.dump(-1, ' ', false, Json::error_handler_t::replace);
}

}  // namespace

tl::expected<Json, ApiError> parse_object(std::string_view body, const Selection& selection) {
  Json parsed = selection.read(body);
  if (!parsed.is_object()) return malformed("the answer is not a JSON object");
  return parsed;
}

tl::expected<ListPage, ApiError> parse_list_page(std::string_view body, const ResourceType& type,
                                                 const Selection& selection) {
  auto parsed = parse_object(body, selection);
  if (!parsed) return tl::unexpected(parsed.error());
  const auto items = parsed->find("items");
  ListPage page;
  page.resource_version = metadata_string(*parsed, "resourceVersion");
  page.continue_token = metadata_string(*parsed, "continue");
  if (page.resource_version.empty()) return malformed("the list has no resourceVersion");
  if (items == parsed->end() || items->is_null()) return page;
  if (!items->is_array()) return malformed("the list's items are no array");
  page.items.reserve(items->size());
  for (Json& item : *items) {
    if (metadata_string(item, "name").empty()) {
      ++page.malformed;
      continue;
    }
    // Items of a list come without them.
    item["apiVersion"] = type.api_version();
    item["kind"] = type.kind;
    page.items.push_back(std::move(item));
  }
  return page;
}

ApiRequest list_request(const ResourceType& type, const ListOptions& options,
                        const std::string& continue_token) {
  ApiRequest request{.path = collection_path(type, options.name_space), .stop = options.stop};
  request.query.emplace_back("limit", std::to_string(options.page_size));
  if (!options.label_selector.empty()) request.query.emplace_back("labelSelector", options.label_selector);
  if (!options.field_selector.empty()) request.query.emplace_back("fieldSelector", options.field_selector);
  if (!continue_token.empty()) request.query.emplace_back("continue", continue_token);
  return request;
}

Client::Client(Transport& transport, std::string field_manager)
    : transport_(transport), field_manager_(std::move(field_manager)) {}

Client::Result<Json> Client::send(const ApiRequest& request, const Selection& answer) const {
  auto body = transport_.request(request);
  if (!body) return tl::unexpected(body.error());
  auto object = parse_object(*body, answer);
  if (object && metadata_string(*object, "name").empty())
    return malformed("the answer is an object without a name");
  return object;
}

Client::Result<Json> Client::get(const ResourceType& type, const ObjectKey& key) const {
  return send({.path = object_path(type, key)});
}

Client::Result<ObjectList> Client::list(const ResourceType& type, const ListOptions& options) const {
  for (int attempt = 1;; ++attempt) {
    ObjectList list;
    std::string continue_token;
    for (std::size_t pages = 0;; ++pages) {
      if (pages == kMaxPages) return malformed("the list does not end");
      auto body = transport_.request(list_request(type, options, continue_token));
      if (!body && body.error().is_gone() && attempt < kMaxListAttempts) break;
      if (!body) return tl::unexpected(body.error());
      auto page = parse_list_page(*body, type);
      if (!page) return tl::unexpected(page.error());
      for (Json& item : page->items) list.items.push_back(std::move(item));
      list.resource_version = page->resource_version;
      continue_token = page->continue_token;
      if (continue_token.empty()) return list;
    }
  }
}

ApiRequest Client::apply_request(const ResourceType& type, Json object, const ApplyOptions& options) const {
  object["apiVersion"] = type.api_version();
  object["kind"] = type.kind;
  return {.method = Method::kPatch,
          .path = object_path(type, key_of(object), options.subresource),
          .query = {{"fieldManager", field_manager_}, {"force", options.force ? "true" : "false"}},
          // JSON is YAML.
          .content_type = "application/apply-patch+yaml",
          .body = to_body(object)};
}

Client::Result<Json> Client::apply(const ResourceType& type, Json object, const ApplyOptions& options) const {
  return send(apply_request(type, std::move(object), options));
}

Client::Result<Json> Client::apply_status(const ResourceType& type, Json object) const {
  return send(apply_request(type, std::move(object), {.force = true, .subresource = "status"}),
              without_managers());
}

Client::Result<Json> Client::apply_new(const ResourceType& type, Json object) const {
  object["metadata"]["resourceVersion"] = kVersionOfNone;
  return send(apply_request(type, std::move(object), {}), without_managers());
}

Client::Result<Json> Client::merge_patch(const ResourceType& type, const ObjectKey& key, const Json& patch,
                                         std::string_view subresource) const {
  return send({.method = Method::kPatch,
               .path = object_path(type, key, subresource),
               .query = {{"fieldManager", field_manager_}},
               .content_type = "application/merge-patch+json",
               .body = to_body(patch)});
}

Client::Result<Json> Client::create(const ResourceType& type, Json object) const {
  object["apiVersion"] = type.api_version();
  object["kind"] = type.kind;
  return send({.method = Method::kPost,
               .path = collection_path(type, metadata_string(object, "namespace")),
               .query = {{"fieldManager", field_manager_}},
               .content_type = "application/json",
               .body = to_body(object)});
}

Client::Result<Json> Client::peek(const ResourceType& type, const ObjectKey& key) const {
  Json object{{"apiVersion", type.api_version()}, {"kind", type.kind}, {"metadata", {{"name", key.name}}}};
  if (!key.name_space.empty()) object["metadata"]["namespace"] = key.name_space;
  auto found = send({.method = Method::kPatch,
                     .path = object_path(type, key),
                     .query = {{"fieldManager", field_manager_ + "-peek"}, {"dryRun", "All"}},
                     .content_type = "application/apply-patch+yaml",
                     .body = to_body(object)});
  // One that would be made has none.
  if (found && resource_version(*found) == 0)
    return tl::unexpected(ApiError{404, "NotFound", "not there", {}});
  return found;
}

Client::Result<Json> Client::own_as_applied(const ResourceType& type, Json stored) const {
  for (int attempt = 1;; ++attempt) {
    auto fields = fields_as_applied(stored, field_manager_);
    if (!fields) return stored;
    auto patched = merge_patch(type, key_of(stored),
                               {{"metadata",
                                 {{"resourceVersion", metadata_string(stored, "resourceVersion")},
                                  {"managedFields", std::move(*fields)}}}});
    if (patched || !patched.error().is_conflict() || attempt == kMaxOwnAttempts) return patched;
    auto seen = peek(type, key_of(stored));  // a controller has written its status
    if (!seen) return seen;
    stored = std::move(*seen);
  }
}

Client::Result<void> Client::delete_(const ResourceType& type, const ObjectKey& key,
                                     const DeleteOptions& options) const {
  Json body{{"apiVersion", "v1"}, {"kind", "DeleteOptions"}, {"propagationPolicy", options.propagation}};
  if (!options.uid.empty()) body["preconditions"] = {{"uid", options.uid}};
  auto done = transport_.request({.method = Method::kDelete,
                                  .path = object_path(type, key),
                                  .content_type = "application/json",
                                  .body = to_body(body)});
  if (!done) return tl::unexpected(done.error());
  return {};
}

}  // namespace storagepool::kube
