// The audit API of the wire contract on port 8080: create, list and get events, in the system database and in
// workspaces. A request is checked in this order: what it says (400), whether its sender may, and may there
// (403), whether PostgreSQL is there to be read (503), whether its workspace is there (404, 409).
#pragma once

#include <chrono>
#include <functional>
#include <string_view>

#include "pool/common/http/router.h"
#include "pool/common/settings/min_days.h"
#include "pool/event/validate.h"
#include "pool/reading/reading.h"
#include "pool/recording/destinations.h"
#include "pool/recording/recording.h"
#include "pool/service/routes/receipts.h"
#include "pool/service/routes/validation.h"

namespace storagepool::service {

struct AuditContext {
  recording::Recording& recording;
  reading::Reader& reader;
  recording::Destinations& destinations;
  event::TimeLimits event_times;
  settings::MinDays min_days;                           // that events are kept for, by category
  std::function<runtime::Timestamp()> now;              // that they are about
  std::function<reading::Reader::Deadline()> deadline;  // of a request that begins now
  std::function<Receipts::Key()> log_key;               // null: there is none
  std::function<bool()> away;  // PostgreSQL is known not to answer: what needs it is not to wait
  Validation& validation;
  // How long before it was received an event has been, and how long an acknowledged call took.
  std::function<void(std::chrono::duration<double> lag)> on_received;
  std::function<void(std::chrono::duration<double> took)> on_acknowledged;
};

// What `context` refers to must outlive the router's server.
void add_audit_routes(http::Router& router, AuditContext context);

// True for application/json, with charset=utf-8 or no parameter (RFC 9110, 8.3.1).
bool is_json_content(std::string_view content_type);

}  // namespace storagepool::service
