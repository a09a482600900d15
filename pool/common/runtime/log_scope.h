// Fields that every line of this thread has, after its own, for as long as the scope lives: all that is
// logged about one piece of work can be found by them.
//
//   const log::Scope scope({{"namespace", "team"}, {"name", "audit"}});
#pragma once

#include <cstddef>
#include <vector>

#include "pool/common/runtime/log.h"

namespace storagepool::log {

class Scope {
 public:
  // The keys outlive the scope. Scopes of one thread end in the reverse order of their beginning.
  explicit Scope(Fields fields);
  ~Scope();
  Scope(const Scope&) = delete;
  Scope& operator=(const Scope&) = delete;

 private:
  const std::size_t outer_;  // so many fields are of the scopes around this one
};

// Of this thread, the outermost scope's first.
const std::vector<Field>& scoped_fields();

}  // namespace storagepool::log
