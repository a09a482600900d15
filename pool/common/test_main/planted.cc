// One fault is on, for the whole life of the program.
#include "pool/common/test_main/planted.h"

#include <cstdlib>

bool storagepool::planted(std::string_view name) {
  const char* const given = std::getenv("STORAGEPOOL_PLANTED");
  return given != nullptr && name == given;
}
