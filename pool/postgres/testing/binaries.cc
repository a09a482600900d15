#include "pool/postgres/testing/binaries.h"

#include <cstdlib>
#include <sstream>
#include <vector>

#include "pool/postgres/testing/process.h"

namespace storagepool::postgres::testing {

namespace fs = std::filesystem;

fs::path find_binaries(const std::string& program) {
  std::vector<fs::path> candidates;
  if (const char* path = std::getenv("PATH")) {
    std::stringstream folders{std::string(path)};
    for (std::string folder; std::getline(folders, folder, ':');) candidates.emplace_back(folder);
  }
  std::error_code ignored;
  for (const auto& version : fs::directory_iterator("/usr/lib/postgresql", ignored)) {
    candidates.push_back(version.path() / "bin");
  }
  for (const auto& folder : candidates) {
    if (fs::exists(folder / program, ignored) && fs::exists(folder / "postgres", ignored))
      return fs::canonical(folder / "postgres").parent_path();
  }
  return {};
}

std::string version_of(const fs::path& binaries, const fs::path& scratch) {
  fs::remove(scratch);
  run_program({(binaries / "postgres").string(), "--version"}, scratch);
  return read_tail(scratch);
}

int major_of(const fs::path& binaries, const fs::path& scratch) {
  const std::string version = version_of(binaries, scratch);
  return std::stoi(version.substr(version.find_first_of("0123456789")));
}

}  // namespace storagepool::postgres::testing
