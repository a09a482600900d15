// The events of one call, shared by all who may have to store them instead of copied for each.
#pragma once

#include <memory>
#include <utility>
#include <vector>

#include "pool/event/event.h"

namespace storagepool::event {

class SharedEvents {
 public:
  SharedEvents() = default;                // of no call: not to be looked at
  SharedEvents(std::vector<Event> events)  // implicit: they are the same
      : events_(std::make_shared<std::vector<Event>>(std::move(events))) {}

  const std::vector<Event>& operator*() const { return *events_; }
  const std::vector<Event>* operator->() const { return events_.get(); }
  // To be changed: what others have stays as it is. On the thread of all who share them.
  std::vector<Event>& own() {
    if (events_.use_count() != 1) events_ = std::make_shared<std::vector<Event>>(*events_);
    return *events_;
  }

 private:
  std::shared_ptr<std::vector<Event>> events_;
};

}  // namespace storagepool::event
