#include "pool/auth/paseto/paseto_keys.h"

#include <algorithm>
#include <filesystem>
#include <system_error>

#include "pool/auth/tokens/text_lines.h"
#include "pool/common/runtime/files.h"

namespace storagepool::auth {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t kMaxFiles = 64;
constexpr std::size_t kMaxFileBytes = 4096;

// The files in order, or why they cannot be listed.
tl::expected<std::vector<std::string>, std::string> list(const std::string& folder) {
  std::vector<std::string> paths;
  std::error_code error;
  for (fs::directory_iterator entry(folder, error); !error && entry != fs::directory_iterator();
       entry.increment(error)) {
    if (entry->path().filename().native().starts_with('.')) continue;
    if (paths.size() == kMaxFiles) {
      return tl::unexpected(folder + " holds more than " + std::to_string(kMaxFiles) + " files");
    }
    paths.push_back(entry->path().string());
  }
  if (error) return tl::unexpected("cannot list " + folder + ": " + error.message());
  std::sort(paths.begin(), paths.end());
  return paths;
}

void read_lines(const std::string& path, std::string_view text, PublicKeys& read) {
  for (const auto& [number, line] : lines_of(text)) {
    const std::string where = path + ": line " + std::to_string(number) + " ";
    const auto key = parse_public_key(line);
    if (!key) {
      read.problems.push_back(where + key.error());
    } else if (read.keys.size() == kMaxPublicKeys) {
      read.problems.push_back(where + "is one key too many: at most " + std::to_string(kMaxPublicKeys) +
                              " are used");
    } else {
      read.keys.push_back(*key);
    }
  }
}

void read_keys(const std::string& path, PublicKeys& read) {
  const auto text = runtime::read_file(path, kMaxFileBytes);
  if (!text) {
    read.problems.push_back(text.error());
  } else {
    read_lines(path, *text, read);
  }
}

}  // namespace

PublicKeys read_public_keys(const std::string& folder) {
  PublicKeys read;
  const auto paths = list(folder);
  if (!paths) return {{}, {paths.error()}};
  for (const std::string& path : *paths) read_keys(path, read);
  if (read.keys.empty() && read.problems.empty()) read.problems.push_back(folder + " holds no public key");
  return read;
}

PublicKeys read_public_key_file(const std::string& path) {
  PublicKeys read;
  read_keys(path, read);
  if (read.keys.empty() && read.problems.empty()) read.problems.push_back(path + " holds no public key");
  return read;
}

}  // namespace storagepool::auth
