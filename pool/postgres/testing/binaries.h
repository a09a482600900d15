// Where PostgreSQL's programs are, private to this folder: where the first folder of PATH with `postgres` and
// the one that is asked for has them from, else one of Debian's. Some have the server's programs alone.
#pragma once

#include <filesystem>
#include <string>

namespace storagepool::postgres::testing {

// Empty: there is none.
std::filesystem::path find_binaries(const std::string& program);
// As they tell it, by way of a file that can be written: "postgres (PostgreSQL) 15.18".
std::string version_of(const std::filesystem::path& binaries, const std::filesystem::path& scratch);
int major_of(const std::filesystem::path& binaries, const std::filesystem::path& scratch);

}  // namespace storagepool::postgres::testing
