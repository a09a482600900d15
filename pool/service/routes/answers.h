// The answers that the routes of the API share: errors of the store, of workspaces and of validation as
// problem details, and the bodies of what was recorded.
#pragma once

#include <chrono>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include <nlohmann/json_fwd.hpp>

#include "pool/common/http/server.h"
#include "pool/event/event.h"
#include "pool/event/field_error.h"
#include "pool/reading/reading.h"
#include "pool/workspaces/workspaces.h"

namespace storagepool::service {

inline constexpr const char* kNdjson = "application/x-ndjson";
// How much of a list is in an answer, unless its query says otherwise, and at most.
inline constexpr std::int64_t kDefaultLimit = 100;
inline constexpr std::int64_t kMaxLimit = 1000;

http::Response json(unsigned status, std::string body);
std::string dump(const nlohmann::ordered_json& body);  // what is no UTF-8 is replaced

http::Response invalid(const event::FieldErrors& errors, const http::Request& request);  // 400
http::Response failed(const tables::StoreError& error, const http::Request& request);
http::Response failed(const workspaces::Error& error, const http::Request& request);
// 503 with `Retry-After`, at least a second.
http::Response unavailable(std::string_view detail, std::chrono::milliseconds retry_after,
                           const http::Request& request);
http::Response postgres_away(const http::Request& request);  // 503 to what only PostgreSQL can answer

std::string accepted_json(const std::string& event_id);  // of a journalled event (202)
// Of a batch, 201 also when it is journalled: generated clients take a 202 to a batch for a failure and send
// it again.
std::string batch_json(std::span<const event::Event> events, bool journalled);

std::string deleting_json(const std::string& workspace);  // 202
std::string to_json(const workspaces::Workspace& workspace);
std::string to_json(std::span<const workspaces::Workspace> workspaces);

}  // namespace storagepool::service
