// What copies of sources with faults built in (cmake/plant) ask. Each program that is made of some defines
// it.
#pragma once

#include <string_view>

namespace storagepool {

bool planted(std::string_view name);  // whether this fault is on

}  // namespace storagepool
