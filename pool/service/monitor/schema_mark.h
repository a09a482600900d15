// A file on the pod's volume that says that PostgreSQL has had the schema once since the volume is there. A
// pod with a new volume that has never reached PostgreSQL cannot know that what its journal takes will ever
// be stored: the host may be misspelt.
#pragma once

#include <string>

namespace storagepool::service {

class SchemaMark {
 public:
  explicit SchemaMark(std::string path);

  bool seen() const { return seen_; }
  // Blocking, and at most once. What the volume refuses is true until the program ends.
  void set();

 private:
  std::string path_;
  bool seen_;
};

}  // namespace storagepool::service
