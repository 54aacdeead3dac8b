#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC optimize("O2")  // hot loops, even in an image built with -Os
#endif

#include "depthwise_plane.h"

#include "simd.h"

namespace vigil::compiled {
namespace {

constexpr std::uint32_t lanes_of(std::int32_t low, std::int32_t high) {
    return (static_cast<std::uint32_t>(low) & 0xFFFF) | static_cast<std::uint32_t>(high) << 16;
}

inline void store_lane(std::uint32_t* word, std::uint32_t lane, std::int32_t value) {
    const auto half = static_cast<std::int16_t>(value);
    std::memcpy(reinterpret_cast<std::int8_t*>(word) + 2 * lane, &half, sizeof half);
}

// The sums of two neighbouring outputs.
struct Two {
    std::uint32_t first, second;
};

// A kernel of three columns. Its weights are in registers, as far as there are enough.
template <std::uint32_t kRows, std::uint32_t kStride>
struct ThreeColumns {
    std::uint32_t row_words;
    std::uint32_t begin[kRows], end[kRows];  // weights 0 and 1, and 1 and 2, of each row

    ThreeColumns(const std::int8_t* weights, std::uint32_t words) : row_words(words) {
        for (std::uint32_t i = 0; i < kRows; ++i, weights += 3) {
            begin[i] = lanes_of(weights[0], weights[1]);
            end[i] = lanes_of(weights[1], weights[2]);
        }
    }

    Two sums(const std::uint32_t* lanes, std::uint32_t bias) const {
        Two sum = {bias, bias};
#pragma GCC unroll 3
        for (std::uint32_t i = 0; i < kRows; ++i, lanes += row_words) {
            const std::uint32_t a = lanes[0];
            const std::uint32_t b = lanes[1];
            sum.first = add_low_by_high(b, end[i], add_products(a, begin[i], sum.first));
            if constexpr (kStride == 1) {
                sum.second = add_products(b, end[i], add_low_by_high(begin[i], a, sum.second));
            } else {
                sum.second = add_products(b, begin[i], sum.second);
                sum.second = add_low_by_high(lanes[2], end[i], sum.second);
            }
        }
        return sum;
    }
};

// Any kernel. `weights` holds, for every two inputs, the lanes for the first and second output.
template <std::uint32_t kStride>
struct AnyColumns {
    const std::uint32_t* weights;
    std::uint32_t rows, words, row_words;

