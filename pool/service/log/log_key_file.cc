#include "pool/service/log/log_key_file.h"

#include <algorithm>
#include <sstream>
#include <vector>

#include "pool/common/runtime/files.h"
#include "pool/common/runtime/log.h"

namespace storagepool::service {
namespace {

constexpr std::size_t kMaxKeyBytes = 4096;

tl::expected<std::vector<tlog::NoteKey>, std::string> read_keys(const std::string& text) {
  std::vector<tlog::NoteKey> keys;
  std::istringstream lines(text);
  for (std::string line; std::getline(lines, line);) {
    auto key = tlog::NoteKey::read(line);
    if (!key) return tl::unexpected(key.error());
    if (key->seed().empty() || key->kind() != tlog::KeyKind::kLog)
      return tl::unexpected(std::string("not a private key of a log, PRIVATE+KEY+name+id+base64"));
    if (!keys.empty() && key->name() != keys.front().name())
      return tl::unexpected("keys of two logs, " + keys.front().name() + " and " + key->name());
    if (std::ranges::any_of(keys, [&](const auto& one) { return one.public_text() == key->public_text(); }))
      return tl::unexpected("one key twice, " + key->public_text());
    if (keys.size() == LogKeyFile::kMostKeys)
      return tl::unexpected("more than " + std::to_string(LogKeyFile::kMostKeys) + " keys");
    keys.push_back(*std::move(key));
  }
  if (keys.empty()) return tl::unexpected(std::string("it is empty"));
  return keys;
}

}  // namespace

tl::expected<LogKey, std::string> LogKeyFile::read() {
  const auto text = runtime::read_file(path_, kMaxKeyBytes);
  if (!text) return tl::unexpected(text.error());
  auto keys = read_keys(*text);
  if (!keys) return tl::unexpected(path_ + ": " + keys.error());
  const auto now = clock_.now();
  if (first_ != keys->front().public_text()) {
    first_ = keys->front().public_text();
    first_since_ = now;
  }
  const bool is_taken_up = now - first_since_ >= kTakenUp;
  if (keys->size() > 1 && !is_taken_up) std::swap(keys->at(0), keys->at(1));
  evidence::Keys secrets = evidence::make_keys(keys->front().seed());
  LogKey key{std::move(keys->front()), std::move(secrets)};
  keys->erase(keys->begin());
  for (const tlog::NoteKey& other : *keys) key.keys.earlier.push_back(evidence::make_keys(other.seed()));
  key.others = *std::move(keys);
  return key;
}

bool LogKeyFile::look() {
  auto mounted = read();
  if (!mounted) {
    if (mounted.error() != refusal_)
      log::warn("the key of the log that is mounted is not used",
                {{"detail", mounted.error()}, {"in_force", key_ ? key_->signer.public_text() : "none"}});
    refusal_ = std::move(mounted.error());
    return false;
  }
  refusal_.clear();
  if (key_ && key_->vkeys() == mounted->vkeys()) return false;
  key_ = std::make_shared<const LogKey>(std::move(*mounted));
  log::info("events get entries in the log under the key that is mounted now",
            {{"key", key_->signer.public_text()}, {"others", key_->others.size()}});
  return true;
}

}  // namespace storagepool::service
