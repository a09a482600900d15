#include "pool/evidence/auditing/first_entry.h"

#include <span>

#include "pool/evidence/sealing/rows.h"

namespace storagepool::evidence {

boost::asio::awaitable<tl::expected<std::int64_t, postgres::Error>> read_first_entry(
    postgres::Connection& connection, const Keys& keys, postgres::Deadline deadline) {
  const auto found = co_await connection.execute(kReadFacts, deadline);
  if (!found) co_return tl::unexpected(found.error());
  const auto facts = read_facts(*found);
  if (!facts || !facts->row || !facts->row->fault.empty()) co_return 0;
  LogMacs macs(std::span(&keys, 1));
  if (!macs.is_of_state(facts->row->state, facts->row->mac)) co_return 0;
  co_return static_cast<std::int64_t>(facts->row->state.min_index);
}

}  // namespace storagepool::evidence
