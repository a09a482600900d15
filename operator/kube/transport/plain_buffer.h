// A stream buffer of the HTTP library that can do nothing but what who derives from it adds. Included only by
// the translation units that use cpprestsdk.
#pragma once

#include <cstdint>

#include <cpprest/astreambuf.h>
#include <pplx/pplxtasks.h>

namespace storagepool::kube {

class PlainBuffer : public Concurrency::streams::details::streambuf_state_manager<std::uint8_t> {
 public:
  bool can_seek() const override { return false; }
  bool has_size() const override { return false; }
  size_t buffer_size(std::ios_base::openmode) const override { return 0; }
  void set_buffer_size(size_t, std::ios_base::openmode) override {}
  size_t in_avail() const override { return 0; }
  pos_type getpos(std::ios_base::openmode) const override { return traits::eof(); }
  pos_type seekpos(pos_type, std::ios_base::openmode) override { return traits::eof(); }
  pos_type seekoff(off_type, std::ios_base::seekdir, std::ios_base::openmode) override {
    return traits::eof();
  }
  // Nothing by reference: each piece goes through a call.
  bool acquire(std::uint8_t*& bytes, size_t& count) override {
    bytes = nullptr;
    count = 0;
    return false;
  }
  void release(std::uint8_t*, size_t) override {}

 protected:
  explicit PlainBuffer(std::ios_base::openmode mode) : streambuf_state_manager(mode) {}

  pplx::task<int_type> _putc(std::uint8_t) override { return end_of_file(); }
  pplx::task<size_t> _putn(const std::uint8_t*, size_t) override { return pplx::task_from_result<size_t>(0); }
  pplx::task<int_type> _bumpc() override { return end_of_file(); }
  int_type _sbumpc() override { return traits::eof(); }
  pplx::task<int_type> _getc() override { return end_of_file(); }
  int_type _sgetc() override { return traits::eof(); }
  pplx::task<int_type> _nextc() override { return end_of_file(); }
  pplx::task<int_type> _ungetc() override { return end_of_file(); }
  pplx::task<size_t> _getn(std::uint8_t*, size_t) override { return pplx::task_from_result<size_t>(0); }
  size_t _scopy(std::uint8_t*, size_t) override { return 0; }
  pplx::task<bool> _sync() override { return pplx::task_from_result(true); }
  std::uint8_t* _alloc(size_t) override { return nullptr; }
  void _commit(size_t) override {}

 private:
  static pplx::task<int_type> end_of_file() { return pplx::task_from_result<int_type>(traits::eof()); }
};

}  // namespace storagepool::kube
