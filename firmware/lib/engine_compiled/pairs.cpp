#include "pairs.h"

namespace vigil::compiled {

void widen(const std::int8_t* values, std::uint32_t count, Wide* wide) {
    std::uint32_t neighbours = 0;
    Wide* out = wide + 1;
    for (std::uint32_t i = 0; i < count; i += 4, out += 2) {
        std::uint32_t v[4];
        for (std::uint32_t k = 0; k < 4; ++k) {
            v[k] = i + k < count ? static_cast<std::uint32_t>(std::int32_t{values[i + k]}) : 0;
        }
        out[0] = (v[2] << 16) | (v[0] & 0xFFFF);
        out[1] = (v[3] << 16) | (v[1] & 0xFFFF);
        neighbours += v[0] * v[1] + v[2] * v[3];
    }
    wide[0] = neighbours;
}

void narrow(const Wide* wide, std::uint32_t count, std::int8_t* values) {
    for (std::uint32_t i = 0; i < count; ++i) {
        const std::uint32_t word = wide[1 + i / 4 * 2 + i % 2];
        values[i] = static_cast<std::int8_t>((i % 4 < 2 ? word : word >> 16) - 128);
    }
}

}  // namespace vigil::compiled
