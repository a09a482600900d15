// Looks at objects by way of one `kubectl proxy` for the whole program: scenarios look again and again until
// something is so, and a kubectl for each look would take most of the machine's time.
#pragma once

#include <string>

#include <nlohmann/json.hpp>

namespace storagepool::e2e {

// Kinds as kubectl takes them, "pod" or "pods"; those that scenarios ask for. Both throw KubectlError when
// the API server answers otherwise than with the object.
nlohmann::json get_object(const std::string& name_space, const std::string& kind, const std::string& name);
// The items, an array, of one kind after the other: "pods,services". `selector` of labels; empty: all.
nlohmann::json list_objects(const std::string& name_space, const std::string& kinds,
                            const std::string& selector);

}  // namespace storagepool::e2e
