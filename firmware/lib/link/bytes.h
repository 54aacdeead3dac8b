// Little-endian fields in and out of a payload, never past its end. After the first field that
// does not fit, a Reader gives zeros and a Writer writes nothing, and ok() is false for good.
#pragma once

#include <cstddef>
#include <cstdint>

#include "span.h"

namespace vigil::link {

constexpr std::size_t kMaxText = 31;  // bytes of UTF-8 in a text field

class Reader {
  public:
    explicit Reader(Span<const std::uint8_t> bytes) : bytes_(bytes) {}

    void operator()(std::uint8_t& value) { value = static_cast<std::uint8_t>(take(1)); }
    void operator()(std::uint16_t& value) { value = static_cast<std::uint16_t>(take(2)); }
    void operator()(std::uint32_t& value) { value = take(4); }
    void operator()(std::uint64_t& value);
    void operator()(float& value);
    void operator()(std::uint8_t (&value)[3]);
    void operator()(std::uint8_t (&value)[8]);
    void operator()(Span<const char>& text);           // one byte of length, at most kMaxText
    void operator()(Span<const std::uint8_t>& bytes);  // all that is left

    bool ok() const { return ok_; }
    std::size_t left() const { return bytes_.size() - at_; }

  private:
    std::uint32_t take(std::size_t size);
    void copy(Span<std::uint8_t> out);

    Span<const std::uint8_t> bytes_;
    std::size_t at_ = 0;
    bool ok_ = true;
};

class Writer {
  public:
    explicit Writer(Span<std::uint8_t> bytes) : bytes_(bytes) {}

    void operator()(std::uint8_t value) { put(value, 1); }
    void operator()(std::uint16_t value) { put(value, 2); }
    void operator()(std::uint32_t value) { put(value, 4); }
    void operator()(std::uint64_t value);
    void operator()(float value);
    void operator()(const std::uint8_t (&value)[3]);
    void operator()(const std::uint8_t (&value)[8]);
    void operator()(Span<const char> text);  // cut at kMaxText
    void operator()(Span<const std::uint8_t> bytes);

    bool ok() const { return ok_; }
    std::size_t size() const { return at_; }

  private:
    void put(std::uint32_t value, std::size_t size);

    Span<std::uint8_t> bytes_;
    std::size_t at_ = 0;
    bool ok_ = true;
};

}  // namespace vigil::link
