#include "pool/engine/core/demand.h"

#include <utility>

namespace storagepool::engine {

void Demand::reconfigure(Limits limits) {
  limits_ = limits;
  for (auto database = first(); database != kNone; database = next(database)) update(database);
}

void Demand::enter(std::uint32_t database, bool system) {
  if (database >= queues_.size()) queues_.resize(database + 1);
  queues_[database].system = system;
  if (system) system_ = database;
}

void Demand::leave(std::uint32_t database) {
  if (queues_[database].system) system_ = kNone;
  queues_[database] = {};
}

void Demand::enqueue(std::uint32_t waiter, std::uint32_t database, TimePoint arrived, TimePoint deadline) {
  waiters_[waiter] = {.database = database, .turn = ++turns_, .arrived = arrived, .deadline = deadline};
  Queue& queue = queues_[database];
  if (queue.waiters.empty()) queueing_.push_back(queues_, database);
  queue.waiters.push_back(waiters_, waiter);
  update(database);
}

void Demand::dequeue(std::uint32_t waiter) {
  const std::uint32_t database = waiters_[waiter].database;
  Queue& queue = queues_[database];
  queue.waiters.erase(waiters_, waiter);
  if (queue.waiters.empty()) queueing_.erase(queues_, database);
  waiters_.erase(waiter);
  update(database);
}

void Demand::connect_begun(std::uint32_t database) {
  ++queues_[database].sockets;
  ++queues_[database].opening;
  update(database);
}

void Demand::connect_ended(std::uint32_t database) {
  --queues_[database].opening;
  update(database);
}

void Demand::connect_failed(std::uint32_t database) {
  --queues_[database].sockets;
  --queues_[database].opening;
  update(database);
}

void Demand::check_begun(std::uint32_t database) {
  ++queues_[database].checking;
  update(database);
}

void Demand::check_ended(std::uint32_t database) {
  --queues_[database].checking;
  update(database);
}

void Demand::close_begun(std::uint32_t database) {
  ++queues_[database].closing;
  update(database);
}

void Demand::close_ended(std::uint32_t database) {
  --queues_[database].sockets;
  --queues_[database].closing;
  update(database);
}

void Demand::allow(std::uint32_t database, Connects connects) {
  queues_[database].connects = connects;
  update(database);
}

std::uint32_t Demand::wanting_system() const {
  return system_ != kNone && queues_[system_].want != Want::kNothing ? system_ : kNone;
}

std::uint32_t Demand::front_of(Want want, bool with_ordinary) const {
  const bool system = system_ != kNone && queues_[system_].want == want;
  return older(system ? system_ : kNone, with_ordinary ? front_ordinary(want) : kNone);
}

std::uint32_t Demand::older(std::uint32_t a, std::uint32_t b) const {
  if (a == kNone || b == kNone) return a == kNone ? b : a;
  return oldest(a).turn < oldest(b).turn ? a : b;
}

std::uint32_t Demand::longest() const {
  std::uint32_t longest = kNone;
  for (auto database = first(); database != kNone; database = next(database)) {
    if (uncovered(database) > (longest == kNone ? 0 : uncovered(longest))) longest = database;
  }
  return longest;
}

// Where nobody waited uncovered and nobody does, there is nothing kept in order.
void Demand::update(std::uint32_t database) {
  Queue& queue = queues_[database];
  const std::int32_t uncovered = std::max(0, queued(database) - queue.opening - queue.checking);
  if (uncovered == 0 && queue.uncovered == 0) return;
  uncovered_databases_ += (uncovered > 0 ? 1 : 0) - (queue.uncovered > 0 ? 1 : 0);
  uncovered_ += uncovered - std::exchange(queue.uncovered, uncovered);
  const Want before = std::exchange(queue.want, want_of(queue));
  if (queue.want == Want::kNothing && before == Want::kNothing) return;
  wanting_ += (queue.want == Want::kNothing ? 0 : 1) - (before == Want::kNothing ? 0 : 1);
  if (queue.system) return;
  if (before != Want::kNothing && before != queue.want) heap(before).erase(database);
  if (queue.want != Want::kNothing) heap(queue.want).set(database, oldest(database).turn);
}

Demand::Want Demand::want_of(const Queue& queue) const {
  if (queue.uncovered == 0 || queue.sockets >= (queue.system ? limits_.system : limits_.per_ordinary))
    return Want::kNothing;
  if (queue.connects == Connects::kNotNow || (queue.connects == Connects::kOneAtATime && queue.opening > 0))
    return Want::kNothing;
  return queue.sockets == queue.closing ? Want::kFirst : Want::kMore;
}

}  // namespace storagepool::engine
