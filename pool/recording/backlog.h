// The journal as the recording sees it: something that keeps units until they are stored.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "pool/event/event.h"
#include "pool/journal/journal.h"

namespace storagepool::recording {

// See journal::Journal for all of them.
class Backlog {
 public:
  using Deadline = journal::Journal::Deadline;
  template <typename T>
  using Answer = journal::Journal::Answer<T>;
  virtual ~Backlog() = default;
  virtual Answer<void> append(journal::Origin origin, std::vector<event::Event> unit, Deadline deadline) = 0;
  virtual Answer<std::vector<journal::WaitingWorkspace>> waiting() = 0;
  virtual Answer<std::vector<journal::Unit>> next(journal::Take take) = 0;
  virtual Answer<journal::Amount> remove(std::vector<std::int64_t> sequences) = 0;
  virtual Answer<journal::Amount> set_aside(std::vector<std::int64_t> sequences, std::string reason) = 0;
  virtual void on_append(std::function<void()> listener) = 0;
  virtual std::int64_t waiting_units() const = 0;
};

// By the journal, which must outlive this.
class JournalBacklog final : public Backlog {
 public:
  explicit JournalBacklog(journal::Journal& journal) : journal_(journal) {}
  Answer<void> append(journal::Origin origin, std::vector<event::Event> unit, Deadline deadline) override {
    return journal_.append(std::move(origin), std::move(unit), deadline);
  }
  Answer<std::vector<journal::WaitingWorkspace>> waiting() override { return journal_.waiting(); }
  Answer<std::vector<journal::Unit>> next(journal::Take take) override {
    return journal_.next(std::move(take));
  }
  Answer<journal::Amount> remove(std::vector<std::int64_t> sequences) override {
    return journal_.remove(std::move(sequences));
  }
  Answer<journal::Amount> set_aside(std::vector<std::int64_t> sequences, std::string reason) override {
    return journal_.set_aside(std::move(sequences), std::move(reason));
  }
  void on_append(std::function<void()> listener) override { journal_.on_append(std::move(listener)); }
  std::int64_t waiting_units() const override { return journal_.statistics().waiting.units; }

 private:
  journal::Journal& journal_;
};

}  // namespace storagepool::recording
