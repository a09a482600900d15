// A witness as c2sp.org/tlog-witness has it, of one log, on the loopback interface, for tests: it believes no
// proof that it has not verified. It can be told to say something else.
#pragma once

#include <cstdint>
#include <functional>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "operator/kube/transport/testing/loopback_server.h"
#include "operator/witness/witness.h"
#include "pool/common/encoding/encoding.h"
#include "pool/common/runtime/clock.h"
#include "pool/common/tlog/proofs.h"

namespace storagepool::witness::testing {

class OutsideWitness {
 public:
  // `log`: the verifier key that it knows; empty: it knows no log.
  explicit OutsideWitness(std::string log, const std::string& name = "outside.example", char seed = 'o')
      : key_(tlog::NoteKey::of_seed(tlog::KeyKind::kWitness, name, std::string(32, seed)).value()),
        log_(std::move(log)),
        server_(
            [this](const kube::LoopbackConnection& peer, const std::string& begun) { serve(peer, begun); }) {}

  std::string url() const { return server_.base() + "/w"; }
  std::string vkey() const { return key_.public_text(); }
  const tlog::NoteKey& key() const { return key_; }
  std::uint64_t size() const {
    const std::lock_guard lock(mutex_);
    return kept_.size;
  }
  std::vector<std::string> asked() const {  // bodies
    const std::lock_guard lock(mutex_);
    return asked_;
  }
  // What it has cosigned before.
  void keep(const tlog::Checkpoint& checkpoint) {
    const std::lock_guard lock(mutex_);
    kept_ = checkpoint;
  }
  // In place of its own answers, as bytes; a function that does not return anything: it says nothing.
  void say(std::function<void(const kube::LoopbackConnection&)> what) {
    const std::lock_guard lock(mutex_);
    say_ = std::move(what);
  }

  static std::string http(int status, const std::string& type, const std::string& body) {
    return "HTTP/1.1 " + std::to_string(status) + " X\r\nContent-Type: " + type +
           "\r\nContent-Length: " + std::to_string(body.size()) + "\r\nConnection: close\r\n\r\n" + body;
  }

 private:
  void serve(const kube::LoopbackConnection& peer, const std::string& begun) {
    const std::string body = read_body(peer, begun);
    std::function<void(const kube::LoopbackConnection&)> instead;
    {
      const std::lock_guard lock(mutex_);
      asked_.push_back(body);
      instead = say_;
    }
    if (instead) return instead(peer);
    peer.send(begun.starts_with("POST /w/add-checkpoint HTTP/1.1\r\n") ? answer(body)
                                                                       : http(404, "text/plain", ""));
  }
  static std::string read_body(const kube::LoopbackConnection& peer, const std::string& begun) {
    const std::string field = "Content-Length: ";
    const std::size_t length = std::stoul(begun.substr(begun.find(field) + field.size()));
    std::string body = begun.substr(begun.find("\r\n\r\n") + 4);
    for (std::string more = "-"; body.size() < length && !more.empty();) body += more = peer.receive_some();
    return body;
  }
  std::string answer(const std::string& body) {
    const auto end = body.find("\n\n");
    const auto note = tlog::Note::read(body.substr(end + 2));
    if (!body.starts_with("old ") || !note) return http(400, "text/plain", "");
    const auto checkpoint = tlog::Checkpoint::read(note->text).value();
    if (log_.empty()) return http(404, "text/plain", "");
    const auto log = tlog::NoteKey::read(log_).value();
    if (log.name() != checkpoint.origin) return http(404, "text/plain", "");
    if (!log.verify(*note)) return http(403, "text/plain", "");
    const std::uint64_t old = std::stoull(body.substr(4));
    if (old > checkpoint.size) return http(400, "text/plain", "");
    tlog::Proof proof;
    for (std::size_t at = body.find('\n') + 1; at < end; at = body.find('\n', at) + 1) {
      const std::string bytes = encoding::decode_base64(body.substr(at, body.find('\n', at) - at)).value();
      std::copy(bytes.begin(), bytes.end(), proof.emplace_back().begin());
    }
    const std::lock_guard lock(mutex_);
    if (old != kept_.size) return http(409, "text/x.tlog.size", std::to_string(kept_.size) + "\n");
    if (old == checkpoint.size && kept_.root != checkpoint.root) return http(409, "text/plain", "");
    tlog::Hasher hasher;
    const bool good =
        old == 0 ? proof.empty()
                 : tlog::verify_consistency(hasher, old, kept_.root, checkpoint.size, checkpoint.root, proof);
    if (!good) return http(422, "text/plain", "");
    kept_ = checkpoint;
    const auto now = std::chrono::floor<std::chrono::seconds>(runtime::wall_now());
    const std::string whole =
        tlog::Note{.text = note->text, .signatures = {key_.sign(note->text, now)}}.write();
    return http(200, "text/plain", whole.substr(note->text.size() + 1));
  }

  const tlog::NoteKey key_;
  const std::string log_;
  mutable std::mutex mutex_;
  tlog::Checkpoint kept_{};
  std::vector<std::string> asked_;
  std::function<void(const kube::LoopbackConnection&)> say_;
  kube::LoopbackServer server_;  // ends first
};

}  // namespace storagepool::witness::testing
