// What the sender of a request may do. The guard in front of the routes fills it (pool/auth/auth.h);
// the routes look at it after they have validated the request, so that a bad request is 400 before it is 403.
#pragma once

#include <optional>
#include <string>
#include <vector>

namespace storagepool::http {

// By default what everybody may do where nobody is told apart.
struct Access {
  bool read = true;
  bool write = true;
  bool admin = false;     // may drop workspaces
  bool hold = true;       // may place and release legal holds
  bool sensitive = true;  // is shown what events marked is_sensitive hold
  bool verify = true;     // may ask for what proves events, without reading them
  bool take_all = true;   // may export and follow all events
  bool figures = false;   // of the connection pool; only of requests to their paths (pool/auth/auth.h)
  bool known = false;     // told apart from others
  std::string subject;    // who sent it, as far as its token says; "" when it does not
  // Where it may go: names of workspaces or globs (pool/auth/tokens/scopes.h). Without a value: everywhere.
  std::optional<std::vector<std::string>> workspaces;
};

// Of somebody who is known and has been given nothing yet.
inline Access no_access() {
  Access access;
  access.read = false;
  access.write = false;
  access.hold = false;
  access.sensitive = false;
  access.verify = false;
  access.take_all = false;
  access.known = true;
  return access;
}

}  // namespace storagepool::http
