// What a token gives, as the words and lists that tokens of every mode write: the scopes `read`, `write`,
// `admin` (drop workspaces), `hold` (place and release legal holds), `sensitive` (what events marked
// is_sensitive hold), `verify` (what proves events) and `export` (take all of them), both of which `read`
// contains; and the places that it is confined to: names of workspaces, globs of them, and `_system`, the
// system database, that is /api/v1/audit/…; no workspace has that name and no glob stands for it.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "pool/common/http/message/access.h"

namespace storagepool::auth {

// As errors list them.
inline constexpr std::string_view kScopes = "read, write, admin, hold, sensitive, verify and export";
inline constexpr std::string_view kSystemPlace = "_system";
inline constexpr std::size_t kMaxPlaces = 64;  // in one list

// Adds what the scope gives; false when it is none of ours.
bool add_scope(http::Access& access, std::string_view scope);

// Whether the text can stand in a list of places: `_system`, or 1 to 40 of a-z, 0-9, -, * and ?.
bool is_place(std::string_view text);

// Whether what the sender may do, it may do there; an empty workspace is the system database.
bool may_go_to(const http::Access& access, std::string_view workspace);

}  // namespace storagepool::auth
