#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC optimize("O2")  // hot loops, even in an image built with -Os
#endif

#include "depthwise_plane.h"

#include "simd.h"

namespace vigil::compiled {
namespace {

inline void store_lane(std::int8_t* lane, std::int32_t value) {
    const auto half = static_cast<std::int16_t>(value);
    std::memcpy(lane, &half, sizeof half);
}

inline std::int8_t* lane_of(std::uint32_t* words, std::uint32_t lane) {
    return reinterpret_cast<std::int8_t*>(words) + 2 * lane;
}

// The sums of two neighbouring outputs.
struct Two {
    std::uint32_t first, second;
};

// Any kernel at stride 1 or 2. `weights` holds, for every two inputs, the lanes for the first and
// the second output.
template <std::uint32_t kStride>
struct AnyColumns {
    static constexpr std::uint32_t pair_words() { return kStride; }
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

// Any kernel at any stride. Both outputs have the same lanes of weights.
struct AnyStride {
    std::uint32_t pair_words() const { return stride; }
    const std::uint32_t* weights;
    std::uint32_t rows, words, row_words, stride;

    Two sums(const std::uint32_t* lanes, std::uint32_t bias) const {
        Two sum = {bias, bias};
        const std::uint32_t* by = weights;
        for (std::uint32_t i = rows; i != 0; --i, lanes += row_words) {
            const std::uint32_t* x = lanes;
            const std::int8_t* y = reinterpret_cast<const std::int8_t*>(lanes) + 2 * stride;
            for (std::uint32_t j = words; j != 0; --j, y += 4) {
                const std::uint32_t weight = *by++;
                sum.first = add_products(*x++, weight, sum.first);
                sum.second = add_products(load_four(y), weight, sum.second);
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
            store_lane(lane_of(row + j / 2 * 2, j % 2), weight);
            store_lane(lane_of(row + second / 2 * 2 + 1, second % 2), weight);
        }
    }
    return {to, at.kernel_height, words, row_words};
}

AnyStride any_stride(const Positions& at, const std::int8_t* weights, std::uint32_t* to,
                     std::uint32_t row_words) {
    const std::uint32_t width = at.kernel_width;
    const std::uint32_t words = (width + 1) / 2;
    std::uint32_t* row = to;
    for (std::uint32_t i = at.kernel_height; i != 0; --i, row += words) {
        row[words - 1] = 0;
        for (std::uint32_t j = 0; j < width; ++j) {
            store_lane(lane_of(row, j), *weights++);
        }
    }
    return {to, at.kernel_height, words, row_words, at.stride_width};
}

// One output channel. pair_words() of the kernel lie between pairs of positions.
template <typename Kernel>
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
        for (std::int32_t left = at.columns; left > 0; left -= 2, lanes += own.pair_words()) {
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

void channel(const Positions& at, const Dense& layer, std::uint32_t o, const Plane& plane,
             std::uint32_t* to, std::int8_t* output) {
    const std::uint32_t words = at.dilation_height * plane.pitch;
    const std::uint32_t stride = at.stride_width;
    const std::int8_t* weights = layer.weights + o * layer.inputs;
    const auto run = [&](const auto& kernel) { channel(at, layer, o, kernel, plane, output); };
    if (stride > 2) {
        run(any_stride(at, weights, to, words));
    } else if (stride == 1) {
        run(any_columns<1>(at, weights, to, words));
    } else {
        run(any_columns<2>(at, weights, to, words));
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
            std::int8_t* to = lane_of(plane.lanes, static_cast<std::uint32_t>(i * pitch + left));
            const std::int8_t* end = to + 2 * (right - left);
            for (; to < end; to += 2, x += channels) {
                store_lane(to, *x);
            }
        }
        for (std::uint32_t i = 0; i < multiplier; ++i, ++o) {
            channel(at, layer, o, plane, weights, output);
        }
    }
}

}  // namespace vigil::compiled
