// Two int16 in a word, the first in the lower half: two operations in one instruction of a core
// with the DSP extension.
#pragma once

#include <cstdint>
#include <cstring>

namespace vigil {

struct Pair {
    std::uint32_t word;

    std::int32_t first() const { return static_cast<std::int16_t>(word & 0xFFFF); }
    std::int32_t second() const { return static_cast<std::int16_t>(word >> 16); }
};

// Both values must fit an int16.
inline Pair packed(std::int32_t first, std::int32_t second) {
#if defined(__ARM_FEATURE_DSP)
    Pair both;
    asm("pkhbt %0, %1, %2, lsl #16" : "=r"(both.word) : "r"(first), "r"(second));
    return both;
#else
    return {(static_cast<std::uint32_t>(second) << 16) |
            (static_cast<std::uint32_t>(first) & 0xFFFF)};
#endif
}

inline Pair load_pair(const std::int16_t* from) {
    Pair both;
    std::memcpy(&both, from, sizeof both);
    return both;
}

// sum + a.first * b.first + a.second * b.second
inline std::int32_t add_products(std::int32_t sum, Pair a, Pair b) {
#if defined(__ARM_FEATURE_DSP)
    asm("smlad %0, %1, %2, %0" : "+r"(sum) : "r"(a.word), "r"(b.word));
    return sum;
#else
    return sum + a.first() * b.first() + a.second() * b.second();
#endif
}

// sum += a.first * b.first + a.second * b.second
inline void add_products(std::int64_t& sum, Pair a, Pair b) {
#if defined(__ARM_FEATURE_DSP)
    asm("smlald %Q0, %R0, %1, %2" : "+r"(sum) : "r"(a.word), "r"(b.word));
#else
    sum += std::int64_t{a.first()} * b.first() + std::int64_t{a.second()} * b.second();
#endif
}

// The larger values of a and b, and the smaller ones.
inline Pair larger(Pair a, Pair b) {
#if defined(__ARM_FEATURE_DSP)
    std::uint32_t difference;
    asm("ssub16 %1, %0, %2\n sel %0, %0, %2" : "+r"(a.word), "=&r"(difference) : "r"(b.word));
    return a;
#else
    return packed(a.first() > b.first() ? a.first() : b.first(),
                  a.second() > b.second() ? a.second() : b.second());
#endif
}

inline Pair smaller(Pair a, Pair b) {
#if defined(__ARM_FEATURE_DSP)
    std::uint32_t difference;
    asm("ssub16 %1, %0, %2\n sel %0, %2, %0" : "+r"(a.word), "=&r"(difference) : "r"(b.word));
    return a;
#else
    return packed(a.first() < b.first() ? a.first() : b.first(),
                  a.second() < b.second() ? a.second() : b.second());
#endif
}

}  // namespace vigil
