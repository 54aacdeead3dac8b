// CRC-32 as in IEEE 802.3 and zlib: reflected polynomial 0xEDB88320, start and end inverted.
#pragma once

#include <cstdint>

#include "span.h"

namespace vigil::link {

// Continues from `crc`, the value for the bytes before (0 for none), like zlib's crc32(). It uses a
// table of 16 words (64 bytes of flash), in two steps per byte.
std::uint32_t crc32(std::uint32_t crc, Span<const std::uint8_t> bytes);

}  // namespace vigil::link
