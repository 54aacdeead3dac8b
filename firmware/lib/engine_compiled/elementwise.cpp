#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC optimize("O2")  // hot loops, even in an image built with -Os
#endif

#include "elementwise.h"

#include "simd.h"

namespace vigil::compiled {
namespace {

// Calls `combine` with a word of four values of each operand, and stores the word it returns.
template <typename Combine>
inline void over_fours(const Operands& sizes, const std::int8_t* a, const std::int8_t* b,
                       std::int8_t* output, std::uint32_t size, Combine combine) {
    // A single value is copied into a word of four, which is read repeatedly.
    const std::uint32_t a_copies = bytes_of(*a);
    const std::uint32_t b_copies = bytes_of(*b);
    const std::uint32_t a_step = sizes.a == 1 ? 0 : 1;
    const std::uint32_t b_step = sizes.b == 1 ? 0 : 1;
    if (a_step == 0) {
        a = reinterpret_cast<const std::int8_t*>(&a_copies);
    }
    if (b_step == 0) {
        b = reinterpret_cast<const std::int8_t*>(&b_copies);
    }
    // Otherwise, process up to the point where the shorter operand repeats.
    std::uint32_t run = sizes.a < sizes.b ? sizes.a : sizes.b;
    run = run == 1 ? (sizes.a < sizes.b ? sizes.b : sizes.a) : run;
    for (std::uint32_t done = 0; done < size; done += run) {
        const std::int8_t* x = sizes.a == size ? a + done : a;
        const std::int8_t* y = sizes.b == size ? b + done : b;
        std::uint32_t left = run;
        for (; left >= 4; left -= 4, x += 4 * a_step, y += 4 * b_step, output += 4) {
            store_four(output, combine(load_four(x), load_four(y)));
        }
        if (left != 0) {
            store_some(output, combine(load_some(x, left), load_some(y, left)), left);
            output += left;
        }
    }
}

// Calls `combine` with one value of each operand at a time.
template <typename Combine>
inline void over_values(const Operands& sizes, const std::int8_t* a, const std::int8_t* b,
                        std::int8_t* output, std::uint32_t size, Combine combine) {
    std::uint32_t i = 0;
    std::uint32_t j = 0;
    for (std::int8_t* end = output + size; output != end; ++output) {
        *output = combine(a[i], b[j]);
        i = i + 1 == sizes.a ? 0 : i + 1;
        j = j + 1 == sizes.b ? 0 : j + 1;
    }
}

}  // namespace

void add(const Add& sum, const std::int8_t* a, const std::int8_t* b, std::int8_t* output,
         std::uint32_t size) {
    const auto a_by = static_cast<std::uint32_t>(sum.a_by);
    const auto b_by = static_cast<std::uint32_t>(sum.b_by);
    const auto start = static_cast<std::uint32_t>(sum.start);
    const std::uint32_t shift = sum.shift;
    const OutputClamp clamp = sum.clamp;
    over_fours(sum.sizes, a, b, output, size, [=](std::uint32_t x, std::uint32_t y) {
        constexpr std::uint32_t kUpper = 0xFF00FF00;  // a value as the upper byte of a lane
        const auto value = [shift](std::uint32_t scaled) {
            return static_cast<std::uint32_t>(static_cast<std::int32_t>(scaled) >> shift);
        };
        const auto two = [=](std::uint32_t x_lanes, std::uint32_t y_lanes) {
            const std::uint32_t low = add_scaled_low(a_by, x_lanes, start);
            const std::uint32_t high = add_scaled_high(a_by, x_lanes, start);
            return low_halves(value(add_scaled_low(b_by, y_lanes, low)),
                              value(add_scaled_high(b_by, y_lanes, high)));
        };
        return clamped(two(x << 8 & kUpper, y << 8 & kUpper), two(x & kUpper, y & kUpper), clamp);
    });
}

void mul(const Mul& product, const std::int8_t* a, const std::int8_t* b, std::int8_t* output,
         std::uint32_t size) {
    const auto by = static_cast<std::uint32_t>(product.by);
    const auto start = static_cast<std::uint32_t>(product.start);
    const auto below = static_cast<std::uint32_t>(product.below);
    const std::uint32_t a_zero = halves_of(-product.a_zero);
    const std::uint32_t b_zero = halves_of(-product.b_zero);
    const std::uint32_t shift = product.shift;
    const OutputClamp clamp = product.clamp;
    over_fours(product.sizes, a, b, output, size, [=](std::uint32_t x, std::uint32_t y) {
        const auto value = [=](std::uint32_t both) {
            const auto sign = static_cast<std::uint32_t>(static_cast<std::int32_t>(both) >> 31);
            return add_high_word(both << shift, by, start + (below & sign));
        };
        const auto two = [=](std::uint32_t x_lanes, std::uint32_t y_lanes) {
            return high_halves(value(low_product(x_lanes, y_lanes)),
                               value(high_product(x_lanes, y_lanes)));
        };
        return clamped(two(even_bytes(a_zero, x), even_bytes(b_zero, y)),
                       two(odd_bytes(a_zero, x), odd_bytes(b_zero, y)), clamp);
    });
}

void add(const SlowAdd& sum, const std::int8_t* a, const std::int8_t* b, std::int8_t* output,
         std::uint32_t size) {
    over_values(sum.sizes, a, b, output, size, [&sum](std::int32_t x, std::int32_t y) {
        constexpr std::int32_t kHeadroom = 1 << 20;  // TensorFlow Lite Micro's, for rounding
        const std::int32_t both = requantize((x - sum.a_zero) * kHeadroom, sum.a_by) +
                                  requantize((y - sum.b_zero) * kHeadroom, sum.b_by);
        return output_of(both, sum.by, sum.zero_point, sum.low, sum.high);
    });
}

void subtract(const SlowAdd& difference, const std::int8_t* a, const std::int8_t* b,
              std::int8_t* output, std::uint32_t size) {
    const SlowAdd& d = difference;
    over_values(d.sizes, a, b, output, size, [&d](std::int32_t x, std::int32_t y) {
        constexpr std::int32_t kHeadroom = 1 << 20;  // TensorFlow Lite Micro's, for rounding
        const std::int32_t both = requantize((x - d.a_zero) * kHeadroom, d.a_by) -
                                  requantize((y - d.b_zero) * kHeadroom, d.b_by);
        return output_of(both, d.by, d.zero_point, d.low, d.high);
    });
}

void square_difference(const SlowAdd& difference, const std::int8_t* a, const std::int8_t* b,
                       std::int8_t* output, std::uint32_t size) {
    const SlowAdd& d = difference;
    over_values(d.sizes, a, b, output, size, [&d](std::int32_t x, std::int32_t y) {
        constexpr std::int32_t kHeadroom = 1 << 7;  // the square stays below 2^30
        const std::int32_t both = requantize((x - d.a_zero) * kHeadroom, d.a_by) -
                                  requantize((y - d.b_zero) * kHeadroom, d.b_by);
        return output_of(both * both, d.by, d.zero_point, d.low, d.high);
    });
}

void minimum(const Operands& sizes, const std::int8_t* a, const std::int8_t* b, std::int8_t* output,
             std::uint32_t size) {
    over_values(sizes, a, b, output, size,
                [](std::int8_t x, std::int8_t y) { return x < y ? x : y; });
}

void maximum(const Operands& sizes, const std::int8_t* a, const std::int8_t* b, std::int8_t* output,
             std::uint32_t size) {
    over_values(sizes, a, b, output, size,
                [](std::int8_t x, std::int8_t y) { return x > y ? x : y; });
}

void mul(const SlowMul& product, const std::int8_t* a, const std::int8_t* b, std::int8_t* output,
         std::uint32_t size) {
    over_values(product.sizes, a, b, output, size, [&product](std::int32_t x, std::int32_t y) {
        return output_of((x - product.a_zero) * (y - product.b_zero), product.by,
                         product.zero_point, product.low, product.high);
    });
}

}  // namespace vigil::compiled
