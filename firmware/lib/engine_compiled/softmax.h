// SOFTMAX in TensorFlow Lite Micro's fixed point.
#pragma once

#include <cstdint>

namespace vigil::compiled {

// Rows of `size` values each. exps[d] = 2^31 exp(-d * beta * scale), for a value d below the row's
// largest; the output's scale is 1/256, and its zero point -128.
void softmax(const std::int32_t* exps, const std::int8_t* input, std::int8_t* output,
             std::uint32_t rows, std::uint32_t size);

}  // namespace vigil::compiled
