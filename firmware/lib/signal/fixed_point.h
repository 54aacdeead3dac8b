// Fixed-point arithmetic that several stages share.
#pragma once

#include <cstdint>

namespace vigil {

// (a * b) >> 16
inline std::int32_t high_product(std::int32_t a, std::int16_t b) {
#if defined(__ARM_FEATURE_DSP)
    std::int32_t product;
    asm("smulwb %0, %1, %2" : "=r"(product) : "r"(a), "r"(static_cast<std::int32_t>(b)));
    return product;
#else
    return static_cast<std::int32_t>((std::int64_t{a} * b) >> 16);
#endif
}

// sum + ((a * b) >> 16)
inline std::int32_t add_high_product(std::int32_t sum, std::int32_t a, std::int16_t b) {
#if defined(__ARM_FEATURE_DSP)
    asm("smlawb %0, %1, %2, %0" : "+r"(sum) : "r"(a), "r"(static_cast<std::int32_t>(b)));
    return sum;
#else
    return sum + high_product(a, b);
#endif
}

// sum + ((a * b) >> 32)
inline std::int32_t add_high_word(std::int32_t sum, std::int32_t a, std::int32_t b) {
#if defined(__ARM_FEATURE_DSP)
    std::int32_t result;
    asm("smmla %0, %1, %2, %3" : "=r"(result) : "r"(a), "r"(b), "r"(sum));
    return result;
#else
    return sum + static_cast<std::int32_t>((std::int64_t{a} * b) >> 32);
#endif
}

// The nearest int8.
inline std::int8_t saturated(std::int32_t value) {
#if defined(__ARM_FEATURE_DSP)
    asm("ssat %0, #8, %0" : "+r"(value));
    return static_cast<std::int8_t>(value);
#else
    return static_cast<std::int8_t>(value > 127 ? 127 : value < -128 ? -128 : value);
#endif
}

// The nearest int16.
inline std::int16_t saturated_int16(std::int32_t value) {
#if defined(__ARM_FEATURE_DSP)
    asm("ssat %0, #16, %0" : "+r"(value));
    return static_cast<std::int16_t>(value);
#else
    return static_cast<std::int16_t>(value > 32767 ? 32767 : value < -32768 ? -32768 : value);
#endif
}

// sum += a * b
inline void add_product(std::int64_t& sum, std::int32_t a, std::int32_t b) {
#if defined(__ARM_FEATURE_DSP)
    // GCC adds two products first and then to the sum, four instructions in place of two.
    asm("smlal %Q0, %R0, %1, %2" : "+r"(sum) : "r"(a), "r"(b));
#else
    sum += std::int64_t{a} * b;
#endif
}

// Converts a sum, 0 or more, to the nearest single-precision value; a tie goes to the even one. The
// compiler's own conversion calls 540 bytes of its library.
inline float to_float(std::int64_t sum) {
    const auto high = static_cast<std::uint32_t>(static_cast<std::uint64_t>(sum) >> 32);
    if (high == 0) return static_cast<float>(static_cast<std::uint32_t>(sum));
    // The upper 32 bits, more than single precision has; the lowest says whether any follow.
    const int rest = 32 - __builtin_clz(high);  // 31 at most
    const auto upper = static_cast<std::uint32_t>(sum >> rest);
    const bool more = static_cast<std::uint32_t>(sum) << (32 - rest) != 0;
    return static_cast<float>(upper | (more ? 1U : 0U)) * static_cast<float>(1U << rest);
}

// The bits in reversed order.
inline std::uint32_t reversed_bits(std::uint32_t value) {
#if defined(__ARM_FEATURE_DSP)
    std::uint32_t reversed;
    asm("rbit %0, %1" : "=r"(reversed) : "r"(value));
    return reversed;
#else
    std::uint32_t reversed = 0;
    for (int bit = 0; bit < 32; ++bit) reversed |= (value >> bit & 1) << (31 - bit);
    return reversed;
#endif
}

// log2(value) in steps of 1/2048, within half a step; 0 for 0.
//
// With f the fraction of the mantissa, log2(1 + f) - f is f (1 - f) times a parabola, whose
// coefficients give the smallest largest error (1.1e-4).
constexpr std::int32_t log2_steps(std::uint64_t value) {
    if (value == 0) return 0;
    auto mantissa = static_cast<std::uint32_t>(value);
    std::int32_t exponent = 31;
    if (const auto high = static_cast<std::uint32_t>(value >> 32); high != 0) {
        const int shift = __builtin_clz(high);
        exponent = 63 - shift;
        mantissa = static_cast<std::uint32_t>(value >> (32 - shift));
    } else {
        const int shift = __builtin_clz(mantissa);
        exponent = 31 - shift;
        mantissa <<= shift;
    }
    const std::uint32_t f = (mantissa >> 15) & 0xFFFF;  // times 2^16, as all of the following
    const std::uint32_t parabola = 28752 - ((15667 - (5382 * f >> 16)) * f >> 16);
    const std::uint32_t bulge = (f * (65536 - f) >> 16) * parabola >> 16;
    return static_cast<std::int32_t>(
        ((static_cast<std::uint32_t>(exponent) << 16) + f + bulge + 16) >> 5);
}

}  // namespace vigil
