#include "pool/engine/engine.h"

#include "pool/engine/driver.h"

namespace storagepool::engine {
namespace asio = boost::asio;

void Lease::give_back() noexcept {
  driver_->give_back(id_, *session_);
}

ClosedDatabase::~ClosedDatabase() {
  if (driver_) driver_->reopen_database(database_);
}

Engine::Engine(const asio::any_io_executor& executor, ConnectOptionsSource options,
               std::string system_database, const settings::Settings& settings, Listener listener)
    : driver_(std::make_shared<Driver>(executor, std::move(options), std::move(system_database), settings,
                                       std::move(listener))) {}

Engine::~Engine() {
  driver_->shut_down();
}

asio::awaitable<tl::expected<Lease, AcquireError>> Engine::acquire(std::string_view database,
                                                                   TimePoint deadline) {
  return Driver::acquire(driver_, database, deadline);
}

void Engine::reconfigure(const settings::Settings& settings) {
  driver_->reconfigure(settings);
}
settings::Settings Engine::in_force() const {
  return driver_->in_force();
}
Statistics Engine::statistics() const {
  return driver_->statistics();
}
std::vector<DatabaseStatistics> Engine::database_statistics() const {
  return driver_->database_statistics();
}

asio::awaitable<bool> Engine::suspend(TimePoint deadline) {
  return Driver::suspend(driver_, deadline);
}
void Engine::resume() {
  driver_->resume();
}
asio::awaitable<tl::expected<void, postgres::Error>> Engine::try_connect(postgres::ConnectOptions options,
                                                                         Trial trial, TimePoint deadline) {
  return Driver::try_connect(driver_, std::move(options), std::move(trial), deadline);
}
void Engine::retire_connections() {
  driver_->retire();
}

std::int64_t Engine::retired_connections() const {
  return driver_->retired();
}
asio::awaitable<tl::expected<ClosedDatabase, AcquireError>> Engine::close_database(std::string_view database,
                                                                                   TimePoint deadline) {
  return Driver::close_database(driver_, std::string(database), deadline);
}
asio::awaitable<bool> Engine::drain(TimePoint deadline) {
  return Driver::drain(driver_, deadline);
}

}  // namespace storagepool::engine
