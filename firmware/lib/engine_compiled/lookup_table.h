// Operators that map one int8 value to one int8 value, by a table of 256 results.
#pragma once

#include <cstdint>

namespace vigil::compiled {

// output[i] = table[input[i] + 128]; `input` and `output` may share memory; `count` is
// 1 or more.
inline void look_up(const std::int8_t* table, const std::int8_t* input, std::int8_t* output,
                    std::uint32_t count) {
    const std::int8_t* const of_zero = table + 128;
    const std::int8_t* const end = input + count;
    do {
        *output++ = of_zero[*input++];
    } while (input != end);
}

}  // namespace vigil::compiled
