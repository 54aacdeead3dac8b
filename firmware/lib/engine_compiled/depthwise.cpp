#include "depthwise.h"

namespace vigil::compiled {

#if defined(__GNUC__) && !defined(__clang__)
__attribute__((optimize("O2")))  // a hot loop, also in an image built with -Os
#endif
void depthwise(const Dense& layer, std::uint32_t multiplier, const std::int8_t* patch,
               std::int8_t* output) {
    const std::uint32_t outputs = layer.outputs;
    const std::uint32_t channels = outputs / multiplier;
    std::uint32_t out = 0;
    for (std::uint32_t channel = 0; channel < channels; ++channel) {
        for (std::uint32_t m = 0; m < multiplier; ++m, ++out) {
            const std::int8_t* weight = layer.weights + out;
            const std::int8_t* value = patch + channel;
            auto sum = static_cast<std::uint32_t>(layer.bias[out]);
            for (std::uint32_t i = 0; i < layer.inputs; ++i) {
                sum += static_cast<std::uint32_t>(std::int32_t{*weight} * *value);
                weight += outputs;
                value += channels;
            }
            const std::int32_t scaled = requantize(static_cast<std::int32_t>(sum),
                                                   layer.multipliers[layer.per_channel ? out : 0]);
            output[out] = clamp(scaled + layer.zero_point, layer.low, layer.high);
        }
    }
}

}  // namespace vigil::compiled
