// Frames: the unit of the link, between two zero bytes (docs/link.md).
//
//   00 | COBS of: type, sequence, length (2), payload, check (5) | 00
//
// The check is the CRC-32 of the encoded bytes before it, seven bits per byte with the top bit set.
// It contains no zero, so COBS does not change it. It covers the bytes as transmitted, so a burst
// error on the wire is a burst error of the code word.
#pragma once

#include <cstddef>
#include <cstdint>

#include "span.h"

namespace vigil::link {

constexpr std::size_t kMaxPayload = 240;  // a frame fits the Nano's 256-byte receive ring
constexpr std::size_t kHeaderSize = 4;    // type, sequence, length
constexpr std::size_t kCheckSize = 5;
constexpr std::size_t kOverhead = 3 + kHeaderSize + kCheckSize;  // two zeros and one COBS code
constexpr std::size_t kMaxWire = kMaxPayload + kOverhead;
constexpr std::size_t kPayloadAt = 2 + kHeaderSize;  // offset of the payload on the wire

struct Frame {
    std::uint8_t type;
    std::uint8_t sequence;
    Span<const std::uint8_t> payload;
};

// Encodes a frame in place. The caller has written `payload_size` bytes (at most kMaxPayload) at
// wire[kPayloadAt]; `wire` holds at least payload_size + kOverhead bytes. Returns the size of the
// frame, or 0 when it does not fit.
std::size_t encode_frame(std::uint8_t type, std::uint8_t sequence, std::size_t payload_size,
                         Span<std::uint8_t> wire);

// Decodes the wire byte by byte into checked frames. It interprets no part of a frame before the
// check is verified.
class FrameReceiver {
  public:
    enum class Event : std::uint8_t {
        none,     // no complete frame yet
        frame,    // frame() is valid until the next byte
        damaged,  // the bytes between two zeros are not a valid frame: noise, text or a damaged one
    };

    // Size of the buffer, in words so that the int16 samples of a payload are aligned.
    static constexpr std::size_t kWords = kMaxWire / 2;

    // The caller owns `buffer`; only this receiver uses it.
    explicit FrameReceiver(std::uint16_t (&buffer)[kWords]);

    Event push(std::uint8_t byte);
    const Frame& frame() const { return frame_; }

  private:
    bool decode();

    Span<std::uint8_t> raw_;  // bytes received since the last zero
    std::size_t size_ = 0;    // bytes in raw_; more than raw_.size() when it overflowed
    Frame frame_{};
};

}  // namespace vigil::link
