// The writes that an API server has taken, from its audit log (audit.k8s.io/v1, level Metadata).
#pragma once

#include <cstddef>
#include <fstream>
#include <string>
#include <vector>

namespace storagepool::manager::testing {

struct Write {
  std::string user;
  std::string verb;
  std::string object;    // "statefulsets default/p1"
  std::string answered;  // RFC 3339 with microseconds
};

class AuditLog {
 public:
  explicit AuditLog(const std::string& file);

  // All that succeeded so far, in the order of their ends; but those of Leases, by which operators agree who
  // may write, and dry runs.
  const std::vector<Write>& writes();
  std::size_t writes_of(const std::string& user);

 private:
  std::ifstream file_;
  std::string rest_;  // of a line that is not whole yet
  std::vector<Write> writes_;
};

}  // namespace storagepool::manager::testing
