#include "pool/postgres/testing/port.h"

#include <netinet/in.h>
#include <sys/socket.h>

#include "pool/postgres/testing/process.h"

namespace storagepool::postgres::testing {

HeldPort hold_port() {
  const int holder = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  const int yes = 1;
  setsockopt(holder, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t length = sizeof address;
  if (bind(holder, reinterpret_cast<sockaddr*>(&address), sizeof address) != 0 ||
      getsockname(holder, reinterpret_cast<sockaddr*>(&address), &length) != 0) {
    fail("cannot bind to loopback");
  }
  return {holder, ntohs(address.sin_port)};
}

}  // namespace storagepool::postgres::testing
