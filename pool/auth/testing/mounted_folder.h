// A folder as the kubelet mounts a Secret: its files are links through `..data`, which is swapped as a whole.
#pragma once

#include <filesystem>
#include <fstream>
#include <map>
#include <string>
#include <vector>

#include "pool/common/runtime/testing/temporary_folder.h"

namespace storagepool::auth::testing {

class MountedFolder {
 public:
  using Files = std::map<std::string, std::string>;  // name to contents

  explicit MountedFolder(const Files& files) { mount(files); }

  std::string path() const { return folder_.path().string(); }
  std::string path(const std::string& file) const { return (folder_ / file).string(); }

  // What is not in `files` vanishes.
  void mount(const Files& files) {
    namespace fs = std::filesystem;
    const std::string fresh = "..version" + std::to_string(++version_);
    fs::create_directory(folder_ / fresh);
    for (const auto& [name, contents] : files) {
      std::ofstream(folder_ / fresh / name, std::ios::binary) << contents;
      if (!fs::is_symlink(folder_ / name)) fs::create_symlink(fs::path("..data") / name, folder_ / name);
    }
    fs::create_symlink(fresh, folder_ / "..data_tmp");
    fs::rename(folder_ / "..data_tmp", folder_ / "..data");
    for (const std::string& name : names_) {
      if (!files.contains(name)) fs::remove(folder_ / name);
    }
    names_.clear();
    for (const auto& [name, contents] : files) names_.push_back(name);
  }

 private:
  runtime::testing::TemporaryFolder folder_;
  std::vector<std::string> names_;
  int version_ = 0;
};

}  // namespace storagepool::auth::testing
