// The administration port of a pod (8082), for the operator: pool/common/settings/admin_wire.h says what is
// exchanged. Every request must be signed by the operator (pool/auth/paseto/operator_requests.h).
#pragma once

#include <functional>

#include "pool/auth/paseto/operator_requests.h"
#include "pool/auth/tokens/bearer.h"
#include "pool/common/http/router.h"
#include "pool/common/settings/admin_wire.h"
#include "pool/engine/engine.h"
#include "pool/journal/journal.h"
#include "pool/service/config/live_settings.h"

namespace storagepool::service {

// What is in force in the engine, read back from it.
settings::SettingsReport make_report(std::int64_t generation, const engine::Engine& engine);

struct AdminContext {
  auth::OperatorRequests& operator_requests;
  LiveSettings& settings;
  std::function<settings::SettingsReport()> report;
  std::function<settings::FactsReport()> facts;
  std::function<journal::Journal*()> journal;  // null for a pod without one
  std::function<void(bool leaving)> leave;
  // The error says why the log cannot be told, or why that is no floor of it.
  std::function<boost::asio::awaitable<tl::expected<settings::LogReport, std::string>>(settings::LogFloor)>
      log;
  auth::OnRefused on_refused;
};

// What `context` refers to must outlive the server. The gate lets in whose head the operator has signed, the
// handler behind it answers where that is so of the body, too.
http::Gate make_admin_gate(const AdminContext& context);
http::Handler make_admin_handler(AdminContext context);

}  // namespace storagepool::service
