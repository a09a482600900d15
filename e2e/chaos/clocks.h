// Faults of clocks: some programs have a wall clock that was stepped (support/stepped_clock.h), forward or
// back, and is set right again in the end.
#pragma once

#include <chrono>
#include <string>

#include "e2e/chaos/faults.h"

namespace storagepool::e2e {

Fault clock_of_pods(const std::string& name, const Targets& targets, std::chrono::minutes step);
Fault clock_of_operator(const std::string& name, std::chrono::minutes step);
Fault clock_of_postgres(const std::string& name, const Targets& targets, std::chrono::minutes step);

}  // namespace storagepool::e2e
