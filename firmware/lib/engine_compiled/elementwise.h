// ADD, SUB, MUL, MINIMUM, MAXIMUM and SQUARED_DIFFERENCE of two int8 tensors, value by value.
#pragma once

#include <cstdint>

#include "output_clamp.h"
#include "requantize.h"

namespace vigil::compiled {

// Number of values of each operand, which repeat until the output is full: the output's size, 1, or
// the size of its innermost dimensions.
struct Operands {
    std::uint32_t a, b;
};

// value = (start + a_by * a / 256 + b_by * b / 256) >> shift, each division rounded down. `b_by` is
// negative for a difference.
struct Add {
    Operands sizes;
    std::int32_t a_by, b_by, start;
    std::uint8_t shift;
    OutputClamp clamp;
};

// value = (((a - zero) * (b - zero) << shift) * by / 2^32 + start) >> 16, with start + below where
// the product is negative.
struct Mul {
    Operands sizes;
    std::int32_t by, start, below;
    std::int16_t a_zero, b_zero;
    std::uint8_t shift;
    OutputClamp clamp;
};

// output int8 [size] may share the memory of an operand of that size. The converter has compared
// each record with TensorFlow Lite Micro's arithmetic for all 65,536 pairs of values.
void add(const Add& sum, const std::int8_t* a, const std::int8_t* b, std::int8_t* output,
         std::uint32_t size);
void mul(const Mul& product, const std::int8_t* a, const std::int8_t* b, std::int8_t* output,
         std::uint32_t size);

// The same in TensorFlow Lite Micro's own steps, for scales without such a record.
struct SlowAdd {
    Operands sizes;
    std::int16_t a_zero, b_zero;
    Multiplier a_by, b_by;  // to a common scale; both below 1
    Multiplier by;          // from there to the output's
    std::int8_t zero_point, low, high;
};

struct SlowMul {
    Operands sizes;
    std::int16_t a_zero, b_zero;
    Multiplier by;
    std::int8_t zero_point, low, high;
};

void add(const SlowAdd& sum, const std::int8_t* a, const std::int8_t* b, std::int8_t* output,
         std::uint32_t size);
void mul(const SlowMul& product, const std::int8_t* a, const std::int8_t* b, std::int8_t* output,
         std::uint32_t size);

// The difference a - b, and its square (whose operands have 7 bits of headroom instead of 20).
void subtract(const SlowAdd& difference, const std::int8_t* a, const std::int8_t* b,
              std::int8_t* output, std::uint32_t size);
void square_difference(const SlowAdd& difference, const std::int8_t* a, const std::int8_t* b,
                       std::int8_t* output, std::uint32_t size);

// The smaller and the larger of two bytes.
void minimum(const Operands& sizes, const std::int8_t* a, const std::int8_t* b, std::int8_t* output,
             std::uint32_t size);
void maximum(const Operands& sizes, const std::int8_t* a, const std::int8_t* b, std::int8_t* output,
             std::uint32_t size);

// The converter counts these bytes (tools/convert/operators/elementwise.py).
static_assert(sizeof(Add) == 24 && sizeof(Mul) == 28);
static_assert(sizeof(SlowAdd) == 40 && sizeof(SlowMul) == 24 && sizeof(Operands) == 8);

}  // namespace vigil::compiled
