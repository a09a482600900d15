#include "pool/workspaces/name.h"

#include <algorithm>

#include "pool/event/text.h"

namespace storagepool::workspaces {

namespace {

constexpr std::string_view kInfix = "_ws_";

}  // namespace

bool is_workspace_name(std::string_view name) {
  const auto plain = [](char c) { return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9'); };
  return !name.empty() && name.size() <= kMaxWorkspaceName && plain(name.front()) && plain(name.back()) &&
         std::all_of(name.begin(), name.end(), [&](char c) { return plain(c) || c == '-'; });
}

tl::expected<std::string, std::string> workspace_database(std::string_view system_database,
                                                          std::string_view name) {
  if (!is_workspace_name(name)) {
    return tl::unexpected("got " + event::quoted(name) +
                          "; allowed: 1 to 40 of a-z, 0-9 and -, neither beginning nor ending with -");
  }
  std::string database = std::string(system_database) + std::string(kInfix) + std::string(name);
  if (database.size() > kMaxIdentifierBytes) {
    const std::size_t prefix = database.size() - name.size();
    const std::string allowed =
        prefix < kMaxIdentifierBytes
            ? "at most " + std::to_string(kMaxIdentifierBytes - prefix) + " characters"
            : "no name at all";
    return tl::unexpected("got " + event::quoted(name) + ", whose database would have a name of " +
                          std::to_string(database.size()) + " bytes where PostgreSQL takes " +
                          std::to_string(kMaxIdentifierBytes) + "; allowed beside the system database " +
                          event::quoted(system_database) + ": " + allowed);
  }
  std::replace(database.end() - static_cast<std::ptrdiff_t>(name.size()), database.end(), '-', '_');
  return database;
}

std::string workspace_of(std::string_view system_database, std::string_view database) {
  std::string name(database.substr(std::min(database.size(), system_database.size() + kInfix.size())));
  std::replace(name.begin(), name.end(), '_', '-');
  return name;
}

}  // namespace storagepool::workspaces
