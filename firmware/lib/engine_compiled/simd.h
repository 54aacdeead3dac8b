// Sums of products and maxima of int8 values, four at a time where there is the DSP extension.
#pragma once

#include <cstdint>
#include <cstring>

namespace vigil::compiled {

// Four values, the first in the lowest byte, from any address: LDR may be unaligned.
inline std::uint32_t load_four(const std::int8_t* values) {
    std::uint32_t word;
    std::memcpy(&word, values, sizeof word);
    return word;
}

#if defined(__ARM_FEATURE_DSP) && !defined(VIGIL_PORTABLE_KERNELS)
inline std::uint32_t dot_four(std::uint32_t a, std::uint32_t b, std::uint32_t sum) {
    std::uint32_t even;
    std::uint32_t odd;
    std::uint32_t other;
    asm("sxtb16 %[even], %[a]\n"
        "sxtb16 %[other], %[b]\n"
        "sxtb16 %[odd], %[a], ror #8\n"
        "smlad %[sum], %[even], %[other], %[sum]\n"
        "sxtb16 %[other], %[b], ror #8\n"
        "smlad %[sum], %[odd], %[other], %[sum]\n"
        : [sum] "+r"(sum), [even] "=&r"(even), [odd] "=&r"(odd), [other] "=&r"(other)
        : [a] "r"(a), [b] "r"(b));
    return sum;
}

inline std::uint32_t larger_four(std::uint32_t a, std::uint32_t b) {
    std::uint32_t larger;
    asm("ssub8 %0, %1, %2\n"  // sets a flag for each byte of `a` that is not the smaller
        "sel %0, %1, %2\n"
        : "=&r"(larger)
        : "r"(a), "r"(b)
        : "cc");
    return larger;
}
#endif

// sum + a[0] * b[0] + a[1] * b[1] + ..., modulo 2^32.
inline std::uint32_t dot(const std::int8_t* a, const std::int8_t* b, std::uint32_t count,
                         std::uint32_t sum) {
#if defined(__ARM_FEATURE_DSP) && !defined(VIGIL_PORTABLE_KERNELS)
    for (; count >= 4; count -= 4, a += 4, b += 4) {
        sum = dot_four(load_four(a), load_four(b), sum);
    }
#endif
    for (; count != 0; --count) {
        sum += static_cast<std::uint32_t>(std::int32_t{*a++} * *b++);
    }
    return sum;
}

// kept[i] = the larger of kept[i] and values[i].
inline void keep_larger(std::int8_t* kept, const std::int8_t* values, std::uint32_t count) {
#if defined(__ARM_FEATURE_DSP) && !defined(VIGIL_PORTABLE_KERNELS)
    for (; count >= 4; count -= 4, kept += 4, values += 4) {
        const std::uint32_t larger = larger_four(load_four(kept), load_four(values));
        std::memcpy(kept, &larger, sizeof larger);
    }
#endif
    for (; count != 0; --count, ++kept, ++values) {
        *kept = *values > *kept ? *values : *kept;
    }
}

}  // namespace vigil::compiled
