// Which host:port lead to the same PostgreSQL server: those that were told with the same system identifier,
// also by way of a third. Pure.
#pragma once

#include <map>
#include <set>
#include <string>

namespace storagepool::sizing {

class ServerNames {
 public:
  // Somebody reads this identifier where that name leads. Tellings are counted; without a name or an
  // identifier they say nothing.
  void tell(const std::string& name, const std::string& identifier);
  // REQUIRES: it was told, and not taken back since.
  void take_back(const std::string& name, const std::string& identifier);

  // This name and all others of the same server: as much work as there are.
  std::set<std::string> same(const std::string& name) const;

 private:
  std::map<std::string, std::map<std::string, int>> identifiers_;  // by name: how often each was told
  std::map<std::string, std::set<std::string>> names_;             // by identifier
};

}  // namespace storagepool::sizing
