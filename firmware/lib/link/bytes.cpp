#include "bytes.h"

#include <cstring>

namespace vigil::link {

std::uint32_t Reader::take(std::size_t size) {
    if (!ok_ || left() < size) {
        ok_ = false;
        return 0;
    }
    std::uint32_t value = 0;
    for (std::size_t i = 0; i < size; ++i) {
        value |= static_cast<std::uint32_t>(bytes_[at_++]) << (8 * i);
    }
    return value;
}

void Reader::operator()(std::uint64_t& value) {
    const std::uint32_t low = take(4);
    value = static_cast<std::uint64_t>(take(4)) << 32 | low;
}

void Reader::operator()(float& value) {
    const std::uint32_t bits = take(4);
    std::memcpy(&value, &bits, sizeof value);
}

void Reader::copy(Span<std::uint8_t> out) {
    for (std::uint8_t& byte : out) byte = static_cast<std::uint8_t>(take(1));
}

void Reader::operator()(std::uint8_t (&value)[3]) {
    copy(value);
}
void Reader::operator()(std::uint8_t (&value)[8]) {
    copy(value);
}

void Reader::operator()(Span<const char>& text) {
    const std::size_t size = take(1);
    if (size > kMaxText || left() < size) ok_ = false;
    if (!ok_) {
        text = {};
        return;
    }
    text = Span<const char>(reinterpret_cast<const char*>(bytes_.data() + at_), size);
    at_ += size;
}

void Reader::operator()(Span<const std::uint8_t>& bytes) {
    bytes = bytes_.slice(at_, left());
    at_ = bytes_.size();
}

void Writer::put(std::uint32_t value, std::size_t size) {
    if (!ok_ || bytes_.size() - at_ < size) {
        ok_ = false;
        return;
    }
    for (std::size_t i = 0; i < size; ++i) {
        bytes_[at_++] = static_cast<std::uint8_t>(value >> (8 * i));
    }
}

void Writer::operator()(std::uint64_t value) {
    put(static_cast<std::uint32_t>(value), 4);
    put(static_cast<std::uint32_t>(value >> 32), 4);
}

void Writer::operator()(float value) {
    std::uint32_t bits = 0;
    std::memcpy(&bits, &value, sizeof bits);
    put(bits, 4);
}

void Writer::operator()(const std::uint8_t (&value)[3]) {
    (*this)(Span<const std::uint8_t>(value));
}
void Writer::operator()(const std::uint8_t (&value)[8]) {
    (*this)(Span<const std::uint8_t>(value));
}

void Writer::operator()(Span<const char> text) {
    const std::size_t size = text.size() < kMaxText ? text.size() : kMaxText;
    put(static_cast<std::uint32_t>(size), 1);
    (*this)(Span<const std::uint8_t>(reinterpret_cast<const std::uint8_t*>(text.data()), size));
}

void Writer::operator()(Span<const std::uint8_t> bytes) {
    for (const std::uint8_t byte : bytes) put(byte, 1);
}

}  // namespace vigil::link
