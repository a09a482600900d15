// The text of the note by which a log says what it holds (c2sp.org/tlog-checkpoint). Pure; takes hostile
// text.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include <tl/expected.hpp>

#include "pool/common/tlog/tlog.h"

namespace storagepool::tlog {

struct Checkpoint {
  std::string origin{};  // which log
  std::uint64_t size = 0;
  Hash root{};

  // The text of a note. Extension lines are refused: our logs write none, and nobody could check them.
  static tl::expected<Checkpoint, std::string> read(std::string_view text);
  // REQUIRES: the origin is a line, not empty.
  std::string write() const;
  friend bool operator==(const Checkpoint&, const Checkpoint&) = default;
};

}  // namespace storagepool::tlog
