// Operators that map one int8 value to one int8 value, by a table of 256 results.
#pragma once

#include <cstdint>

namespace vigil::compiled {

// output[i] = table[input[i] + 128]; `input` and `output` may share memory.
inline void look_up(const std::int8_t* table, const std::int8_t* input, std::int8_t* output,
                    std::uint32_t count) {
    for (std::uint32_t i = 0; i < count; ++i) {
        output[i] = table[input[i] + 128];
    }
}

}  // namespace vigil::compiled
