#include "pool/service/log_key_file.h"

#include "pool/common/runtime/files.h"
#include "pool/common/runtime/log.h"

namespace storagepool::service {
namespace {

constexpr std::size_t kMaxKeyBytes = 4096;

}  // namespace

tl::expected<LogKey, std::string> LogKeyFile::read() const {
  auto text = runtime::read_file(path_, kMaxKeyBytes);
  if (!text) return tl::unexpected(std::move(text.error()));
  if (!text->empty() && text->back() == '\n') text->pop_back();
  auto signer = tlog::NoteKey::read(*text);
  if (!signer) return tl::unexpected(path_ + ": " + signer.error());
  const std::string seed = signer->seed();
  if (seed.empty() || signer->kind() != tlog::KeyKind::kLog)
    return tl::unexpected(path_ + ": not a private key of a log, PRIVATE+KEY+name+id+base64");
  return LogKey{std::move(*signer), evidence::make_keys(seed)};
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
  if (key_ && key_->signer.public_text() == mounted->signer.public_text()) return false;
  key_ = std::make_shared<const LogKey>(std::move(*mounted));
  log::info("events get entries in the log under the key that is mounted now",
            {{"key", key_->signer.public_text()}});
  return true;
}

}  // namespace storagepool::service
