// A floor as it is kept: a ConfigMap of the operator's own namespace, one for each StoragePool, named after
// its uid. Pure.
#pragma once

#include <optional>
#include <string>

#include "operator/kube/resource.h"
#include "operator/witness/witness.h"

namespace storagepool::witness {

inline constexpr const char* kFloorSelector = "storagepool.dev/log-floor=true";

// Of a StoragePool whose log was rolled back: the reason why a person wants it to go on in its next epoch.
// Taken away when it does.
inline constexpr const char* kRestartAnnotation = "storagepool.dev/restart-log";

std::string record_name(const std::string& uid);

struct Record {
  kube::ObjectKey pool{};
  std::string uid{};
  Floor floor{};
};

// `witness`: the verifier key of who has cosigned it, for people.
kube::Json write_record(const Record& record, const std::string& name_space, const std::string& witness);
// The error says what is wrong with it.
tl::expected<Record, std::string> read_record(const kube::Json& config_map);

}  // namespace storagepool::witness
