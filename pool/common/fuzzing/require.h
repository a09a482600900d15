// What a fuzz target claims beyond "does not crash". A target is one LLVMFuzzerTestOneInput in a `*_fuzz.cc`
// beside the code it attacks, declared with storagepool_fuzz(); its kept inputs lie in corpus/<name>/ there.
// `make fuzz` runs it under libFuzzer, `make test` replays the kept inputs and some mutations of them.
#pragma once

#include <cstdio>
#include <cstdlib>
#include <source_location>

namespace storagepool::fuzzing {

// Ends the process when the claim does not hold.
inline void require(bool holds, const char* claim,
                    const std::source_location& place = std::source_location::current()) {
  if (holds) return;
  std::fprintf(stderr, "%s:%u: does not hold: %s\n", place.file_name(), static_cast<unsigned>(place.line()),
               claim);
  std::abort();
}

}  // namespace storagepool::fuzzing
