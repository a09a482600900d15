#include "pool/engine/engine.h"

#include "pool/engine/driver.h"

namespace storagepool::engine {
namespace asio = boost::asio;

struct Lease::Return {
  std::shared_ptr<Driver> driver;
  ConnectionId id;
};

struct Engine::Impl {
  std::shared_ptr<Driver> driver;
};

Lease::Lease(postgres::Connection* connection, std::unique_ptr<Return> give_back)
    : connection_(connection), return_(std::move(give_back)) {}

Lease::Lease(Lease&&) noexcept = default;

Lease& Lease::operator=(Lease&& other) noexcept {
  Lease moved(std::move(other));
  std::swap(connection_, moved.connection_);
  std::swap(return_, moved.return_);
  return *this;
}

Lease::~Lease() {
  if (return_) return_->driver->give_back(return_->id);
}

Engine::Engine(const asio::any_io_executor& executor, ConnectOptionsSource options,
               std::string system_database, const settings::Settings& settings, Listener listener)
    : impl_(std::make_shared<Impl>()) {
  impl_->driver = std::make_shared<Driver>(executor, std::move(options), std::move(system_database), settings,
                                           std::move(listener));
}

Engine::~Engine() {
  impl_->driver->shut_down();
}

asio::awaitable<tl::expected<Lease, AcquireError>> Engine::acquire(std::string_view database,
                                                                   TimePoint deadline) {
  const auto driver = impl_->driver;
  auto answer = co_await driver->acquire(std::string(database), deadline);
  if (!answer) co_return tl::unexpected(std::move(answer.error()));
  co_return Lease(answer->connection, std::make_unique<Lease::Return>(Lease::Return{driver, answer->id}));
}

void Engine::reconfigure(const settings::Settings& settings) {
  impl_->driver->reconfigure(settings);
}
settings::Settings Engine::in_force() const {
  return impl_->driver->in_force();
}
Statistics Engine::statistics() const {
  return impl_->driver->statistics();
}

asio::awaitable<bool> Engine::drain(TimePoint deadline) {
  const auto driver = impl_->driver;
  co_return co_await driver->drain(deadline);
}

}  // namespace storagepool::engine
