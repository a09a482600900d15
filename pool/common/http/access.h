// What the sender of a request may do. The guard in front of the routes fills it (pool/auth/auth.h);
// the routes look at it after they have validated the request, so that a bad request is 400 before it is 403.
#pragma once

#include <string>

namespace storagepool::http {

struct Access {
  bool read = true;
  bool write = true;
  bool admin = false;   // may see the administration's numbers; never so by default
  std::string subject;  // who sent it, as far as its token says; "" when it does not
};

}  // namespace storagepool::http
