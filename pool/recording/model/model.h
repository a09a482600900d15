// Random schedules against the recording as it is: clients, errors of PostgreSQL of every kind, answers that
// are lost, stalls, a disk that is full, fails or tears records, clocks that jump, workspaces that are
// dropped and created again, and the end of the process at any moment. What was acknowledged must always be
// stored where it belongs, in the journal, or set aside for a reason, and in the end be stored or set aside.
#pragma once

#include <cstdint>
#include <string>

namespace storagepool::recording::model {

// What was violated in the schedule of this seed, empty if nothing was.
std::string run_schedule(std::uint64_t seed);

}  // namespace storagepool::recording::model
