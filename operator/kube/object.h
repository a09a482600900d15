// What every Kubernetes object has, read from the JSON that the API serves. Objects can be edited by anybody:
// what is absent or of another type reads as empty, 0 or false. Pure.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "operator/kube/resource.h"

namespace storagepool::kube {

// Empty parts where the metadata lack them.
ObjectKey key_of(const Json& object);
// metadata.<field> as a string, or empty.
std::string metadata_string(const Json& object, const char* field);

// metadata.resourceVersion as a number (comparable since Kubernetes 1.35, and in all versions with etcd); 0:
// none.
std::uint64_t resource_version(const Json& object);
// The same of its text.
std::uint64_t version_number(std::string_view text);
// metadata.generation; 0: none.
std::int64_t generation(const Json& object);
// metadata.creationTimestamp in Unix seconds; 0: none.
std::int64_t created_at(const Json& object);
// metadata.deletionTimestamp is set.
bool is_deleting(const Json& object);
std::vector<std::string> finalizers(const Json& object);
// Of the owner that controls the object; empty: none does.
std::string controller_uid(const Json& object);
std::string label(const Json& object, std::string_view name);
std::string annotation(const Json& object, std::string_view name);

// metadata.managedFields with what `manager` has set by updates (KEP-555) as set by an apply; nothing when
// there is no such entry.
std::optional<Json> fields_as_applied(const Json& object, std::string_view manager);

}  // namespace storagepool::kube
