#include "pool/postgres/testing/upgrade.h"

#include "pool/postgres/testing/process.h"
#include "pool/postgres/testing/superuser.h"

namespace storagepool::postgres::testing {
namespace {

namespace fs = std::filesystem;

// pg_upgrade only looks with the old version's pg_resetwal. The new one's, which takes no other folder than
// one of its own version, reads the same control file up to PostgreSQL 17.
constexpr const char* kLookScript = R"(#!/bin/sh
if [ "$1" != -n ]; then exec "$real" "$@"; fi
look=$(mktemp -d) && trap 'rm -rf "$look"' EXIT || exit
ln -s "$2"/* "$look" && rm "$look/PG_VERSION" && cp "$new/PG_VERSION" "$look" && "$real" -n "$look"
)";

// What comes of the server's programs alone, with what pg_upgrade asks for besides.
fs::path complete(const Upgrade& upgrade) {
  if (fs::exists(upgrade.old_binaries / "pg_resetwal")) return upgrade.old_binaries;
  const fs::path folder = upgrade.folder / "old-programs";
  fs::create_directory(folder);
  for (const char* program : {"postgres", "pg_ctl"})
    fs::create_symlink(upgrade.old_binaries / program, folder / program);
  fs::create_symlink(upgrade.binaries / "pg_controldata", folder / "pg_controldata");
  const fs::path look = folder / "pg_resetwal";
  std::string script = kLookScript;
  script.insert(script.find('\n') + 1, "real='" + (upgrade.binaries / "pg_resetwal").string() + "' new='" +
                                           upgrade.data.string() + "'\n");
  write_file(look, script);
  fs::permissions(look, fs::perms::owner_all | fs::perms::group_exec | fs::perms::group_read |
                            fs::perms::others_exec | fs::perms::others_read);
  return folder;
}

}  // namespace

void upgrade_cluster(const Upgrade& upgrade) {
  std::vector<std::string> command = upgrade.as_postgres;
  const std::string port = std::to_string(upgrade.port);
  for (const std::string& argument :
       {std::string("sh"), std::string("-c"), std::string("cd \"$1\" && shift && exec \"$@\""),
        std::string("upgrade"), upgrade.folder.string(), (upgrade.binaries / "pg_upgrade").string(),
        "--old-bindir=" + complete(upgrade).string(), "--new-bindir=" + upgrade.binaries.string(),
        "--old-datadir=" + upgrade.old_data.string(), "--new-datadir=" + upgrade.data.string(),
        "--old-port=" + port, "--new-port=" + port, "--socketdir=" + upgrade.folder.string(),
        std::string("--username=") + kSuperuser})
    command.push_back(argument);
  run_program(command, upgrade.folder / "upgrade.log");
}

}  // namespace storagepool::postgres::testing
