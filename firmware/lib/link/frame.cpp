#include "frame.h"

#include "crc32.h"

namespace vigil::link {
namespace {

// Writes the five bytes of a check: bits 0 to 6 first, the top bit of every byte set.
void put_check(std::uint32_t crc, std::uint8_t* out) {
    for (std::size_t i = 0; i < kCheckSize; ++i) {
        out[i] = static_cast<std::uint8_t>(0x80 | (crc & 0x7F));
        crc >>= 7;
    }
}

// Replaces each COBS code by a zero. Frames are shorter than 254 bytes, so every code stands for a
// zero and the bytes need not move. False when the codes do not end exactly at the last byte.
bool undo_cobs(Span<std::uint8_t> bytes) {
    std::size_t at = 0;
    for (;;) {
        const std::size_t next = at + bytes[at];
        bytes[at] = 0;
        if (next >= bytes.size()) return next == bytes.size();
        at = next;
    }
}

}  // namespace

std::size_t encode_frame(std::uint8_t type, std::uint8_t sequence, std::size_t payload_size,
                         Span<std::uint8_t> wire) {
    if (payload_size > kMaxPayload || wire.size() < payload_size + kOverhead) return 0;
    const std::size_t check_at = kPayloadAt + payload_size;
    const std::size_t end = check_at + kCheckSize;
    wire[0] = 0;
    wire[2] = type;
    wire[3] = sequence;
    wire[4] = static_cast<std::uint8_t>(payload_size);
    wire[5] = static_cast<std::uint8_t>(payload_size >> 8);
    std::size_t code_at = 1;
    for (std::size_t i = 2; i < check_at; ++i) {
        if (wire[i] != 0) continue;
        wire[code_at] = static_cast<std::uint8_t>(i - code_at);
        code_at = i;
    }
    wire[code_at] = static_cast<std::uint8_t>(end - code_at);  // the check contains no zero
    put_check(crc32(0, Span<const std::uint8_t>(wire.data() + 1, check_at - 1)),
              wire.data() + check_at);
    wire[end] = 0;
    return end + 1;
}

// raw_ begins one byte into the buffer. After the code, the 4-byte header and the 8-byte index of
// SAMPLES, the int16 samples begin on an even address.
FrameReceiver::FrameReceiver(std::uint16_t (&buffer)[kWords])
    : raw_(reinterpret_cast<std::uint8_t*>(buffer) + 1, kMaxWire - 2) {}

FrameReceiver::Event FrameReceiver::push(std::uint8_t byte) {
    if (byte != 0) {
        if (size_ < raw_.size()) raw_[size_] = byte;
        if (size_ <= raw_.size()) ++size_;
        return Event::none;
    }
    if (size_ == 0) return Event::none;
    const bool good = decode();
    size_ = 0;
    return good ? Event::frame : Event::damaged;
}

bool FrameReceiver::decode() {
    if (size_ < 1 + kHeaderSize + kCheckSize || size_ > raw_.size()) return false;
    const Span<std::uint8_t> encoded = raw_.slice(0, size_ - kCheckSize);
    std::uint8_t check[kCheckSize];
    put_check(crc32(0, encoded), check);
    for (std::size_t i = 0; i < kCheckSize; ++i) {
        if (raw_[encoded.size() + i] != check[i]) return false;
    }
    if (!undo_cobs(raw_.slice(0, size_))) return false;
    const std::size_t length = static_cast<std::size_t>(raw_[3] | raw_[4] << 8);
    if (length != encoded.size() - 1 - kHeaderSize) return false;
    frame_ = {raw_[1], raw_[2], Span<const std::uint8_t>(raw_.data() + 1 + kHeaderSize, length)};
    return true;
}

}  // namespace vigil::link
