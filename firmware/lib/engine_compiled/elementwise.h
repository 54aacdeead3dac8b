// ADD and MUL of two int8 tensors, value by value.
#pragma once

#include <cstdint>

#include "requantize.h"

namespace vigil::compiled {

// One operand: int8 values [size], repeated from the start as often as the output needs.
struct Operand {
    std::uint32_t size;
    std::int16_t zero_point;
};

struct Add {
    Operand a, b;
    Multiplier a_by, b_by;  // to a common scale; both below 1
    Multiplier by;          // from there to the output's
    std::int8_t zero_point, low, high;
};

struct Mul {
    Operand a, b;
    Multiplier by;
    std::int8_t zero_point, low, high;
};

// output int8 [size] may be the memory of an operand of that size.
void add(const Add& sum, const std::int8_t* a, const std::int8_t* b, std::int8_t* output,
         std::uint32_t size);
void mul(const Mul& product, const std::int8_t* a, const std::int8_t* b, std::int8_t* output,
         std::uint32_t size);

}  // namespace vigil::compiled
