#include "crc32.h"

namespace vigil::link {
namespace {

struct Table {
    std::uint32_t of_nibble[16];
};

constexpr Table make_table() {
    Table table{};
    for (std::uint32_t nibble = 0; nibble < 16; ++nibble) {
        std::uint32_t value = nibble;
        for (int bit = 0; bit < 4; ++bit) {
            value = (value >> 1) ^ ((value & 1) != 0 ? 0xEDB88320u : 0);
        }
        table.of_nibble[nibble] = value;
    }
    return table;
}

constexpr Table kTable = make_table();

}  // namespace

std::uint32_t crc32(std::uint32_t crc, Span<const std::uint8_t> bytes) {
    crc = ~crc;
    for (const std::uint8_t byte : bytes) {
        crc ^= byte;
        crc = (crc >> 4) ^ kTable.of_nibble[crc & 15];
        crc = (crc >> 4) ^ kTable.of_nibble[crc & 15];
    }
    return ~crc;
}

}  // namespace vigil::link
