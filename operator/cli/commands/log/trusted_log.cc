#include "operator/cli/commands/log/trusted_log.h"

#include <string_view>
#include <utility>

#include "pool/common/tlog/epochs.h"

namespace storagepool::cli {
namespace {

constexpr const char* kOfWorkspaces = "/ws/";
constexpr const char* kNotSigned = "no signature of this key is on the checkpoint";

// The names that the log can have had in its first epoch; where a StoragePool is named as epochs are, two.
std::string without_epoch(const std::string& name) {
  const std::size_t at = name.rfind("/e");
  if (at == name.npos || !tlog::epoch_of(name, name.substr(0, at))) return name;
  return name.substr(0, at);
}

}  // namespace

TrustedLog::TrustedLog(const tlog::NoteKey& key, std::string workspace)
    : key_(key), workspace_(std::move(workspace)) {}

std::string TrustedLog::origin() const {
  if (workspace_.empty() || of_workspace_) return key().name();
  return without_epoch(key_.name()) + kOfWorkspaces + workspace_;
}

bool TrustedLog::is_of_workspace_named(const std::string& origin) const {
  for (const std::string& first : {key_.name(), without_epoch(key_.name())}) {
    const std::string before = first + kOfWorkspaces + workspace_ + "/";
    if (!origin.starts_with(before)) continue;
    const std::string id = origin.substr(before.size(), origin.find('/', before.size()) - before.size());
    if (!id.empty() && tlog::epoch_of(origin, before + id)) return true;
  }
  return false;
}

tl::expected<tlog::Checkpoint, std::string> TrustedLog::checkpoint(const tlog::Note& note) {
  using Checked = tl::expected<tlog::Checkpoint, std::string>;
  const auto refuse = [](const char* why) { return Checked(tl::unexpected(std::string(why))); };
  auto checkpoint = tlog::Checkpoint::read(note.text);
  if (!checkpoint) return checkpoint;
  const bool is_first = is_of_workspace() && !of_workspace_;
  if (is_first ? !is_of_workspace_named(checkpoint->origin) : checkpoint->origin != key().name())
    return refuse("the checkpoint is of another log than the key");
  if (is_first) {
    auto key = key_.renamed(checkpoint->origin);
    if (!key) return tl::unexpected(key.error());
    if (key->verify(note)) of_workspace_ = *std::move(key);
    return of_workspace_ ? checkpoint : refuse(kNotSigned);
  }
  return key().verify(note) ? checkpoint : refuse(kNotSigned);
}

}  // namespace storagepool::cli