    Two sums(const std::uint32_t* lanes, std::uint32_t bias) const {
        Two sum = {bias, bias};
        const std::uint32_t* by = weights;
        for (std::uint32_t i = rows; i != 0; --i, lanes += row_words) {
            const std::uint32_t* x = lanes;
            for (std::uint32_t j = words; j != 0; --j, by += 2) {
                const std::uint32_t a = *x++;
                sum.first = add_products(a, by[0], sum.first);
                sum.second = add_products(kStride == 1 ? a : *x, by[1], sum.second);
            }
        }
        return sum;
    }
};

template <std::uint32_t kStride>
AnyColumns<kStride> any_columns(const Positions& at, const std::int8_t* weights, std::uint32_t* to,
                                std::uint32_t row_words) {
    const std::uint32_t width = at.kernel_width;
    const std::uint32_t words = width / 2 + 1;
    std::uint32_t* row = to;
    for (std::uint32_t i = at.kernel_height; i != 0; --i, row += 2 * words) {
        for (std::uint32_t j = 0; j < 2 * words; ++j) {
            row[j] = 0;
        }
        for (std::uint32_t j = 0; j < width; ++j) {
            const std::int32_t weight = *weights++;
            const std::uint32_t second = kStride == 1 ? j + 1 : j;  // input of the second output
            store_lane(row + j / 2 * 2, j % 2, weight);
            store_lane(row + second / 2 * 2 + 1, second % 2, weight);
        }
    }
    return {to, at.kernel_height, words, row_words};
}

// One output channel. `row_words` of the plane lie between rows of positions.
template <std::uint32_t kStride, typename Kernel>
__attribute__((noinline)) void channel(const Positions& at, const Dense& layer, std::uint32_t o,
                                       const Kernel& kernel, const Plane& plane,
                                       std::int8_t* output) {
    const Kernel own = kernel;  // in registers
    const OneMultiply by = layer.one_multiplies[layer.per_channel ? o : 0];
    const auto bias = static_cast<std::uint32_t>(layer.bias[o]);
    const std::uint32_t shift = layer.shift;
    const std::uint32_t floor = bytes_of(layer.clamp.floor);
    const std::uint32_t low = bytes_of(layer.clamp.low);
    const std::uint32_t step = at.column_step;
    const std::uint32_t* row = plane.lanes;
    for (std::uint32_t i = at.rows; i != 0; --i) {
        const std::uint32_t* lanes = row;
        std::int8_t* out = output + o;
        for (std::int32_t left = at.columns; left > 0; left -= 2, lanes += kStride) {
            const Two sum = own.sums(lanes, bias);
            std::uint32_t two =
                high_halves(multiplied(by, sum.first, shift), multiplied(by, sum.second, shift));
            two = add_bytes(less_bytes(saturated(two), floor), low);
            *out = static_cast<std::int8_t>(two);
            out += step;
            if (left > 1) {
                *out = static_cast<std::int8_t>(two >> 16);
                out += step;
            }
        }
        row += at.stride_height * plane.pitch;
        output += at.row_step;
    }
}

template <std::uint32_t kStride>
void channel(const Positions& at, const Dense& layer, std::uint32_t o, const Plane& plane,
             std::uint32_t* weights, std::int8_t* output) {
    const std::uint32_t words = at.dilation_height * plane.pitch;
    const std::int8_t* own = layer.weights + o * layer.inputs;
    if (at.kernel_width == 3 && at.kernel_height == 3) {
        channel<kStride>(at, layer, o, ThreeColumns<3, kStride>(own, words), plane, output);
    } else if (kStride == 1 && at.kernel_width == 3 && at.kernel_height == 1) {
        channel<kStride>(at, layer, o, ThreeColumns<1, kStride>(own, words), plane, output);
    } else {
        channel<kStride>(at, layer, o, any_columns<kStride>(at, own, weights, words), plane,
                         output);
    }
}

}  // namespace

void depthwise_plane(const Positions& at, const Dense& layer, std::uint32_t multiplier,
                     const std::int8_t* input, std::int8_t* output, const Plane& plane) {
    const std::uint32_t padding = halves_of(at.padding);
    const std::int32_t height =
        (at.rows - 1) * at.stride_height + (at.kernel_height - 1) * at.dilation_height + 1;
    const auto pitch = static_cast<std::int32_t>(2 * plane.pitch);
    std::uint32_t* weights = plane.lanes + height * plane.pitch;
    for (std::uint32_t* to = plane.lanes; to != weights; ++to) {
        *to = padding;
    }
    // The part of the input that lies in the plane; the plane begins at (top, left).
    const std::int32_t top = at.top < 0 ? -at.top : 0;
    const std::int32_t left = at.left < 0 ? -at.left : 0;
    const std::int32_t bottom = at.in_height - at.top < height ? at.in_height - at.top : height;
    const std::int32_t right = at.in_width - at.left < pitch ? at.in_width - at.left : pitch;
    const std::int32_t channels = at.channels;
    std::uint32_t o = 0;
    for (std::int32_t c = 0; c < channels; ++c) {
        const std::int8_t* from =
            input + ((top + at.top) * at.in_width + left + at.left) * channels + c;
        for (std::int32_t i = top; i < bottom; ++i, from += at.in_width * channels) {
            const std::int8_t* x = from;
            for (std::int32_t j = left; j < right; ++j, x += channels) {
                store_lane(plane.lanes, static_cast<std::uint32_t>(i * pitch + j), *x);
            }
        }
        for (std::uint32_t i = 0; i < multiplier; ++i, ++o) {
            if (at.stride_width == 1) {
                channel<1>(at, layer, o, plane, weights, output);
            } else {
                channel<2>(at, layer, o, plane, weights, output);
            }
        }
    }
}

}  // namespace vigil::compiled
