// The key of the log as it is mounted: private note keys of a log in Go's form
// (pool/common/tlog/note_key.h), one a line, of whose seeds the secrets of entries are made. What is mounted
// and cannot be used never takes the place of what is in force.
//
// The first key makes entries, and what any of them has made is known. Pods come by another file one after
// the other: so that none is shown what it has no key for yet, a first key that has others behind it makes
// nothing before it was seen for kTakenUp, but the next does.
#pragma once

#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "pool/common/runtime/clock.h"
#include "pool/common/settings/admin_wire.h"
#include "pool/evidence/proving/log_key.h"

namespace storagepool::service {

using evidence::LogKey;

class LogKeyFile {
 public:
  static constexpr std::size_t kMostKeys = settings::LogFacts::kMostVkeys;
  // In which every pod has a changed file mounted, and has looked at it.
  static constexpr std::chrono::minutes kTakenUp{5};

  explicit LogKeyFile(std::string path, const runtime::Clock& clock = runtime::system_clock())
      : path_(std::move(path)), clock_(clock) {}

  // Reads the file. True when another key is in force than before.
  bool look();
  // Null: none has been in force yet.
  const std::shared_ptr<const LogKey>& key() const { return key_; }
  // Why what is mounted is not in force; empty: it is.
  const std::string& refusal() const { return refusal_; }

 private:
  tl::expected<LogKey, std::string> read();

  std::string path_;
  const runtime::Clock& clock_;
  std::shared_ptr<const LogKey> key_;
  std::string first_;                 // what is verified with the first key of the file, as it was read last
  runtime::TimePoint first_since_{};  // when it came to be the first
  std::string refusal_;
};

}  // namespace storagepool::service
