#include "dense.h"

#include "simd.h"

namespace vigil::compiled {

#if defined(__GNUC__) && !defined(__clang__)
__attribute__((optimize("O2")))  // a hot loop, also in an image built with -Os
#endif
void dense(const Dense& layer, const std::int8_t* input, std::int8_t* output) {
    const std::int8_t* weights = layer.weights;
    for (std::uint32_t row = 0; row < layer.outputs; ++row) {
        const std::uint32_t sum =
            dot(weights, input, layer.inputs, static_cast<std::uint32_t>(layer.bias[row]));
        weights += layer.inputs;
        const std::int32_t value = requantize(static_cast<std::int32_t>(sum),
                                              layer.multipliers[layer.per_channel ? row : 0]);
        output[row] = clamp(value + layer.zero_point, layer.low, layer.high);
    }
}

}  // namespace vigil::compiled
