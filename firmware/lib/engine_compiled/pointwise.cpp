#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC optimize("O2")  // hot loops, even in an image built with -Os
#endif

#include "pointwise.h"

#include "simd.h"

namespace vigil::compiled {
namespace {

// Output `o` of all pixels, so that its constants stay in registers. `sum_of` adds the products of
// an input pixel to the bias.
template <typename SumOf>
inline void each_pixel(const Dense& layer, std::uint32_t o, std::uint32_t pixels,
                       const std::int8_t* x, std::int8_t* y, SumOf sum_of) {
    const std::uint32_t inputs = layer.inputs;
    const std::uint32_t outputs = layer.outputs;
    if (layer.one_multiplies == nullptr) {
        for (; pixels != 0; --pixels, x += inputs, y += outputs) {
            const std::uint32_t sum = sum_of(x);
            finish(layer, o, &sum, 1, y);
        }
        return;
    }
    const OneMultiply by = layer.one_multiplies[layer.per_channel ? o : 0];
    const std::uint32_t shift = layer.shift;
    const OutputClamp clamp = layer.clamp;
    for (; pixels != 0; --pixels, x += inputs, y += outputs) {
        *y = clamped(multiplied(by, sum_of(x), shift), clamp);
    }
}

// The weights of up to three inputs are in registers too.
template <std::uint32_t kInputs>
void few_inputs(const Dense& layer, std::uint32_t o, std::uint32_t pixels, const std::int8_t* input,
                std::int8_t* output) {
    const std::int8_t* const weights = layer.weights + o * kInputs;
    const std::int32_t first = weights[0];
    const std::int32_t second = weights[kInputs > 1 ? 1 : 0];
    const std::int32_t third = weights[kInputs > 2 ? 2 : 0];
    const auto bias = static_cast<std::uint32_t>(layer.bias[o]);
    each_pixel(layer, o, pixels, input, output, [=](const std::int8_t* x) {
        std::int32_t sum = first * x[0];
        if (kInputs > 1) sum += second * x[1];
        if (kInputs > 2) sum += third * x[2];
        return bias + static_cast<std::uint32_t>(sum);
    });
}

}  // namespace

void pointwise(const Dense& layer, std::uint32_t pixels, const std::int8_t* input,
               std::int8_t* output) {
    const std::uint32_t inputs = layer.inputs;
    for (std::uint32_t o = 0; o < layer.outputs; ++o) {
        if (inputs == 1) {
            few_inputs<1>(layer, o, pixels, input, output + o);
        } else if (inputs == 2) {
            few_inputs<2>(layer, o, pixels, input, output + o);
        } else if (inputs == 3) {
            few_inputs<3>(layer, o, pixels, input, output + o);
        } else {
            const std::int8_t* const weights = layer.weights + o * inputs;
            const auto bias = static_cast<std::uint32_t>(layer.bias[o]);
            each_pixel(layer, o, pixels, input, output + o,
                       [=](const std::int8_t* x) { return dot(weights, x, inputs, bias); });
        }
    }
}

}  // namespace vigil::compiled
