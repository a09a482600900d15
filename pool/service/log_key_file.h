// The key of the log as it is mounted: a private note key of a log in Go's form
// (pool/common/tlog/note_key.h), of whose seed the secrets of entries are made. What is mounted and cannot be
// used never takes the place of what is in force.
#pragma once

#include <memory>
#include <string>
#include <utility>

#include "pool/evidence/proving/log_key.h"

namespace storagepool::service {

using evidence::LogKey;

class LogKeyFile {
 public:
  explicit LogKeyFile(std::string path) : path_(std::move(path)) {}

  // Reads the file. True when another key is in force than before.
  bool look();
  // Null: none has been in force yet.
  const std::shared_ptr<const LogKey>& key() const { return key_; }

 private:
  tl::expected<LogKey, std::string> read() const;

  std::string path_;
  std::shared_ptr<const LogKey> key_;
  std::string refusal_;  // why what is mounted is not in force; empty: it is
};

}  // namespace storagepool::service
