#include "operator/sizing/server_names.h"

#include <vector>

namespace storagepool::sizing {

void ServerNames::tell(const std::string& name, const std::string& identifier) {
  if (name.empty() || identifier.empty()) return;
  ++identifiers_[name][identifier];
  names_[identifier].insert(name);
}

void ServerNames::take_back(const std::string& name, const std::string& identifier) {
  if (name.empty() || identifier.empty()) return;
  auto& told = identifiers_.at(name);
  if (--told.at(identifier) > 0) return;
  told.erase(identifier);
  if (told.empty()) identifiers_.erase(name);
  auto& names = names_.at(identifier);
  names.erase(name);
  if (names.empty()) names_.erase(identifier);
}

std::set<std::string> ServerNames::same(const std::string& name) const {
  std::set<std::string> found{name};
  std::set<std::string> read;  // identifiers
  std::vector<std::string> left{name};
  while (!left.empty()) {
    const auto told = identifiers_.find(left.back());
    left.pop_back();
    if (told == identifiers_.end()) continue;
    for (const auto& [identifier, count] : told->second) {
      if (!read.insert(identifier).second) continue;
      for (const std::string& other : names_.at(identifier)) {
        if (found.insert(other).second) left.push_back(other);
      }
    }
  }
  return found;
}

}  // namespace storagepool::sizing
