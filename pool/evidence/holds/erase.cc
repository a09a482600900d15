#include "pool/evidence/holds/erase.h"

#include <vector>

#include "pool/evidence/holds/transaction.h"
#include "pool/tables/guards.h"
#include "pool/tables/legal_holds.h"

namespace storagepool::evidence {

boost::asio::awaitable<tl::expected<Erased, postgres::Error>> erase_payload(postgres::Connection& connection,
                                                                            event::Event event,
                                                                            event::Erasure erasure,
                                                                            postgres::Deadline deadline) {
  const std::string sql =
      "WITH found AS (SELECT event_id, event_timestamp, " + tables::kHeld +
      " AS held FROM audit_events WHERE event_id = $1::uuid AND event_timestamp = $2::timestamptz AND "
      "event_data::text = $3 AND error_message IS NOT DISTINCT FROM $4::text), "
      "erased AS (UPDATE audit_events AS e SET event_data = $5::json, error_message = NULL FROM found "
      "WHERE NOT found.held AND e.event_id = found.event_id AND e.event_timestamp = found.event_timestamp "
      "RETURNING 1) SELECT (SELECT held::int FROM found), (SELECT count(*) FROM erased)";
  std::vector<postgres::Parameter> parameters{
      event.event_id, runtime::format_timestamp(event.event_timestamp), event.event_data, event.error_message,
      event::write_erasure(erasure)};
  const std::string lock = std::string(tables::kMaintains) + "; " + tables::kHoldsStay;
  const auto done = co_await under_lock(connection, lock, sql, std::move(parameters), deadline);
  if (!done) co_return tl::unexpected(done.error());
  if (done->rows.empty() || !done->rows[0].at(0)) co_return Erased::kChanged;
  if (done->rows[0].at(0) == "1") co_return Erased::kHeld;
  co_return done->rows[0].at(1) == "1" ? Erased::kDone : Erased::kChanged;
}

}  // namespace storagepool::evidence
