// What is done with a journal whose file is damaged: every unit that can still be read is brought into a new
// file, which then takes the old one's place; the old one is kept beside it. Cut off at any instruction it is
// begun anew, or finished, when the journal is opened next.
#pragma once

#include <cstdint>
#include <string>

#include <tl/expected.hpp>

#include "pool/common/runtime/timestamp.h"

namespace storagepool::journal {

struct Salvage {
  std::string kept_as;       // path of the damaged database
  std::int64_t damaged = 0;  // units that were found and cannot be read: set aside in the new file
};

// Of the database at `path`, which nobody has open. `now` names what is kept. After an error the old database
// is where it was.
tl::expected<Salvage, std::string> salvage(const std::string& path, runtime::Timestamp now);

// Finishes what an earlier `salvage` of this path left half done. To be called before the database is opened.
tl::expected<void, std::string> finish_salvage(const std::string& path);

}  // namespace storagepool::journal
