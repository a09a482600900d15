// The children that our operator makes for a StoragePool, so that the other one makes the same.
#pragma once

#include <cstdint>
#include <string>

#include "operator/kube/resource.h"
#include "operator/kube/transport/transport.h"

namespace storagepool::peers {

inline constexpr const char* kNameSpace = "default";

// As users make them: p0, p1, ..., each on a server of its own.
std::string name_of(int number);
std::string host_of(int number);
kube::Json storage_pool(int number, int pods, std::int64_t limit);

// The children of a StoragePool as JSON, with words that stand for what differs between StoragePools:
// {"children": [...], "name": WORD, "uid": WORD, "host": WORD, "limit": NUMBER, "generation": NUMBER}.
// `transport` tells who signs the tokens of service accounts, which pods are told. Throws std::runtime_error.
kube::Json children_of_ours(kube::Transport& transport);

}  // namespace storagepool::peers
