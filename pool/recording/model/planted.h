// What the copies of the sources with faults built in ask; see mutations.txt.
#pragma once

#include <string_view>

namespace storagepool::recording::model {

bool planted(std::string_view name);  // whether this fault is on

}  // namespace storagepool::recording::model
