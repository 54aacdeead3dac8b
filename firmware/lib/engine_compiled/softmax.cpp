#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC optimize("O2")  // hot loops, even in an image built with -Os
#endif

#include "softmax.h"

#include "requantize.h"

namespace vigil::compiled {
namespace {

constexpr std::int64_t kMost = INT32_MAX;

// gemmlowp's product of two fixed-point numbers; no operand is -2^31 here.
inline std::int32_t product(std::int32_t a, std::int32_t b) {
    const std::int64_t wide = static_cast<std::int64_t>(a) * b;
    const std::int64_t nudge = wide >= 0 ? 1LL << 30 : 1 - (1LL << 30);
    return static_cast<std::int32_t>((wide + nudge) / (1LL << 31));
}

inline std::int32_t shifted_left(std::int32_t value, int bits) {
    const std::int64_t wide = static_cast<std::int64_t>(value) * (1LL << bits);
    return static_cast<std::int32_t>(wide > kMost ? kMost : wide < -kMost - 1 ? -kMost - 1 : wide);
}

// value / 2^bits for a value of 0 or more, rounded to the nearest, ties up.
inline std::int32_t divided(std::int32_t value, int bits) {
    const auto half = static_cast<std::uint32_t>((1ULL << bits) >> 1);
    return static_cast<std::int32_t>((static_cast<std::uint32_t>(value) + half) >> bits);
}

// 2^31 / (1 + a / 2^31), for a in 0 to 2^31 - 1, by three steps of Newton's method from
// 48/17 - 32/17 d, where d is half the denominator and numbers above 1 have 29 bits of fraction.
inline std::int32_t reciprocal(std::int32_t a) {
    constexpr std::int32_t kOne = 1 << 29;
    const auto half = static_cast<std::int32_t>((a + kMost + 1) / 2);
    std::int32_t x = 1515870810 + product(half, -1010580540);
    for (int i = 0; i < 3; ++i) {
        x += shifted_left(product(x, kOne - product(half, x)), 2);
    }
    return shifted_left(x, 1);
}

}  // namespace

void softmax(const std::int32_t* exps, const std::int8_t* input, std::int8_t* output,
             std::uint32_t rows, std::uint32_t size) {
    for (; rows != 0; --rows, input += size, output += size) {
        std::int32_t largest = input[0];
        for (std::uint32_t i = 1; i < size; ++i) {
            largest = input[i] > largest ? input[i] : largest;
        }
        std::uint32_t sum = 0;  // 19 bits of fraction
        for (std::uint32_t i = 0; i < size; ++i) {
            sum += static_cast<std::uint32_t>(divided(exps[largest - input[i]], 12));
        }
        const int zeros = __builtin_clz(sum);
        const auto fraction = static_cast<std::int32_t>((sum << zeros) - (1U << 31));
        const std::int32_t scale = reciprocal(fraction);
        const int bits = 12 - zeros + 31 - 8;
        for (std::uint32_t i = 0; i < size; ++i) {
            const std::int32_t share = divided(product(scale, exps[largest - input[i]]), bits);
            output[i] = clamp(share - 128, -128, 127);
        }
    }
}

}  // namespace vigil::compiled
