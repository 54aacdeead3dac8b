// CRC-32 as in IEEE 802.3 and zlib: reflected polynomial 0xEDB88320, start and end inverted.
#pragma once

#include <cstdint>

#include "span.h"

namespace vigil::link {

// Goes on from `crc`, the value for the bytes before (0 for none), as zlib's crc32() does. A table
// of 16 words (64 bytes of flash), two steps a byte.
std::uint32_t crc32(std::uint32_t crc, Span<const std::uint8_t> bytes);

}  // namespace vigil::link
