// Host name to addresses with a deadline, private to this folder.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include <boost/asio/awaitable.hpp>

#include "pool/postgres/connection.h"

namespace storagepool::postgres {

// The addresses of a host as text, in the resolver's order (RFC 6724) but the preferred one first, with those
// after it; empty when there is none or none came by the deadline. An address resolves to itself. A look-up
// that hangs in the C library is left behind on a thread of its own, and holds up no other name.
boost::asio::awaitable<std::vector<std::string>> resolve(std::string host, Deadline deadline);

// How names are looked up in this process, for tests; null as it begins, by the C library.
using LookUp = std::vector<std::string> (*)(const std::string& host);
void look_up_with(LookUp look_up);

// Which address of a host is tried first from now on, in this process.
void prefer_address(const std::string& host, const std::string& address);

// Whether nothing at all was heard of an address at the last attempt, in this process.
void note_silence(const std::string& address, bool silent);
bool was_silent(const std::string& address);

}  // namespace storagepool::postgres
