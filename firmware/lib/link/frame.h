// Frames: the unit of the link, as they travel between two zero bytes (docs/link.md).
//
//   00 | COBS of: type, sequence, length (2), payload, check (5) | 00
//
// The check is the CRC-32 of the encoded bytes before it, seven bits a byte with the top bit set,
// so it holds no zero and COBS leaves it as it is. Taken over the bytes as they travel, it turns
// every burst on the wire into a burst of the code word.
#pragma once

#include <cstddef>
#include <cstdint>

#include "span.h"

namespace vigil::link {

constexpr std::size_t kMaxPayload = 240;  // a whole frame fits the Nano's 256-byte receive ring
constexpr std::size_t kHeaderSize = 4;    // type, sequence, length
constexpr std::size_t kCheckSize = 5;
constexpr std::size_t kOverhead = 3 + kHeaderSize + kCheckSize;  // two zeros and one COBS code
constexpr std::size_t kMaxWire = kMaxPayload + kOverhead;
constexpr std::size_t kPayloadAt = 2 + kHeaderSize;  // where a frame's payload begins on the wire

struct Frame {
    std::uint8_t type;
    std::uint8_t sequence;
    Span<const std::uint8_t> payload;
};

// Makes a frame in place. The caller has written `payload_size` bytes (at most kMaxPayload) at
// wire[kPayloadAt]; `wire` holds at least payload_size + kOverhead bytes. Returns how many of
// them are the frame, or 0 when it does not fit.
std::size_t encode_frame(std::uint8_t type, std::uint8_t sequence, std::size_t payload_size,
                         Span<std::uint8_t> wire);

// Takes the wire byte by byte and hands out whole, checked frames. Nothing of a frame is
// interpreted before its check is right.
class FrameReceiver {
  public:
    enum class Event : std::uint8_t {
        none,     // nothing whole yet
        frame,    // frame() is good until the next byte
        damaged,  // what lay between two zeros was no frame: noise, text, or a frame with an error
    };

    // The memory that a receiver needs: words, so that a payload's int16 samples are aligned where
    // they were received.
    static constexpr std::size_t kWords = kMaxWire / 2;

    // `buffer` belongs to the caller and is used by this receiver alone.
    explicit FrameReceiver(std::uint16_t (&buffer)[kWords]);

    Event push(std::uint8_t byte);
    const Frame& frame() const { return frame_; }

    // Forgets what has come since the last zero.
    void clear() { size_ = 0; }

  private:
    bool decode();

    Span<std::uint8_t> raw_;  // what came since the last zero
    std::size_t size_ = 0;    // of raw_; more than raw_.size() when it was too long
    Frame frame_{};
};

}  // namespace vigil::link
