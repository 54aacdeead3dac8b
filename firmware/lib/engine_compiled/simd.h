// Operations on four int8 values or two 16-bit lanes of a word: one instruction each on cores with
// the DSP extension, and portable C++ for other machines.
#pragma once

#include <cstdint>
#include <cstring>

#include "core.h"

namespace vigil::compiled {

// Four values, the first in the lowest byte. Any address will do, as LDR may be unaligned.
inline std::uint32_t load_four(const std::int8_t* values) {
    std::uint32_t word;
    std::memcpy(&word, values, sizeof word);
    return word;
}

inline void store_four(std::int8_t* values, std::uint32_t word) {
    std::memcpy(values, &word, sizeof word);
}

// The first `count` < 4 values of a word.
inline std::uint32_t load_some(const std::int8_t* values, std::uint32_t count) {
    std::uint32_t word = 0;
    for (std::uint32_t i = 0; i < count; ++i) {
        word |= std::uint32_t{static_cast<std::uint8_t>(values[i])} << (8 * i);
    }
    return word;
}

inline void store_some(std::int8_t* values, std::uint32_t word, std::uint32_t count) {
    for (std::uint32_t i = 0; i < count; ++i, word >>= 8) {
        values[i] = static_cast<std::int8_t>(word);
    }
}

// The next words of a stream of constants, by one instruction on Arm cores.
template <std::uint32_t kCount>
inline void load_words(const std::uint32_t*& from, std::uint32_t* to) {
#if defined(VIGIL_DSP)
    static_assert(kCount <= 5);
    register std::uint32_t a asm("r4");
    register std::uint32_t b asm("r5");
    register std::uint32_t c asm("r6");
    register std::uint32_t d asm("r8");
    register std::uint32_t e asm("r9");
    if constexpr (kCount == 1) {
        to[0] = *from++;
    } else if constexpr (kCount == 2) {
        asm("ldrd %1, %2, [%0], #8" : "+r"(from), "=r"(to[0]), "=r"(to[1]));
    } else if constexpr (kCount == 3) {
        asm("ldmia %0!, {%1, %2, %3}" : "+r"(from), "=r"(a), "=r"(b), "=r"(c));
        to[0] = a, to[1] = b, to[2] = c;
    } else if constexpr (kCount == 4) {
        asm("ldmia %0!, {%1, %2, %3, %4}" : "+r"(from), "=r"(a), "=r"(b), "=r"(c), "=r"(d));
        to[0] = a, to[1] = b, to[2] = c, to[3] = d;
    } else {
        asm("ldmia %0!, {%1, %2, %3, %4, %5}"
            : "+r"(from), "=r"(a), "=r"(b), "=r"(c), "=r"(d), "=r"(e));
        to[0] = a, to[1] = b, to[2] = c, to[3] = d, to[4] = e;
    }
#else
    for (std::uint32_t i = 0; i < kCount; ++i) {
        to[i] = *from++;
    }
#endif
}

#if defined(VIGIL_DSP)
// By this type the compiler knows how far LDRD and STRD reach from a register.
using TwoWords = std::uint64_t __attribute__((may_alias, aligned(4)));
#endif

// Two words at an address that is a multiple of four, by one instruction on Arm cores.
inline void load_two(const std::uint32_t* from, std::uint32_t* to) {
#if defined(VIGIL_DSP)
    asm("ldrd %0, %1, %2"
        : "=r"(to[0]), "=r"(to[1])
        : "m"(*reinterpret_cast<const TwoWords*>(from)));
#else
    to[0] = from[0];
    to[1] = from[1];
#endif
}

inline void store_two(std::uint32_t* to, std::uint32_t first, std::uint32_t second) {
#if defined(VIGIL_DSP)
    asm("strd %1, %2, %0" : "=m"(*reinterpret_cast<TwoWords*>(to)) : "r"(first), "r"(second));
#else
    to[0] = first;
    to[1] = second;
#endif
}

// The same value in all bytes, or in both halves.
constexpr std::uint32_t bytes_of(std::int32_t value) {
    return (static_cast<std::uint32_t>(value) & 0xFF) * 0x01010101U;
}
constexpr std::uint32_t halves_of(std::int32_t value) {
    return (static_cast<std::uint32_t>(value) & 0xFFFF) * 0x00010001U;
}

#if defined(VIGIL_DSP)
#define VIGIL_ONE(name, code)                    \
    inline std::uint32_t name(std::uint32_t a) { \
        std::uint32_t to;                        \
        asm(code : "=r"(to) : [a] "r"(a));       \
        return to;                               \
    }
#define VIGIL_TWO(name, code)                                     \
    inline std::uint32_t name(std::uint32_t a, std::uint32_t b) { \
        std::uint32_t to;                                         \
        asm(code : "=r"(to) : [a] "r"(a), [b] "r"(b));            \
        return to;                                                \
    }
#define VIGIL_THREE(name, code)                                                      \
    inline std::uint32_t name(std::uint32_t a, std::uint32_t b, std::uint32_t sum) { \
        std::uint32_t to;                                                            \
        asm(code : "=r"(to) : [a] "r"(a), [b] "r"(b), [sum] "r"(sum));               \
        return to;                                                                   \
    }
VIGIL_ONE(even_bytes, "sxtb16 %0, %[a]")
VIGIL_ONE(odd_bytes, "sxtb16 %0, %[a], ror #8")
VIGIL_ONE(upper_even_bytes, "sxtb16 %0, %[a], ror #16")
VIGIL_ONE(saturated, "usat16 %0, #8, %[a]")
VIGIL_TWO(even_bytes, "sxtab16 %0, %[a], %[b]")
VIGIL_TWO(odd_bytes, "sxtab16 %0, %[a], %[b], ror #8")
VIGIL_TWO(low_product, "smulbb %0, %[a], %[b]")
VIGIL_TWO(high_product, "smultt %0, %[a], %[b]")
VIGIL_TWO(low_halves, "pkhbt %0, %[a], %[b], lsl #16")
VIGIL_TWO(high_halves, "pkhtb %0, %[b], %[a], asr #16")
VIGIL_TWO(less_bytes, "uqsub8 %0, %[a], %[b]")
VIGIL_TWO(add_byte_0, "sxtab %0, %[a], %[b]")
VIGIL_TWO(add_byte_1, "sxtab %0, %[a], %[b], ror #8")
VIGIL_TWO(add_byte_2, "sxtab %0, %[a], %[b], ror #16")
VIGIL_TWO(add_byte_3, "sxtab %0, %[a], %[b], ror #24")
VIGIL_THREE(add_products, "smlad %0, %[a], %[b], %[sum]")
VIGIL_THREE(add_low_product, "smlabb %0, %[a], %[b], %[sum]")
VIGIL_THREE(add_high_product, "smlatt %0, %[a], %[b], %[sum]")
VIGIL_THREE(add_low_by_high, "smlabt %0, %[a], %[b], %[sum]")
VIGIL_THREE(add_scaled_low, "smlawb %0, %[a], %[b], %[sum]")
VIGIL_THREE(add_scaled_high, "smlawt %0, %[a], %[b], %[sum]")
VIGIL_THREE(add_high_word, "smmla %0, %[a], %[b], %[sum]")
#undef VIGIL_ONE
#undef VIGIL_TWO
#undef VIGIL_THREE

inline std::uint32_t add_bytes(std::uint32_t a, std::uint32_t b) {
    std::uint32_t to;
    asm("uadd8 %0, %1, %2" : "=r"(to) : "r"(a), "r"(b) : "cc");
    return to;
}

inline std::uint32_t larger_four(std::uint32_t a, std::uint32_t b) {
    std::uint32_t larger;
    asm("ssub8 %0, %1, %2\n"  // sets a flag for each byte of `a` that is not smaller
        "sel %0, %1, %2\n"
        : "=&r"(larger)
        : "r"(a), "r"(b)
        : "cc");
    return larger;
}
#else
constexpr std::int32_t low_half(std::uint32_t word) {
    return static_cast<std::int16_t>(word);
}
constexpr std::int32_t high_half(std::uint32_t word) {
    return static_cast<std::int16_t>(word >> 16);
}
constexpr std::uint32_t low_halves(std::uint32_t a, std::uint32_t b) {
    return (a & 0xFFFF) | b << 16;
}
constexpr std::uint32_t high_halves(std::uint32_t a, std::uint32_t b) {
    return a >> 16 | (b & 0xFFFF0000);
}

// SXTAB16, SXTB16: bytes 0 and 2, or 1 and 3, sign-extended, added to the lanes.
constexpr std::uint32_t even_bytes(std::uint32_t lanes, std::uint32_t bytes) {
    return low_halves(
        static_cast<std::uint32_t>(low_half(lanes) + static_cast<std::int8_t>(bytes)),
        static_cast<std::uint32_t>(high_half(lanes) + static_cast<std::int8_t>(bytes >> 16)));
}
constexpr std::uint32_t odd_bytes(std::uint32_t lanes, std::uint32_t bytes) {
    return even_bytes(lanes, bytes >> 8);
}
constexpr std::uint32_t even_bytes(std::uint32_t bytes) {
    return even_bytes(0, bytes);
}
constexpr std::uint32_t odd_bytes(std::uint32_t bytes) {
    return odd_bytes(0, bytes);
}
// Bytes 2 and 0.
constexpr std::uint32_t upper_even_bytes(std::uint32_t bytes) {
    return even_bytes(0, bytes >> 16 | bytes << 16);
}

// SMULBB, SMULTT, SMLABB, SMLATT, SMLABT, SMLAD: products of lanes, added modulo 2^32.
constexpr std::uint32_t low_product(std::uint32_t a, std::uint32_t b) {
    return static_cast<std::uint32_t>(low_half(a) * low_half(b));
}
constexpr std::uint32_t high_product(std::uint32_t a, std::uint32_t b) {
    return static_cast<std::uint32_t>(high_half(a) * high_half(b));
}
constexpr std::uint32_t add_low_product(std::uint32_t a, std::uint32_t b, std::uint32_t sum) {
    return sum + low_product(a, b);
}
constexpr std::uint32_t add_high_product(std::uint32_t a, std::uint32_t b, std::uint32_t sum) {
    return sum + high_product(a, b);
}
constexpr std::uint32_t add_low_by_high(std::uint32_t a, std::uint32_t b, std::uint32_t sum) {
    return sum + static_cast<std::uint32_t>(low_half(a) * high_half(b));
}
constexpr std::uint32_t add_products(std::uint32_t a, std::uint32_t b, std::uint32_t sum) {
    return sum + low_product(a, b) + high_product(a, b);
}

// SMLAWB, SMLAWT, SMMLA: the upper bits of a product of 48 or 64, rounded down, added.
constexpr std::uint32_t add_upper(std::uint32_t a, std::int32_t b, std::uint32_t sum, int drop) {
    const std::int64_t product = std::int64_t{static_cast<std::int32_t>(a)} * b;
    return sum + static_cast<std::uint32_t>(product >> drop);
}
constexpr std::uint32_t add_scaled_low(std::uint32_t a, std::uint32_t b, std::uint32_t sum) {
    return add_upper(a, low_half(b), sum, 16);
}
constexpr std::uint32_t add_scaled_high(std::uint32_t a, std::uint32_t b, std::uint32_t sum) {
    return add_upper(a, high_half(b), sum, 16);
}
#if defined(VIGIL_THUMB1)
// From four products of 16-bit halves, as the core has no product of 64 bits.
constexpr std::uint32_t add_high_word(std::uint32_t a, std::uint32_t b, std::uint32_t sum) {
    const auto a_low = static_cast<std::int32_t>(a & 0xFFFF);
    const auto b_low = static_cast<std::int32_t>(b & 0xFFFF);
    const std::int32_t a_high = static_cast<std::int32_t>(a) >> 16;
    const std::int32_t b_high = static_cast<std::int32_t>(b) >> 16;
    const auto low = static_cast<std::uint32_t>(a_low) * static_cast<std::uint32_t>(b_low);
    const std::int32_t first = a_high * b_low + static_cast<std::int32_t>(low >> 16);
    const std::int32_t second = a_low * b_high + (first & 0xFFFF);
    return sum + static_cast<std::uint32_t>(a_high * b_high + (first >> 16) + (second >> 16));
}
#else
constexpr std::uint32_t add_high_word(std::uint32_t a, std::uint32_t b, std::uint32_t sum) {
    return add_upper(a, static_cast<std::int32_t>(b), sum, 32);
}
#endif

// SXTAB: a byte, sign-extended, added.
constexpr std::uint32_t add_byte_0(std::uint32_t sum, std::uint32_t bytes) {
    return sum + static_cast<std::uint32_t>(std::int32_t{static_cast<std::int8_t>(bytes)});
}
constexpr std::uint32_t add_byte_1(std::uint32_t sum, std::uint32_t bytes) {
    return add_byte_0(sum, bytes >> 8);
}
constexpr std::uint32_t add_byte_2(std::uint32_t sum, std::uint32_t bytes) {
    return add_byte_0(sum, bytes >> 16);
}
constexpr std::uint32_t add_byte_3(std::uint32_t sum, std::uint32_t bytes) {
    return add_byte_0(sum, bytes >> 24);
}

// USAT16: 16-bit lanes, clamped to 0..255.
constexpr std::uint32_t clamped(std::int32_t value) {
    return static_cast<std::uint32_t>(value < 0 ? 0 : value > 255 ? 255 : value);
}
constexpr std::uint32_t saturated(std::uint32_t lanes) {
    return clamped(low_half(lanes)) | clamped(high_half(lanes)) << 16;
}

// UADD8, UQSUB8: unsigned bytes, added modulo 256, or subtracted and clamped at 0.
inline std::uint32_t add_bytes(std::uint32_t a, std::uint32_t b) {
    return ((a & 0x7F7F7F7F) + (b & 0x7F7F7F7F)) ^ ((a ^ b) & 0x80808080);
}
inline std::uint32_t less_bytes(std::uint32_t a, std::uint32_t b) {
    std::uint32_t word = 0;
    for (std::uint32_t i = 0; i < 32; i += 8) {
        const std::uint32_t x = a >> i & 0xFF;
        const std::uint32_t y = b >> i & 0xFF;
        word |= (x > y ? x - y : 0) << i;
    }
    return word;
}

inline std::uint32_t larger_four(std::uint32_t a, std::uint32_t b) {
    std::uint32_t word = 0;
    for (std::uint32_t i = 0; i < 32; i += 8) {
        const bool first = static_cast<std::int8_t>(a >> i) >= static_cast<std::int8_t>(b >> i);
        word |= ((first ? a : b) >> i & 0xFF) << i;
    }
    return word;
}
#endif

// sum + weights[i] * (values[i] + offset) over all i, modulo 2^32; `offset` in both halves.
inline std::uint32_t dot(const std::int8_t* weights, const std::int8_t* values, std::uint32_t count,
                         std::uint32_t sum, std::uint32_t offset = 0) {
#if !defined(VIGIL_NO_LANES)
    const auto four = [&](std::uint32_t w, std::uint32_t x) {
        sum = add_products(even_bytes(w), even_bytes(offset, x), sum);
        sum = add_products(odd_bytes(w), odd_bytes(offset, x), sum);
    };
    for (; count >= 8; count -= 8, weights += 8, values += 8) {
        four(load_four(weights), load_four(values));
        four(load_four(weights + 4), load_four(values + 4));
    }
    if ((count & 4) != 0) {
        four(load_four(weights), load_four(values));
        weights += 4;
        values += 4;
    }
    count &= 3;
#endif
    for (; count != 0; --count) {
        const std::int32_t value = *values++ + static_cast<std::int16_t>(offset);
        sum += static_cast<std::uint32_t>(*weights++ * value);
    }
    return sum;
}

// kept[i] = the larger of kept[i] and values[i].
inline void keep_larger(std::int8_t* kept, const std::int8_t* values, std::uint32_t count) {
    for (; count >= 4; count -= 4, kept += 4, values += 4) {
        store_four(kept, larger_four(load_four(kept), load_four(values)));
    }
    for (; count != 0; --count, ++kept, ++values) {
        *kept = *values > *kept ? *values : *kept;
    }
}

}  // namespace vigil::compiled
