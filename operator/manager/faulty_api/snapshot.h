// What is compared of a namespace after a run, and what must have held of the operator's writes. Pure, but
// for the lists.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "operator/kube/kube.h"
#include "operator/manager/faulty_api/faulty_api.h"
#include "operator/manager/faulty_api/schedule.h"

namespace storagepool::manager::faulty_api {

// By kind and name; without what no two runs have the same: uids, versions, times, numbers of grants.
using Snapshot = std::map<std::string, kube::Json>;
// Of StoragePools, their children, pods and claims. An error in the place of what cannot be listed.
Snapshot snapshot_of(const kube::Client& client, const std::string& name_space);
// What the second has otherwise than the first, for people; empty: nothing.
std::string difference(const Snapshot& clean, const Snapshot& other);

// Writes to anything but StoragePools, their children and claims, events, and what is the operator's own.
std::string strangers(const std::vector<Written>& written, const std::string& name_space);
// Whether a ConfigMap or StatefulSet would allow something else after this apply or merge patch.
bool would_change(const kube::Json& live, const kube::Json& written);
// Where the objects, in the order of their versions, allow more on a server than it can give (S1).
std::string overdrafts(const std::vector<Written>& written, const std::vector<Step>& steps);

}  // namespace storagepool::manager::faulty_api
